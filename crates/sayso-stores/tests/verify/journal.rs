//! The journal of withdrawals reads back, and one torn line costs no other.

use std::io::Write;

use sayso_consent::{Command, Position, Scope, SubjectId};
use sayso_ledger::journal::{Journal, Line, read};

use crate::world::{deny, fill, noon, offers, one, open, person, secrets};

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
    let erased = one(&ledger, Command::Erase { subject: person(2), at_once: true }).position;
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
