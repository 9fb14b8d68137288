//! The snapshot on disk: a start from it is a start from the ledger, and whatever is wrong with it
//! costs time and nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sayso_consent::{Command, Position};
use sayso_ledger::{Ledger, Store};

use crate::{
    restart::state,
    world::{
        PEOPLE, catalog, deny, erase, fill, grant, holds, may_mail, newcomer, noon, offers, one,
        open, open_with, person, report, submit,
    },
};

/// A ledger that was filled and saved, and closed.
pub(crate) fn saved(folder: &Path) -> Position {
    let ledger = open(folder);
    fill(&ledger);
    let position = ledger.save().unwrap();
    assert_eq!(position, ledger.snapshot().head());
    position
}

pub(crate) fn file(folder: &Path, begin: &str) -> PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(begin);
    let mut found: Vec<PathBuf> = entries.filter(named).collect();
    assert_eq!(found.len(), 1, "{begin}: {found:?}");
    found.remove(0)
}

/// The same ledger, followed from its beginning.
pub(crate) fn followed(folder: &Path) -> Ledger {
    let copy = tempfile::tempdir().unwrap();
    for name in ["ledger.db", "ledger.db-wal", "journal"] {
        let _ = fs::copy(folder.join(name), copy.path().join(name));
    }
    let ledger = open(copy.path());
    assert_eq!(ledger.begun(), Position::START);
    ledger
}

/// What was taken up is what following the ledger gives.
fn assert_same(ledger: &Ledger, other: &Ledger) {
    assert_eq!(ledger.snapshot().head(), other.snapshot().head());
    assert_eq!(ledger.snapshot().count(), other.snapshot().count());
    assert_eq!(ledger.root(), other.root());
    assert_eq!(state(ledger), state(other));
    for n in 0..PEOPLE {
        for name in [format!("email:person-{n}@example.org"), format!("crm:C-{n:05}")] {
            assert_eq!(ledger.find(&name), other.find(&name), "{name}");
        }
    }
    let device = "assistant/A-1".parse().unwrap();
    assert_eq!(ledger.snapshot().device_owner(&device), other.snapshot().device_owner(&device));
}

#[test]
fn a_start_from_what_was_saved_is_a_start_from_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let position = saved(folder.path());
    let ledger = open(folder.path());
    assert_eq!(ledger.begun(), position, "it was taken up");
    let other = followed(folder.path());
    assert_same(&ledger, &other);
    let minutes = |ledger: &Ledger| (ledger.pulse().total(), ledger.pulse().per_minute(noon()));
    // Of somebody who was erased the other counts nothing.
    assert!(minutes(&ledger).0 > minutes(&other).0 && minutes(&other).0 > 100);
    assert!(minutes(&ledger).1.last() >= minutes(&other).1.last());
    // And it goes on: somebody new, somebody known, another catalog, a report.
    one(&ledger, newcomer(&ledger, 900));
    one(&ledger, deny(person(1), offers(None)));
    one(&ledger, grant(person(2), offers(Some("chat"))));
    let mut changed = catalog();
    changed.recipients.values_mut().for_each(|recipient| recipient.effect_deadline = None);
    one(&ledger, Command::ApplyCatalog { catalog: Box::new(changed) });
    report(&ledger, person(3));
    assert!(!may_mail(&ledger, person(1)));
    drop(ledger);
    let ledger = open(folder.path());
    assert_eq!(ledger.begun(), position);
    assert_same(&ledger, &followed(folder.path()));
    // Saved over what was saved.
    let position = ledger.save().unwrap();
    one(&ledger, deny(person(4), offers(None)));
    assert_same(&ledger, &followed(folder.path()));
    drop(ledger);
    let ledger = open(folder.path());
    assert_eq!(ledger.begun(), position);
    assert_same(&ledger, &followed(folder.path()));
    drop(ledger);
    assert!(holds(&folder.path().join("ledger.db"), true, None));
}

/// Cuts, flips and foreign files: each is refused and removed, and the ledger is followed instead.
#[test]
fn what_is_not_as_it_was_written_is_not_used() {
    let original = tempfile::tempdir().unwrap();
    saved(original.path());
    let foreign = tempfile::tempdir().unwrap();
    saved(foreign.path());
    let image = fs::read(file(original.path(), "snapshot.img")).unwrap();
    let flipped = |at: usize| {
        let mut bytes = image.clone();
        bytes[at] ^= 1;
        bytes
    };
    let head = image.windows(9).position(|window| window == b"\"version\"").unwrap();
    let mut cases = vec![
        ("empty", Vec::new()),
        ("torn", image[..image.len() / 2].to_vec()),
        ("torn at its end", image[..image.len() - 1].to_vec()),
        ("foreign", fs::read(file(foreign.path(), "snapshot.img")).unwrap()),
    ];
    for at in [0, head / 3, head / 2, head - 1, head + 3, image.len() - 60, image.len() - 1] {
        cases.push(("flipped", flipped(at)));
    }
    for (what, bytes) in cases {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(original.path()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        fs::write(folder.path().join("snapshot.img"), bytes).unwrap();
        let ledger = open(folder.path());
        assert_eq!(ledger.begun(), Position::START, "{what}");
        assert_same(&ledger, &followed(folder.path()));
        assert!(!folder.path().join("snapshot.img").exists(), "{what}");
    }
}

#[test]
fn what_was_saved_of_a_history_that_is_no_more_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let backup = folder.path().join("backup.db");
    ledger.store().back_up(&backup, &mut |_, _| {}).unwrap();
    one(&ledger, grant(person(1), offers(Some("chat"))));
    ledger.save().unwrap();
    drop(ledger);
    // The older ledger takes another way from there.
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("ledger.db{end}")));
    }
    fs::rename(&backup, folder.path().join("ledger.db")).unwrap();
    let ledger = open(folder.path());
    assert_eq!(ledger.begun(), Position::START);
    one(&ledger, grant(person(2), offers(Some("chat"))));
    assert_same(&ledger, &followed(folder.path()));
}

