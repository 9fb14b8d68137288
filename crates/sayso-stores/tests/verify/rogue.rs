//! A writer that has the root key and does not keep to the format: everything is signed and sealed,
//! and yet a reader could take it for something else than what it says.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use rusqlite::{Connection, params};
use sayso_consent::{Entry, Position, SubjectId};
use sayso_ledger::{
    checkpoint::Checkpoint,
    record::{Hash, canonical, chain, commitment},
    tree::Frontier,
};

use crate::{
    python::Python,
    world::{closed, open, person, report_of, secrets},
};

type Rewrite = fn(&str) -> String;

/// What is done to the bytes of the newest entry. The first changes nothing and must hold.
///
/// Last, whether the form shows it. What does not is found only by a program that knows every
/// event, which the other verifier does not.
const REWRITES: &[(&str, Rewrite, bool)] = &[
    ("as it was", str::to_owned, false),
    ("white space", |text| text.replacen(':', ": ", 1), true),
    ("an unknown member", |text| text.replacen('{', "{\"a\":1,", 1), false),
    (
        "an unknown member of an event",
        |text| text.replacen("\"effect\"", "\"deadline\":\"2027\",\"effect\"", 1),
        false,
    ),
    ("a member twice", |text| text.replacen('{', "{\"at\":\"2026-01-10T12:00:00.000Z\",", 1), true),
    (
        "another order",
        |text| {
            let (first, rest) = text[1..].split_once(',').unwrap();
            format!("{{{},{first}}}", &rest[..rest.len() - 1])
        },
        true,
    ),
    ("an escape", |text| text.replacen("denial", "d\\u0065nial", 1), true),
    ("another spelling of the time", |text| text.replacen(".000Z", "Z", 1), false),
    ("another version", |text| text.replacen("\"v\":1", "\"v\":2", 1), true),
    ("another position", |text| text.replacen("\"position\":\"0-", "\"position\":\"0-1", 1), true),
    ("another person", |text| text.replace(&person(1).to_string(), &person(2).to_string()), true),
];

fn seal(key: &[u8], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce = [7; 24];
    let cipher = XChaCha20Poly1305::new(key.try_into().unwrap());
    let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad }).unwrap();
    [nonce.as_slice(), &sealed].concat()
}

/// Puts other bytes in the place of the newest entry, and makes everything around them fit.
fn rewrite(file: &std::path::Path, newest: &Entry, subject: SubjectId, bytes: &[u8]) {
    let (secrets, position) = (secrets(), newest.position);
    let database = Connection::open(file).unwrap();
    let own = subject.0.to_be_bytes();
    let wrapped: Vec<u8> = database
        .query_row("SELECT wrapped FROM subject_keys WHERE subject = ?1", [own], |row| row.get(0))
        .unwrap();
    let key = secrets.unwrap(subject, &wrapped).unwrap();
    let (salt, number) = ([9; 32], position.number.cast_signed());
    let committed = commitment(&salt, bytes);
    let aad = [b"sayso payload v1\0\0\0".as_slice(), &number.to_be_bytes(), &own].concat();
    let sealed = seal(key.as_slice(), &aad, &[&salt, bytes].concat());
    let before: Hash = database
        .query_row("SELECT chain FROM entries WHERE number = ?1", [number - 1], |row| row.get(0))
        .unwrap();
    let chained = chain(&before, position, &committed);
    let set = "UPDATE entries SET commitment = ?1, chain = ?2 WHERE number = ?3";
    assert_eq!(database.execute(set, params![committed, chained, number]), Ok(1));
    let set = "UPDATE payloads SET sealed = ?1 WHERE number = ?2";
    assert_eq!(database.execute(set, params![sealed, number]), Ok(1));
    let mut frontier = Frontier::default();
    let mut rows = database.prepare("SELECT commitment FROM entries ORDER BY number").unwrap();
    let commitments = rows.query_map([], |row| row.get::<_, Hash>(0)).unwrap();
    commitments.for_each(|commitment| frontier.push(&commitment.unwrap()));
    let id: String = database
        .query_row("SELECT value FROM meta WHERE name = 'ledger_id'", [], |row| row.get(0))
        .unwrap();
    let (size, root) = (frontier.size(), frontier.root());
    let note = Checkpoint { origin: format!("sayso/{id}"), size, root }.sign(secrets.signing());
    database.execute("UPDATE meta SET value = ?1 WHERE name = 'checkpoint'", [note]).unwrap();
    drop(rows);
    database.execute_batch("PRAGMA journal_mode=DELETE").unwrap();
}

#[test]
fn bytes_that_could_be_read_in_two_ways_are_found() {
    let folder = closed();
    let subject = person(1);
    let ledger = open(folder.path());
    crate::world::one(&ledger, crate::world::deny(subject, crate::world::offers(Some("sms"))));
    let newest = ledger.history(subject, Position::at(u64::MAX), 1).unwrap().remove(0);
    drop(ledger);
    let bytes = String::from_utf8(canonical(&newest).unwrap()).unwrap();
    let mut files = Vec::new();
    for (name, change, _) in REWRITES {
        let changed = change(&bytes);
        assert_eq!(changed != bytes, !files.is_empty(), "{name} is a change");
        let copy = folder.path().join(format!("rogue-{}.db", files.len()));
        std::fs::copy(folder.path().join("ledger.db"), &copy).unwrap();
        rewrite(&copy, &newest, subject, changed.as_bytes());
        let problems = report_of(&copy, true, None).unwrap().problems;
        assert_eq!(problems.len(), usize::from(!files.is_empty()), "{name}: {problems:?}");
        assert_eq!(report_of(&copy, false, None).unwrap().problems, Vec::<String>::new());
        files.push(copy);
    }
    let Some(python) = Python::find() else { return };
    for (said, (name, _, is_form)) in python.ledgers(&files, true, None).iter().zip(REWRITES) {
        assert_eq!(said.holds, !is_form, "{name}: {:?}", said.report);
    }
}
