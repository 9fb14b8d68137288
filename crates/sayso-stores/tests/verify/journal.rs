//! The journal of withdrawals reads back, and one torn line costs no other.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{Command, Position, Scope, SubjectId};
use sayso_ledger::{
    Clock, Ledger, Store,
    journal::{Index, Journal, Line, read},
};
use sayso_stores::Embedded;

use crate::world::{at, deny, fill, id, noon, offers, one, open, person, secrets};

fn line(number: u64) -> Line {
    Line {
        position: Position::at(number),
        chain: Some([number as u8; 32]),
        at: noon(),
        subject: Some(SubjectId(7)),
        denials: vec![Scope::default()],
        is_erased: false,
        events: Vec::new(),
        is_caught_up: false,
    }
}

#[test]
fn every_denial_and_erasure_is_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let head = ledger.snapshot().head();
    let denied = one(&ledger, deny(person(1), offers(None))).position;
    let erased = one(&ledger, Command::Erase { subject: person(2), at_once: false }).position;
    let (lines, unreadable) = read(&folder.path().join("journal"), &secrets()).unwrap();
    let lines: Vec<Line> = lines.into_iter().filter(|line| line.position > head).collect();
    assert_eq!(unreadable, 0);
    assert_eq!(
        (lines[0].position, lines[0].subject, &lines[0].denials),
        (denied, Some(person(1)), &vec![offers(None)])
    );
    assert_eq!(
        (lines[1].position, lines[1].subject, lines[1].is_erased),
        (erased, Some(person(2)), true)
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_torn_line_does_not_take_the_next_one_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    Journal::open(&path).unwrap().append(&[line(1)], &secrets()).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"0123456789abcdef0123456789abcdef {\"at\":\"20").unwrap();
    let mut journal = Journal::open(&path).unwrap();
    journal.append(&[line(2)], &secrets()).unwrap();
    journal.append(&[line(3)], &secrets()).unwrap();
    assert_eq!(read(&path, &secrets()).unwrap(), (vec![line(1), line(2), line(3)], 1));
}

#[test]
fn a_changed_line_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    Journal::open(&path).unwrap().append(&[line(1)], &secrets()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (lines, unreadable) = read(&path, &secrets()).unwrap();
        // The blank after the digest and the end of the line say nothing.
        let is_filler = at == 32 || at + 1 == whole.len();
        assert!(is_filler || (lines.is_empty() && unreadable > 0), "byte {at}");
    }
}

/// A ledger whose journal fails from the first line on, until the returned folder is removed.
fn unwritable(folder: &Path) -> (Ledger, PathBuf) {
    let path = folder.join("journal");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let journal = Journal::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::rename(folder.join("kept"), &path).unwrap();
    let store = Arc::new(Embedded::open(folder).unwrap());
    let ledger = Ledger::open(store, secrets(), Clock::fixed(noon()), Some(journal)).unwrap();
    std::fs::rename(&path, folder.join("kept")).unwrap();
    std::fs::create_dir(&path).unwrap();
    (ledger, path)
}

fn has_line(folder: &Path, position: Position) -> bool {
    let (lines, _) = read(&folder.join("journal"), &secrets()).unwrap();
    lines.iter().any(|line| line.position == position)
}

/// A ledger with a withdrawal that the journal lacks, which still fails.
fn with_gap(folder: &Path) -> (Ledger, Position) {
    fill(&open(folder));
    std::fs::copy(folder.join("journal"), folder.join("kept")).unwrap();
    let (ledger, path) = unwritable(folder);
    let denied = one(&ledger, deny(person(1), offers(None))).position;
    assert!(!ledger.is_journal_ok());
    one(&ledger, deny(person(5), offers(None)));
    assert!(!ledger.is_journal_ok());
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(folder.join("kept"), &path).unwrap();
    assert!(!has_line(folder, denied));
    (ledger, denied)
}

#[test]
fn a_journal_that_is_back_is_given_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, denied) = with_gap(folder.path());
    let begun = Instant::now();
    while !ledger.is_journal_ok() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the journal is not given its lines");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(has_line(folder.path(), denied));
}

#[test]
fn a_journal_is_given_what_it_lacks_when_the_ledger_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()));
    let path = folder.path().join("journal");
    let (before, _) = read(&path, &secrets()).unwrap();
    assert!(before.len() > 20);
    std::fs::remove_file(&path).unwrap();
    let head = open(folder.path()).snapshot().head();
    let (after, _) = read(&path, &secrets()).unwrap();
    let is_erased = |line: &&Line| line.subject != Some(person(13));
    assert_eq!(after, before.iter().filter(is_erased).cloned().collect::<Vec<_>>());
    // And once only.
    assert_eq!(open(folder.path()).snapshot().head(), head);
    assert_eq!(read(&path, &secrets()).unwrap().0, after);
}

/// What each kind of entry takes away is in the journal, and is taken away from an older copy.
#[test]
fn whatever_takes_something_away_is_recorded_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    one(&ledger, Command::AcquireDevice { subject: person(4), device: id("oven/1"), from: None });
    one(&ledger, Command::AcquireDevice { subject: person(4), device: id("oven/2"), from: None });
    let copy = folder.path().join("copy");
    ledger.store().back_up(&copy, &mut |_, _| {}).unwrap();
    let (subject, other) = (person(4), person(5));
    for command in [
        Command::SetRestriction { subject, is_restricted: true },
        Command::SetRelationship { subject, is_active: false },
        Command::SetMinority { subject, minor_until: Some(at("2031-01-01")) },
        Command::SetGuardian { subject: person(7), guardian: person(1), is_guardian: false },
        Command::AcquireDevice { subject: other, device: id("oven/1"), from: Some(subject) },
        Command::SetHousehold { subject, device: id("oven/2"), members: vec![other] },
        Command::RevokeKey { id: "k2".into() },
    ] {
        one(&ledger, command);
    }
    drop(ledger);
    let path = folder.path().join("journal");
    let store = Arc::new(Embedded::open_file(&copy).unwrap());
    let mut index = Index::read(&path, &secrets()).unwrap();
    for record in store.read_after(Position::START, usize::MAX).unwrap() {
        index.see(&record.chain);
    }
    let lines = index.lacking(&path, &secrets()).unwrap();
    let restored = tempfile::tempdir().unwrap();
    std::fs::copy(&copy, restored.path().join("ledger.db")).unwrap();
    let store = Arc::new(Embedded::open(restored.path()).unwrap());
    Ledger::restore(store, secrets(), Clock::fixed(noon()), &lines).unwrap();
    let ledger = open(restored.path());
    let state = ledger.snapshot().subject(subject).unwrap();
    assert!(state.is_restricted && !state.is_active);
    assert_eq!(state.minor_until, Some(at("2031-01-01")));
    assert!(!ledger.snapshot().subject(person(7)).unwrap().guardians.contains(&person(1)));
    assert!(state.device(&id("oven/1")).is_none());
    assert_eq!(state.device(&id("oven/2")).unwrap().household, [subject, other]);
    assert!(!ledger.snapshot().keys().iter().any(|key| key.id == "k2"));
}
