//! What is removed, moved or exchanged is found; a ledger that was left alone holds.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    python::Python,
    world::{at, closed, grant, holds, noon, offers, one, open, person, report_of},
};

/// A copy of a ledger that was changed by SQL.
fn changed(folder: &TempDir, name: &str, sql: &str) -> PathBuf {
    let copy = folder.path().join(format!("{name}.db"));
    std::fs::copy(folder.path().join("ledger.db"), &copy).unwrap();
    let database = Connection::open(&copy).unwrap();
    database.execute_batch(sql).unwrap();
    database.execute_batch("PRAGMA journal_mode=DELETE").unwrap();
    copy
}

/// Name, SQL, and whether it shows without the root key.
const CHANGES: &[(&str, &str, bool)] = &[
    (
        "last entry deleted",
        "DELETE FROM entries WHERE number = (SELECT max(number) FROM entries)",
        true,
    ),
    ("first entry deleted", "DELETE FROM entries WHERE number = 1; DELETE FROM payloads WHERE number = 1", true),
    ("middle entry deleted", "DELETE FROM entries WHERE number = 100; DELETE FROM payloads WHERE number = 100", true),
    (
        "two entries exchanged",
        "UPDATE entries SET number = -1 WHERE number = 20; UPDATE entries SET number = 20 WHERE number = 21;
         UPDATE entries SET number = 21 WHERE number = -1",
        true,
    ),
    (
        "two commitments exchanged",
        "UPDATE entries SET commitment = (SELECT commitment FROM entries AS other
             WHERE other.number = 61 - entries.number) WHERE number IN (30, 31)",
        true,
    ),
    ("an entry in front", "INSERT INTO entries SELECT -1, commitment, chain FROM entries WHERE number = 1", true),
    ("everything deleted", "DELETE FROM entries; DELETE FROM payloads; DELETE FROM subject_keys", true),
    ("signed head deleted", "DELETE FROM meta WHERE name = 'checkpoint'", true),
    ("another name", "UPDATE meta SET value = '0011223344556677' WHERE name = 'ledger_id'", true),
    ("a key deleted", "DELETE FROM subject_keys WHERE subject = (SELECT subject FROM payloads WHERE number = 10)", true),
    (
        "payloads of two people exchanged",
        "UPDATE payloads SET sealed = (SELECT sealed FROM payloads AS other
             WHERE other.number = 21 - payloads.number) WHERE number IN (10, 11)",
        false,
    ),
    (
        "payloads of one person exchanged",
        "CREATE TEMP TABLE own AS SELECT min(number) AS a, max(number) AS b FROM payloads
             WHERE subject = (SELECT subject FROM payloads WHERE number = 10);
         UPDATE payloads SET sealed = (SELECT sealed FROM payloads AS other
             WHERE other.number = (SELECT a + b FROM own) - payloads.number)
             WHERE number IN (SELECT a FROM own UNION SELECT b FROM own)",
        false,
    ),
    (
        "a payload with another's subject",
        "UPDATE payloads SET subject = (SELECT subject FROM payloads WHERE number = 11) WHERE number = 10",
        false,
    ),
    (
        "wrapped keys exchanged",
        "CREATE TEMP TABLE own AS SELECT subject, wrapped FROM subject_keys LIMIT 2;
         UPDATE subject_keys SET wrapped = (SELECT wrapped FROM own WHERE own.subject != subject_keys.subject)
             WHERE subject IN (SELECT subject FROM own)",
        false,
    ),
];

