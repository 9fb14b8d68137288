//! Erasure: what goes is gone from every byte of every file, and what stays still proves itself.

use std::path::Path;

use rusqlite::Connection;
use sayso_consent::{Position, SubjectId};
use sayso_ledger::{receipt::Receipt, writer::Idempotency};

use crate::{
    python::Python,
    world::{
        PEOPLE, deny, erase, fill, grant, holds, newcomer, offers, one, open, person, public_key,
        report_of, secrets, submit, try_submit,
    },
};

/// More people than fit a page of the file, so that their keys were moved between pages.
const CROWD: u128 = 600;

/// Every file of a ledger but the journal, which keeps random ids on purpose.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = ["ledger.db", "ledger.db-wal", "derived.db", "derived.db-wal"];
    let read = |name: &str| Some((name.to_owned(), std::fs::read(folder.join(name)).ok()?));
    names.into_iter().filter_map(read).collect()
}

fn find(folder: &Path, bytes: &[u8]) -> Option<String> {
    let has = |(_, content): &(String, Vec<u8>)| {
        content.windows(bytes.len()).any(|window| window == bytes)
    };
    files(folder).into_iter().find(has).map(|(name, _)| name)
}

/// What must not be found in any file once somebody is erased.
struct Traces {
    subject: SubjectId,
    bytes: Vec<(&'static str, Vec<u8>)>,
}

impl Traces {
    fn of(folder: &Path, subject: SubjectId, identifiers: &[String]) -> Self {
        let database = Connection::open(folder.join("ledger.db")).unwrap();
        let own = subject.0.to_be_bytes();
        let key: Vec<u8> = database
            .query_row("SELECT wrapped FROM subject_keys WHERE subject = ?1", [own], |row| {
                row.get(0)
            })
            .unwrap();
        let mut rows = database.prepare("SELECT sealed FROM payloads WHERE subject = ?1").unwrap();
        let sealed: Vec<Vec<u8>> =
            rows.query_map([own], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert!(!sealed.is_empty());
        let mut bytes = vec![("wrapped key", key), ("subject id", own.to_vec())];
        bytes.push(("subject id in words", subject.to_string().into_bytes()));
        bytes.extend(identifiers.iter().map(|value| ("identifier", value.clone().into_bytes())));
        // The beginning is enough: a long one may be spread over pages.
        bytes.extend(sealed.into_iter().map(|sealed| ("payload", sealed[..48].to_vec())));
        Self { subject, bytes }
    }

    fn is_anywhere(&self, folder: &Path, what: &str) -> bool {
        self.bytes
            .iter()
            .filter(|(name, _)| *name == what)
            .any(|(_, bytes)| find(folder, bytes).is_some())
    }

    fn assert_gone(&self, folder: &Path) {
        for (what, bytes) in &self.bytes {
            assert_eq!(find(folder, bytes), None, "{what} of {}", self.subject);
        }
    }
}

#[test]
fn an_erased_person_is_in_no_file_and_the_tree_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let subject = person(2);
    let identifiers = ledger.identifiers(subject, None).unwrap();
    assert_eq!(identifiers.len(), 2);
    let values: Vec<String> =
        identifiers.iter().map(|text| text.split_once(':').unwrap().1.to_owned()).collect();
    // An answer that names the person, and an index of the person's entries.
    let idempotency = Some(Idempotency { key: [1; 32], request: [2; 32] });
    try_submit(&ledger, vec![deny(subject, offers(Some("chat")))], idempotency).unwrap();
    let history = ledger.history(subject, Position::at(u64::MAX), 100).unwrap();
    let receipts: Vec<Receipt> =
        history.iter().map(|entry| ledger.receipt(entry.position).unwrap().unwrap()).collect();
    assert!(receipts.len() > 5);
    let traces = Traces::of(folder.path(), subject, &values);
    for what in ["wrapped key", "subject id", "subject id in words", "payload"] {
        assert!(traces.is_anywhere(folder.path(), what), "the search finds a {what} that is there");
    }
    assert!(
        !traces.is_anywhere(folder.path(), "identifier"),
        "identifiers are never stored in clear"
    );

    erase(&ledger, subject);

