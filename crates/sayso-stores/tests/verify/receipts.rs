//! Receipts hold, for anyone, and stop holding when anything in them is changed.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use sayso_consent::Position;
use sayso_ledger::{Secrets, receipt::Receipt};
use serde_json::{Value, json};

use crate::{
    flips::Dice,
    python::Python,
    world::{closed, deny, grant, offers, one, open, person, public_key, secrets},
};

/// How many bits are flipped.
const FLIPS: usize = 400;

/// The receipts of every entry that has one.
fn receipts() -> Vec<Receipt> {
    let folder = closed();
    let ledger = open(folder.path());
    let head = ledger.snapshot().head().number;
    let all = (1..=head).filter_map(|number| ledger.receipt(Position::at(number)).unwrap());
    all.collect()
}

fn is_believed(text: &str) -> bool {
    Receipt::read(text).is_ok_and(|receipt| receipt.verify(&secrets().verifying()).is_ok())
}

fn python_believes(texts: &[String], key: &str) -> Option<Vec<bool>> {
    let python = Python::find()?;
    let folder = tempfile::tempdir().unwrap();
    let write = |(number, text): (usize, &String)| -> PathBuf {
        let path = folder.path().join(format!("{number}.json"));
        std::fs::write(&path, text).unwrap();
        path
    };
    let files: Vec<PathBuf> = texts.iter().enumerate().map(write).collect();
    Some(python.receipts(&files, key).iter().map(|said| said.holds).collect())
}

#[test]
fn every_receipt_holds_and_under_no_other_key() {
    let receipts = receipts();
    assert!(receipts.len() > 250, "{}", receipts.len());
    let other = Secrets::generate().unwrap();
    for receipt in &receipts {
        assert_eq!(receipt.verify(&secrets().verifying()), Ok(()), "{}", receipt.receipt_id);
        assert!(receipt.verify(&other.verifying()).is_err());
    }
    let texts: Vec<String> =
        receipts.iter().map(|receipt| serde_json::to_string(receipt).unwrap()).collect();
    assert!(texts.iter().all(|text| is_believed(text)));
    let Some(believed) = python_believes(&texts, &public_key()) else { return };
    assert!(believed.iter().all(|believed| *believed));
    let key = hex::encode(other.verifying().as_bytes());
    assert!(!python_believes(&texts[..5], &key).unwrap().contains(&true));
}

/// Every place in a JSON value, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(n, value)| places(value, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// The value with one place changed in several ways.
fn changes(whole: &Value, place: &str) -> Vec<Value> {
    let with = |new: Value| {
        let mut whole = whole.clone();
        *whole.pointer_mut(place).unwrap() = new;
        whole
    };
    let mut changed = vec![with(Value::Null), with(json!({"more": 1}))];
    match whole.pointer(place).unwrap() {
        Value::String(text) => {
            changed.extend([
                with(json!("")),
                with(json!(format!("{text}x"))),
                with(json!(format!(" {text}"))),
            ]);
            if *text != text.to_uppercase() {
                changed.push(with(json!(text.to_uppercase())));
            }
        }
        Value::Number(number) => changed.push(with(json!(number.as_u64().unwrap() + 1))),
        Value::Bool(own) => changed.push(with(json!(!own))),
        Value::Array(items) => {
            changed.push(with(json!([])));
            changed.push(with(json!([items.as_slice(), &[items[0].clone()]].concat())));
            if items.len() > 1 {
                changed.push(with(json!(items.iter().rev().collect::<Vec<_>>())));
            }
        }
        Value::Object(fields) => {
            let mut more = fields.clone();
            more.insert("note".into(), json!("added"));
            changed.push(with(Value::Object(more)));
            for name in fields.keys() {
                let mut less = fields.clone();
                less.remove(name);
                changed.push(with(Value::Object(less)));
            }
        }
        Value::Null => {}
    }
    changed
}

#[test]
fn no_changed_receipt_is_believed() {
    let receipts = receipts();
    let mut dice = Dice::new(0x5A75_0000_0000_0002);
    let mut texts = Vec::new();
    // The longest one, for it has the most fields.
    let fullest =
        receipts.iter().max_by_key(|receipt| serde_json::to_string(&receipt.entry).unwrap().len());
    let whole = serde_json::to_value(fullest.unwrap()).unwrap();
    let mut found = Vec::new();
    places(&whole, "", &mut found);
    assert!(found.len() > 40);
    texts.extend(
        found.iter().flat_map(|place| changes(&whole, place)).map(|value| value.to_string()),
    );
    let text = serde_json::to_string(fullest.unwrap()).unwrap();
    texts.push(text.replacen('{', "{\"position\":\"0-1\",", 1));
    texts.push(text.replacen("\"entry\":{", "\"entry\":{\"by\":\"x\",", 1));
    texts.push(text.replacen("\"signature\":\"", "\"signature\":\"=", 1));
    while texts.len() < FLIPS * 2 {
        let text = serde_json::to_string(&receipts[dice.roll(receipts.len())]).unwrap();
        let mut bytes = text.into_bytes();
        let (byte, bit) = (dice.roll(bytes.len()), dice.roll(8));
        bytes[byte] ^= 1 << bit;
        texts.extend(String::from_utf8(bytes));
    }
    for text in &texts {
        assert!(!is_believed(text), "{text}");
    }
    let Some(believed) = python_believes(&texts, &public_key()) else { return };
    for (text, believed) in texts.iter().zip(believed) {
        assert!(!believed, "{text}");
    }
}

/// Parts of two receipts do not make a third.
#[test]
fn receipts_cannot_be_mixed() {
    let receipts = receipts();
    let (one, other) = (&receipts[3], &receipts[200]);
    let mixed = [
        Receipt { entry: other.entry.clone(), salt: other.salt.clone(), ..one.clone() },
        Receipt { proof: other.proof.clone(), ..one.clone() },
        Receipt { signature: other.signature.clone(), ..one.clone() },
        Receipt { position: other.position, receipt_id: other.receipt_id.clone(), ..one.clone() },
    ];
    for receipt in mixed {
        assert!(receipt.verify(&secrets().verifying()).is_err());
    }
}

/// The store runs ahead of the tree while entries are being taken in; a proof must be of one head.
#[test]
fn a_receipt_taken_while_others_write_holds() {
    let folder = closed();
    let ledger = open(folder.path());
    let (done, key) = (AtomicBool::new(false), secrets().verifying());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..150 {
                one(
                    &ledger,
                    if turn % 2 == 0 {
                        deny(person(1), offers(None))
                    } else {
                        grant(person(1), offers(None))
                    },
                );
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut taken = 0;
        while !done.load(Ordering::SeqCst) {
            let newest = ledger.store().head().unwrap().position;
            if let Some(receipt) = ledger.receipt(newest).unwrap() {
                assert_eq!(receipt.verify(&key), Ok(()), "{newest}");
                taken += 1;
            }
        }
        assert!(taken > 100, "{taken}");
    });
}
