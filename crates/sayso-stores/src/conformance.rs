//! What every store must do. A new driver is done when [`check`] returns.

use sayso_consent::id::{Position, SubjectId};
use sayso_ledger::{
    Store, StoreError,
    record::{Hash, Payload, Record},
    store::{Answer, Batch, Head},
};

/// A store that does not do what it must.
#[derive(Debug)]
pub struct Violation(pub String);

impl From<StoreError> for Violation {
    fn from(error: StoreError) -> Self {
        Self(format!("unexpected failure: {error}"))
    }
}

/// Checks an empty store.
///
/// # Errors
/// The first rule that is broken.
pub fn check(store: &dyn Store) -> Result<(), Violation> {
    begins_empty(store)?;
    appends_in_order(store)?;
    refuses_a_stale_head(store)?;
    reads_in_order(store)?;
    finds_entries_of_a_subject(store)?;
    keeps_answers(store)?;
    keeps_cursors(store)?;
    erases(store)
}

fn must(holds: bool, rule: &str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation(rule.to_owned())) }
}

const ANA: SubjectId = SubjectId(0xA);
const BEN: SubjectId = SubjectId(0xB);

fn record(number: u64, subject: SubjectId) -> Record {
    let byte = number.to_le_bytes()[0];
    Record {
        position: Position::at(number),
        commitment: [byte; 32],
        chain: [byte ^ 0xFF; 32],
        payload: Some(Payload { subject, sealed: vec![byte; 64], wrapped_key: key_of(subject) }),
    }
}

fn key_of(subject: SubjectId) -> Vec<u8> {
    subject.0.to_be_bytes().to_vec()
}

fn head_at(number: u64) -> Head {
    if number == 0 {
        return Head::default();
    }
    let record = record(number, ANA);
    Head { position: record.position, chain: record.chain }
}

fn batch(first: u64, subjects: &[SubjectId]) -> Batch {
    let records =
        (first..).zip(subjects).map(|(number, subject)| record(number, *subject)).collect();
    Batch {
        expected: head_at(first - 1),
        records,
        checkpoint: format!("head {first}"),
        ..Batch::default()
    }
}

fn begins_empty(store: &dyn Store) -> Result<(), Violation> {
    must(store.head()? == Head::default(), "an empty store has the default head")?;
    must(store.read_after(Position::START, 10)?.is_empty(), "an empty store has no entries")?;
    must(store.checkpoint()?.is_none(), "an empty store has no signed head")?;
    must(store.ledger_id()? == store.ledger_id()?, "a store keeps its name")
}

fn appends_in_order(store: &dyn Store) -> Result<(), Violation> {
    let new_keys = vec![(ANA, key_of(ANA)), (BEN, key_of(BEN))];
    store.append(&Batch { new_keys, ..batch(1, &[ANA, BEN]) })?;
    store.append(&batch(3, &[ANA]))?;
    must(store.head()? == head_at(3), "the head is the last entry appended")?;
    must(
        store.subject_keys(&[ANA, BEN])? == [Some(key_of(ANA)), Some(key_of(BEN))],
        "a new key is kept",
    )?;
    must(store.checkpoint()?.as_deref() == Some("head 3"), "the signed head is the newest")
}

fn refuses_a_stale_head(store: &dyn Store) -> Result<(), Violation> {
    for stale in [batch(1, &[ANA]), batch(3, &[ANA]), batch(5, &[ANA])] {
        let refused = matches!(store.append(&stale), Err(StoreError::Conflict));
        must(refused, "an append on another head is a conflict")?;
    }
    let other_chain = Head { chain: [1; 32], ..head_at(3) };
    let refused = store.append(&Batch { expected: other_chain, ..batch(4, &[ANA]) });
    must(matches!(refused, Err(StoreError::Conflict)), "an append on another chain is a conflict")?;
    must(store.head()? == head_at(3), "a refused append leaves nothing")
}