    traces.assert_gone(folder.path());
    assert!(ledger.find(&identifiers[0]).unwrap().is_none());
    assert!(ledger.receipt(receipts[0].position).unwrap().is_none());
    drop(ledger);
    traces.assert_gone(folder.path());
    let file = folder.path().join("ledger.db");
    let report = report_of(&file, true, None).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.erased > receipts.len() as u64);
    for receipt in &receipts {
        assert_eq!(receipt.verify(&secrets().verifying()), Ok(()));
    }
    let ledger = open(folder.path());
    assert!(ledger.snapshot().subject(subject).is_none());
    traces.assert_gone(folder.path());
    drop(ledger);
    check_with_python(folder.path(), &receipts);
}

fn check_with_python(folder: &Path, receipts: &[Receipt]) {
    let Some(python) = Python::find() else { return };
    let said = python.ledgers(&[folder.join("ledger.db")], true, None).remove(0);
    assert!(said.holds, "{:?}", said.report);
    let files: Vec<_> = receipts
        .iter()
        .map(|receipt| {
            let path = folder.join(format!("{}.json", receipt.position));
            std::fs::write(&path, serde_json::to_vec_pretty(receipt).unwrap()).unwrap();
            path
        })
        .collect();
    for said in python.receipts(&files, &public_key()) {
        assert!(said.holds, "{:?}", said.report);
    }
}

/// Keys and payloads are moved inside the file as it grows. No copy may be left where they were.
#[test]
fn no_stale_copy_of_a_key_or_payload_stays_behind() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    for n in (PEOPLE..CROWD).step_by(40) {
        // In several writes, so that pages fill and split one after another.
        submit(&ledger, (n..n + 40).map(|n| newcomer(&ledger, n)).collect());
        submit(&ledger, (n..n + 40).map(|n| grant(person(n), offers(None))).collect());
    }
    ledger.history(person(1), Position::at(u64::MAX), 1).unwrap();
    let some: Vec<u128> = (PEOPLE..CROWD).step_by(9).collect();
    let traces: Vec<Traces> =
        some.iter().map(|n| Traces::of(folder.path(), person(*n), &[])).collect();
    for traces in &traces {
        erase(&ledger, traces.subject);
    }
    for traces in &traces {
        traces.assert_gone(folder.path());
    }
    drop(ledger);
    assert!(holds(&folder.path().join("ledger.db"), true, None));
}

/// While a backup reads, the write-ahead log cannot be emptied. It is as soon as it can be.
#[test]
fn an_erasure_during_a_backup_is_cleared_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let backup = Connection::open(folder.path().join("ledger.db")).unwrap();
    backup.execute_batch("BEGIN; SELECT count(*) FROM entries").unwrap();
    let traces = Traces::of(folder.path(), person(2), &[]);
    erase(&ledger, person(2));
    assert!(ledger.is_healthy() && ledger.snapshot().subject(person(2)).is_none());
    assert!(
        traces.is_anywhere(folder.path(), "wrapped key"),
        "the backup still needs the old pages"
    );
    backup.execute_batch("COMMIT").unwrap();
    one(&ledger, deny(person(3), offers(None)));
    traces.assert_gone(folder.path());
}

/// The index of people's entries can be lost or be that of a longer ledger; erasure takes all.
#[test]
fn erasure_does_not_rely_on_an_index_that_may_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let backup = folder.path().join("backup.db");
    ledger.store().back_up(&backup, &mut |_, _| {}).unwrap();
    for channel in ["chat", "sms", "call"] {
        submit(&ledger, (20..40).map(|n| grant(person(n), offers(Some(channel)))).collect());
    }
    // The index is now ahead of what the backup knows.
    assert!(!ledger.history(person(20), Position::at(u64::MAX), 1).unwrap().is_empty());
    ledger.store().set_cursor("mailer", ledger.snapshot().head()).unwrap();
    drop(ledger);
    std::fs::copy(&backup, folder.path().join("ledger.db")).unwrap();
    let ledger = open(folder.path());
    assert_eq!(ledger.store().cursor("mailer").unwrap(), Position::START, "a follower begins anew");
    one(&ledger, deny(person(20), offers(Some("post"))));
    let traces = Traces::of(folder.path(), person(20), &[]);
    erase(&ledger, person(20));
    traces.assert_gone(folder.path());
    drop(ledger);
    assert!(holds(&folder.path().join("ledger.db"), true, None));
}