#[test]
fn what_was_left_alone_holds_and_what_was_changed_is_found() {
    let folder = closed();
    let file = folder.path().join("ledger.db");
    let report = report_of(&file, true, None).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.entries > 300 && report.erased > 5 && report.is_signed, "{report:?}");
    assert_eq!(report.opened, report.entries - report.erased);
    let copies: Vec<PathBuf> =
        CHANGES.iter().map(|(name, sql, _)| changed(&folder, name, sql)).collect();
    for (copy, (name, _, is_open)) in copies.iter().zip(CHANGES) {
        assert!(!holds(copy, true, None), "{name}");
        assert!(!is_open || !holds(copy, false, None), "{name}, without the root key");
    }
    let Some(python) = Python::find() else { return };
    for with_root in [true, false] {
        let said = python.ledgers(std::slice::from_ref(&file), with_root, None).remove(0);
        assert!(said.holds, "{:?}", said.report);
        let own = report_of(&file, with_root, None).unwrap();
        for (name, count) in
            [("entries", own.entries), ("erased", own.erased), ("opened", own.opened)]
        {
            assert_eq!(said.report[name], count, "{name}");
        }
        assert_eq!(said.report["root"], own.root.as_str());
        for (said, (name, _, is_open)) in
            python.ledgers(&copies, with_root, None).iter().zip(CHANGES)
        {
            assert!(!said.holds || !(with_root || *is_open), "{name}, root key: {with_root}");
        }
    }
}

/// The stored signed head is as old as the file that it is in; only one that was kept elsewhere
/// shows that a ledger was taken back.
#[test]
fn a_ledger_that_was_taken_back_is_found_by_a_kept_checkpoint() {
    let folder = closed();
    let (old, new) = (folder.path().join("old.db"), folder.path().join("new.db"));
    let ledger = open(folder.path());
    ledger.store().back_up(&old, &mut |_, _| {}).unwrap();
    let earlier = ledger.checkpoint();
    one(&ledger, grant(person(1), offers(Some("sms"))));
    let kept = ledger.checkpoint();
    ledger.store().back_up(&new, &mut |_, _| {}).unwrap();
    drop(ledger);
    let note = folder.path().join("kept");
    let cases =
        [(&old, &kept, false), (&old, &earlier, true), (&new, &earlier, true), (&new, &kept, true)];
    for (file, kept, expected) in cases {
        assert!(holds(file, true, None), "{file:?} alone");
        assert_eq!(holds(file, true, Some(kept)), expected, "{file:?}");
        let Some(python) = Python::find() else { continue };
        std::fs::write(&note, kept).unwrap();
        let said = python.ledgers(std::slice::from_ref(file), false, Some(&note)).remove(0);
        assert_eq!(said.holds, expected, "{:?}", said.report);
    }
    let forged = kept.replace("sayso/", "sayso/0");
    assert!(!holds(&new, true, Some(&forged)));
}

/// A branch: the same ledger went on in two ways. Each holds alone, not beside the other's head.
#[test]
fn two_branches_of_one_ledger_do_not_pass_for_each_other() {
    let folder = closed();
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("ledger.db"), other.path().join("ledger.db")).unwrap();
    let heads = [folder.path(), other.path()].map(|path: &Path| {
        let ledger = open(path);
        ledger.clock().set(if path == folder.path() { noon() } else { at("2026-01-11") });
        one(&ledger, grant(person(1), offers(Some("sms"))));
        ledger.checkpoint()
    });
    let file = folder.path().join("ledger.db");
    assert!(holds(&file, true, Some(&heads[0])));
    assert!(!holds(&file, true, Some(&heads[1])));
}

#[test]
fn a_file_that_was_cut_short_is_found() {
    let folder = closed();
    let whole = std::fs::read(folder.path().join("ledger.db")).unwrap();
    let mut files = Vec::new();
    for part in [1, 2, 3] {
        let copy = folder.path().join(format!("cut-{part}.db"));
        std::fs::write(&copy, &whole[..whole.len() * part / 4]).unwrap();
        assert!(!holds(&copy, true, None), "{part} of 4");
        files.push(copy);
    }
    let Some(python) = Python::find() else { return };
    assert!(python.ledgers(&files, true, None).iter().all(|said| !said.holds));
}