#[test]
fn a_journal_that_took_the_place_of_another_is_held_against_the_whole_ledger() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path());
    let journal = folder.path().join("journal");
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[bytes.len() / 2..]).unwrap();
    let ledger = open(folder.path());
    assert_eq!(ledger.begun(), Position::START);
    assert!(ledger.is_journal_ok());
}

#[test]
fn a_withdrawal_that_only_the_journal_has_is_recorded_after_a_start_from_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    ledger.save().unwrap();
    let backup = folder.path().join("backup.db");
    ledger.store().back_up(&backup, &mut |_, _| {}).unwrap();
    assert!(may_mail(&ledger, person(1)));
    one(&ledger, deny(person(1), offers(None)));
    ledger.clock().set(noon().plus_ms(60_000));
    one(&ledger, deny(person(2), offers(None)));
    drop(ledger);
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("ledger.db{end}")));
    }
    fs::rename(&backup, folder.path().join("ledger.db")).unwrap();
    let ledger = open(folder.path());
    assert_ne!(ledger.begun(), Position::START);
    assert!(!may_mail(&ledger, person(1)));
}

/// Whether a person's id is anywhere in the file, however its words are ordered.
fn reads(people: &Path, sealed: &[u8]) -> bool {
    fs::read(people).unwrap().windows(sealed.len()).any(|window| window == sealed)
}

#[test]
fn who_was_erased_since_is_not_in_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path());
    let people = file(folder.path(), "people-");
    let before = fs::read(&people).unwrap();
    let ledger = open(folder.path());
    assert!(ledger.find("email:person-1@example.org").unwrap().is_some());
    erase(&ledger, person(1));
    // Somebody who came and went since.
    one(&ledger, newcomer(&ledger, 901));
    one(&ledger, grant(person(901), offers(None)));
    erase(&ledger, person(901));
    let after = fs::read(&people).unwrap();
    let changed: Vec<usize> = (0..before.len()).filter(|at| before[*at] != after[*at]).collect();
    let (first, last) = (changed[0], changed[changed.len() - 1]);
    assert!(after[first..=last].iter().all(|byte| *byte == 0), "it is overwritten");
    assert!(last - first > 100 && !reads(&people, &before[first..first + 48]));
    for ledger in [ledger, open(folder.path())] {
        assert!(ledger.snapshot().subject(person(1)).is_none());
        assert!(ledger.find("email:person-1@example.org").unwrap().is_none());
        assert!(!may_mail(&ledger, person(1)) && !may_mail(&ledger, person(901)));
        assert_same(&ledger, &followed(folder.path()));
    }
    let ledger = open(folder.path());
    assert_ne!(ledger.begun(), Position::START);
}

/// Somebody of whom only what was saved tells: no system holds anything about them, so they are gone
/// in the one step in which they ask for it.
#[test]
fn who_is_only_in_what_was_saved_is_erased_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    for n in [902, 903] {
        let (identifiers, choices) = (Vec::new(), Vec::new());
        let (subject, is_active, minor_until) = (person(n), true, None);
        one(
            &ledger,
            Command::CreateSubject { subject, identifiers, is_active, minor_until, choices },
        );
        one(&ledger, grant(subject, offers(None)));
    }
    ledger.save().unwrap();
    let before = ledger.snapshot().count();
    assert!(may_mail(&ledger, person(902)) && may_mail(&ledger, person(903)));
    one(&ledger, Command::Erase { subject: person(902), at_once: true });
    assert!(!may_mail(&ledger, person(902)) && may_mail(&ledger, person(903)));
    assert_eq!(ledger.snapshot().count(), before - 1);
    assert_same(&ledger, &followed(folder.path()));
}

/// An erasure that was noted here and could not be recorded there: the person is still known.
#[test]
fn who_was_not_erased_after_all_is_still_known() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path());
    let gone = file(folder.path(), "gone-");
    fs::write(gone, person(1).0.to_be_bytes()).unwrap();
    let ledger = open(folder.path());
    assert_eq!(ledger.begun(), Position::START);
    assert!(ledger.snapshot().subject(person(1)).is_some());
    assert_same(&ledger, &followed(folder.path()));
}

/// Saving while people choose, come and go.
#[test]
fn what_is_saved_while_others_write_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                let who = person(14 + n % 40);
                let said = [deny(who, offers(None)), grant(who, offers(Some("email")))];
                submit(&ledger, said.to_vec());
                let new = 1_000 + n;
                submit(&ledger, vec![newcomer(&ledger, new), grant(person(new), offers(None))]);
                if n % 3 == 0 {
                    erase(&ledger, person(new));
                }
            }
        });
        for _ in 0..8 {
            ledger.save().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    assert_same(&ledger, &followed(folder.path()));
    drop(ledger);
    let ledger = open(folder.path());
    assert_ne!(ledger.begun(), Position::START);
    assert_same(&ledger, &followed(folder.path()));
}

#[test]
fn a_store_without_a_place_for_it_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(sayso_stores::Memory::default());
    let ledger = open_with(folder.path(), store);
    fill(&ledger);
    assert!(ledger.save().is_err());
    assert!(may_mail(&ledger, person(1)), "and all goes on");
}