fn reads_in_order(store: &dyn Store) -> Result<(), Violation> {
    let all = store.read_after(Position::START, 10)?;
    must(
        all == [record(1, ANA), record(2, BEN), record(3, ANA)],
        "entries read as they were appended",
    )?;
    must(store.read_after(Position::at(1), 1)? == [record(2, BEN)], "a limit is kept to")?;
    let commitments: Vec<Hash> = store.commitments_after(Position::at(1), 9)?;
    must(commitments == [[2; 32], [3; 32]], "commitments read in order")
}

fn finds_entries_of_a_subject(store: &dyn Store) -> Result<(), Violation> {
    let newest_first = store.entries_about(ANA, Position::at(u64::MAX), 9)?;
    must(newest_first == [Position::at(3), Position::at(1)], "a subject's entries, newest first")?;
    let before = store.entries_about(ANA, Position::at(3), 9)?;
    must(before == [Position::at(1)], "a subject's entries before a position")?;
    must(store.entries_about(SubjectId(9), Position::at(9), 9)?.is_empty(), "nobody has no entries")
}

fn keeps_answers(store: &dyn Store) -> Result<(), Violation> {
    let answer =
        |key, at_ms| Answer { key: [key; 32], request: [7; 32], outcome: b"ok".to_vec(), at_ms };
    let answers = vec![answer(1, 100), answer(2, 200)];
    store.append(&Batch { answers, ..batch(4, &[BEN]) })?;
    must(store.answer(&[1; 32])? == Some(answer(1, 100)), "an outcome is kept")?;
    store.forget_answers(150)?;
    must(store.answer(&[1; 32])?.is_none(), "an old outcome is forgotten")?;
    must(store.answer(&[2; 32])?.is_some(), "a newer outcome is not")
}

fn keeps_cursors(store: &dyn Store) -> Result<(), Violation> {
    must(store.cursor("mailer")? == Position::START, "a new follower starts at the start")?;
    store.set_cursor("mailer", Position::at(3))?;
    store.set_cursor("mailer", Position::at(4))?;
    store.set_cursor("crm", Position::at(1))?;
    must(store.cursor("mailer")? == Position::at(4), "a cursor is kept")
}

fn erases(store: &dyn Store) -> Result<(), Violation> {
    let outcome = ANA.to_string().into_bytes();
    let answers = vec![Answer { key: [3; 32], request: [7; 32], outcome, at_ms: 300 }];
    store.append(&Batch { answers, erased: vec![ANA], ..batch(5, &[ANA]) })?;
    let all = store.read_after(Position::START, 10)?;
    let is_about =
        |record: &Record| record.payload.as_ref().is_some_and(|payload| payload.subject == ANA);
    must(
        all.len() == 5 && !all.iter().any(is_about),
        "erasure takes the payloads and leaves the entries",
    )?;
    must(
        all.iter().all(|record| record.commitment[0] == record.position.number as u8),
        "commitments stay",
    )?;
    must(store.subject_keys(&[ANA])? == [None], "erasure takes the key")?;
    must(store.answer(&[3; 32])?.is_none(), "erasure takes outcomes that name the person")?;
    must(
        store.entries_about(ANA, Position::at(99), 9)?.is_empty(),
        "an erased person has no entries",
    )?;
    must(store.entries_about(BEN, Position::at(99), 9)?.len() == 2, "others keep theirs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embedded, Memory};

    #[test]
    fn memory_conforms() {
        check(&Memory::default()).unwrap();
    }

    #[test]
    fn embedded_conforms_and_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        check(&store).unwrap();
        let (id, all) = (store.ledger_id().unwrap(), store.read_after(Position::START, 9).unwrap());
        drop(store);
        std::fs::remove_file(folder.path().join("derived.db")).unwrap();
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!(store.ledger_id().unwrap(), id);
        assert_eq!(store.read_after(Position::START, 9).unwrap(), all);
        assert_eq!(store.entries_about(BEN, Position::at(99), 9).unwrap().len(), 2);
    }

    #[test]
    fn the_bundled_sqlite_has_no_wal_reset_race() {
        let version: Vec<u32> = crate::embedded::sqlite_version()
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        assert!(version >= vec![3, 51, 3], "{version:?}");
    }
}
