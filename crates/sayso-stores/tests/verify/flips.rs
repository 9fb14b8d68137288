//! Any flipped bit of what is stored is found.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, types::Value};

use crate::{
    python::Python,
    world::{closed, holds, report_of},
};

/// How many flips are tried.
const FLIPS: usize = 300;

/// A column, and whether a flip in it shows without the root key.
const COLUMNS: [(&str, &str, bool); 10] = [
    ("entries", "number", true),
    ("entries", "commitment", true),
    ("entries", "chain", true),
    // Moved to the place of an erased entry it looks like that entry's own.
    ("payloads", "number", false),
    ("payloads", "subject", true),
    ("payloads", "sealed", false),
    ("subject_keys", "subject", true),
    ("subject_keys", "wrapped", false),
    ("meta", "value", true),
    ("meta", "name", true),
];

/// Numbers that look random and are the same in every run (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % sides as u64).unwrap()
    }
}

fn flipped(value: Value, dice: &mut Dice) -> Option<Value> {
    let mut flip = |mut bytes: Vec<u8>| {
        let (byte, bit) = (dice.roll(bytes.len()), dice.roll(8));
        bytes[byte] ^= 1 << bit;
        bytes
    };
    match value {
        Value::Integer(number) => Some(Value::Integer(number ^ (1 << dice.roll(64)))),
        Value::Blob(bytes) => Some(Value::Blob(flip(bytes))),
        // A text cannot hold bytes that are no UTF-8, nor does a zero byte stay in it.
        Value::Text(text) => {
            let bytes = flip(text.into_bytes());
            let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
            text.map(Value::Text)
        }
        _ => None,
    }
}

/// Flips one bit of a random row of a column, and says where; `None` if that cannot be stored.
fn flip(file: &Path, table: &str, column: &str, dice: &mut Dice) -> Option<String> {
    let database = Connection::open(file).unwrap();
    let rows: i64 =
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
    let skip = dice.roll(usize::try_from(rows).unwrap());
    let query = format!("SELECT {column} FROM {table} ORDER BY 1 LIMIT 1 OFFSET {skip}");
    let before: Value = database.query_row(&query, [], |row| row.get(0)).unwrap();
    let after = flipped(before.clone(), dice)?;
    let update = format!("UPDATE {table} SET {column} = ?1 WHERE {column} = ?2");
    let changed = database.execute(&update, [&after, &before]).ok()?;
    database.execute_batch("PRAGMA journal_mode=DELETE").unwrap();
    (changed == 1).then(|| format!("{table}.{column} of row {skip}"))
}

#[test]
fn every_flipped_bit_is_found_by_both_verifiers() {
    let (folder, mut dice) = (closed(), Dice::new(0x5A75_0000_0000_0001));
    let file = folder.path().join("ledger.db");
    assert_eq!(report_of(&file, true, None).unwrap().problems, Vec::<String>::new());
    let mut tried: Vec<(PathBuf, String, bool)> = Vec::new();
    while tried.len() < FLIPS {
        let (table, column, is_open) = COLUMNS[dice.roll(COLUMNS.len())];
        let copy = folder.path().join(format!("flip-{}.db", tried.len()));
        std::fs::copy(&file, &copy).unwrap();
        if let Some(place) = flip(&copy, table, column, &mut dice) {
            assert!(!holds(&copy, true, None), "{place} is not found");
            assert!(
                !is_open || !holds(&copy, false, None),
                "{place} is not found without the root key"
            );
            tried.push((copy, place, is_open));
        }
    }
    let Some(python) = Python::find() else { return };
    for with_root in [true, false] {
        let tried: Vec<_> = tried.iter().filter(|(_, _, is_open)| with_root || *is_open).collect();
        let files: Vec<_> = tried.iter().map(|(copy, ..)| copy.clone()).collect();
        for ((_, place, _), said) in tried.iter().zip(python.ledgers(&files, with_root, None)) {
            assert!(!said.holds, "{place} is not found by Python, root key: {with_root}");
        }
    }
}
