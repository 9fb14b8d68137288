//! A disk that fails: a no is in force at once and is never lost, a yes has to wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sayso_consent::{
    Choice, Command, Event, Position, SubjectId,
    choice::{Effect, Method},
    event::Entry,
};
use sayso_ledger::{Ledger, WriteError};
use sayso_stores::Embedded;
use tempfile::TempDir;

use crate::{
    rigged::RiggedStore,
    world::{
        choose, deny, fill, grant, holds, may_mail, offers, one, open, open_with, person,
        try_submit,
    },
};

struct Disk {
    folder: TempDir,
    fails: Arc<AtomicBool>,
}

impl Disk {
    fn open() -> (Self, Ledger) {
        Self::open_failing(false)
    }

    fn open_failing(is_damaged: bool) -> (Self, Ledger) {
        let (folder, fails) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
        fill(&open(folder.path()));
        let inner = Embedded::open(folder.path()).unwrap();
        let store = RiggedStore { inner, fails: Arc::clone(&fails), is_damaged, lags: false };
        let ledger = open_with(folder.path(), Arc::new(store));
        (Self { folder, fails }, ledger)
    }

    fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }
}

fn newest(ledger: &Ledger, subject: SubjectId) -> Entry {
    ledger.history(subject, Position::at(u64::MAX), 1).unwrap().remove(0)
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A no by e-mail, so that its circumstances can be told from any other's.
fn written_no(subject: SubjectId) -> sayso_consent::Command {
    let choice = Choice {
        method: Method::Email,
        ..Choice::of_person(Effect::Denial, offers(Some("email")))
    };
    choose(subject, vec![choice])
}

#[test]
fn a_withdrawal_is_in_force_while_the_store_fails_and_recorded_after() {
    let (disk, ledger) = Disk::open();
    let head = ledger.snapshot().head();
    assert!(may_mail(&ledger, person(1)) && may_mail(&ledger, person(5)));
    disk.fail(true);
    let refused = try_submit(&ledger, vec![grant(person(3), offers(Some("chat")))], None);
    assert!(matches!(refused, Err(WriteError::Unavailable(_))), "{refused:?}");
    let held = try_submit(&ledger, vec![written_no(person(1))], None);
    assert_eq!(held, Err(WriteError::NotYetDurable));
    assert!(!may_mail(&ledger, person(1)), "it is in force at once");
    assert_eq!(
        try_submit(&ledger, vec![written_no(person(1))], None),
        Err(WriteError::NotYetDurable)
    );
    let refused = try_submit(&ledger, vec![grant(person(1), offers(Some("email")))], None);
    assert!(matches!(refused, Err(WriteError::Unavailable(_))), "{refused:?}");
    assert!(!may_mail(&ledger, person(1)));
    // Whoever is not concerned notices nothing.
    assert!(may_mail(&ledger, person(5)));
    assert_eq!(ledger.find("email:person-5@example.org").unwrap(), Some(person(5)));
    assert!(!ledger.is_healthy());
    assert_eq!(ledger.snapshot().head(), head);
    disk.fail(false);
    wait_until("the recovery", || ledger.is_healthy());
    assert!(!may_mail(&ledger, person(1)));
    let entry = newest(&ledger, person(1));
    assert_eq!(ledger.snapshot().head(), Position::at(head.number + 1), "recorded once");
    assert_eq!(entry.position, ledger.snapshot().head());
    let is_the_no = |event: &Event| matches!(event, Event::ChoiceRecorded(choice) if choice.method == Method::Email && choice.effect == Effect::Denial);
    assert!(entry.events.iter().all(is_the_no), "{entry:?}");
    one(&ledger, grant(person(1), offers(Some("email"))));
    assert!(may_mail(&ledger, person(1)), "a later yes counts again");
    drop(ledger);
    assert!(may_mail(&open(disk.folder.path()), person(1)));
    assert!(holds(&disk.folder.path().join("ledger.db"), true, None));
}

/// What the person said last counts, however the store came back.
#[test]
fn a_grant_after_a_held_withdrawal_is_recorded_after_it() {
    let (disk, ledger) = Disk::open();
    disk.fail(true);
    assert_eq!(
        try_submit(&ledger, vec![written_no(person(1))], None),
        Err(WriteError::NotYetDurable)
    );
    disk.fail(false);
    one(&ledger, grant(person(1), offers(Some("email"))));
    assert!(may_mail(&ledger, person(1)));
    drop(ledger);
    let ledger = open(disk.folder.path());
    assert!(may_mail(&ledger, person(1)));
    let last = ledger.history(person(1), Position::at(u64::MAX), 2).unwrap();
    let is_denial = |entry: &Entry| matches!(&entry.events[0], Event::ChoiceRecorded(choice) if choice.effect == Effect::Denial);
    assert!(!is_denial(&last[0]) && is_denial(&last[1]), "{last:?}");
}

#[test]
fn a_held_withdrawal_is_written_when_the_program_ends() {
    let (disk, ledger) = Disk::open();
    disk.fail(true);
    assert_eq!(
        try_submit(&ledger, vec![written_no(person(1))], None),
        Err(WriteError::NotYetDurable)
    );
    disk.fail(false);
    drop(ledger);
    assert!(!may_mail(&open(disk.folder.path()), person(1)));
}

/// Many at once: each is in force, and each is recorded, in the order in which they came.
#[test]
fn every_held_withdrawal_is_recorded() {
    let (disk, ledger) = Disk::open();
    let people: Vec<_> = (0..50).filter(|n| may_mail(&ledger, person(*n))).map(person).collect();
    assert!(people.len() > 20);
    disk.fail(true);
    for subject in &people {
        let held = try_submit(&ledger, vec![deny(*subject, offers(None))], None);
        assert_eq!(held, Err(WriteError::NotYetDurable));
        assert!(!may_mail(&ledger, *subject));
    }
    disk.fail(false);
    wait_until("the recovery", || ledger.is_healthy());
    drop(ledger);
    let ledger = open(disk.folder.path());
    let positions: Vec<Position> =
        people.iter().map(|subject| newest(&ledger, *subject).position).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    assert!(people.iter().all(|subject| !may_mail(&ledger, *subject)));
}

/// What takes something away and is no choice is held as well.
#[test]
fn a_restriction_an_erasure_and_a_revoked_key_are_in_force_while_the_store_fails() {
    let (disk, ledger) = Disk::open();
    assert!(may_mail(&ledger, person(1)) && may_mail(&ledger, person(5)));
    let has_key = |ledger: &Ledger| ledger.snapshot().keys().iter().any(|key| key.id == "k2");
    assert!(has_key(&ledger));
    disk.fail(true);
    let commands = [
        Command::SetRestriction { subject: person(1), is_restricted: true },
        Command::Erase { subject: person(5), at_once: false },
        Command::RevokeKey { id: "k2".into() },
    ];
    for command in commands {
        assert_eq!(try_submit(&ledger, vec![command], None), Err(WriteError::NotYetDurable));
    }
    let free = Command::SetRestriction { subject: person(1), is_restricted: false };
    let refused = try_submit(&ledger, vec![free], None);
    assert!(matches!(refused, Err(WriteError::Unavailable(_))), "{refused:?}");
    let holds_all = |ledger: &Ledger| {
        let state = |n| ledger.snapshot().subject(person(n)).unwrap();
        state(1).is_restricted
            && state(5).is_leaving
            && !has_key(ledger)
            && !may_mail(ledger, person(1))
            && !may_mail(ledger, person(5))
    };
    assert!(holds_all(&ledger));
    disk.fail(false);
    wait_until("the recovery", || ledger.is_healthy());
    assert!(holds_all(&ledger));
    drop(ledger);
    assert!(holds_all(&open(disk.folder.path())));
}

/// Junk in the file is no reason to forget a no, any more than a full disk is.
#[test]
fn a_withdrawal_is_in_force_while_the_store_is_damaged() {
    let (disk, ledger) = Disk::open_failing(true);
    disk.fail(true);
    let held = try_submit(&ledger, vec![written_no(person(1))], None);
    assert_eq!(held, Err(WriteError::NotYetDurable));
    assert!(!may_mail(&ledger, person(1)));
    assert!(!ledger.is_healthy());
    disk.fail(false);
    wait_until("the recovery", || ledger.is_healthy());
    assert!(!may_mail(&ledger, person(1)));
}

/// The store never came back while the program ran: the journal has it.
#[test]
fn a_held_withdrawal_outlives_the_program() {
    let (disk, ledger) = Disk::open();
    disk.fail(true);
    for command in
        [written_no(person(1)), Command::SetRestriction { subject: person(5), is_restricted: true }]
    {
        assert_eq!(try_submit(&ledger, vec![command], None), Err(WriteError::NotYetDurable));
    }
    drop(ledger);
    let ledger = open(disk.folder.path());
    assert!(!may_mail(&ledger, person(1)));
    assert!(ledger.snapshot().subject(person(5)).unwrap().is_restricted);
    // Recorded once: the next start takes nothing away that was given since.
    one(&ledger, grant(person(1), offers(Some("email"))));
    one(&ledger, Command::SetRestriction { subject: person(5), is_restricted: false });
    drop(ledger);
    let ledger = open(disk.folder.path());
    assert!(may_mail(&ledger, person(1)));
    assert!(!ledger.snapshot().subject(person(5)).unwrap().is_restricted);
}

/// The same for one that was recorded while the program still ran.
#[test]
fn a_grant_after_a_recovery_outlives_the_program() {
    let (disk, ledger) = Disk::open();
    disk.fail(true);
    for n in [1, 5] {
        let held = try_submit(&ledger, vec![written_no(person(n))], None);
        assert_eq!(held, Err(WriteError::NotYetDurable));
    }
    disk.fail(false);
    wait_until("the recovery", || ledger.is_healthy());
    one(&ledger, grant(person(1), offers(Some("email"))));
    let head = ledger.snapshot().head();
    drop(ledger);
    let ledger = open(disk.folder.path());
    assert!(may_mail(&ledger, person(1)) && !may_mail(&ledger, person(5)));
    assert_eq!(ledger.snapshot().head(), head, "nothing was recorded twice");
}

/// Whoever meets the damage is held; whoever waits with them is served.
#[test]
fn one_damaged_key_fails_nobody_else() {
    let (disk, ledger) = Disk::open();
    let database = rusqlite::Connection::open(disk.folder.path().join("ledger.db")).unwrap();
    let id = person(1).0.to_be_bytes();
    let changed = database
        .execute("UPDATE subject_keys SET wrapped = zeroblob(72) WHERE subject = ?1", [id])
        .unwrap();
    assert_eq!(changed, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (damaged, yes, no) = runtime.block_on(async {
        let submit = |command| ledger.submit(vec![command], "test", None);
        tokio::join!(
            submit(written_no(person(1))),
            submit(grant(person(4), offers(Some("email")))),
            submit(written_no(person(5))),
        )
    });
    assert_eq!(damaged, Err(WriteError::NotYetDurable));
    assert!(yes.is_ok() && no.is_ok(), "{yes:?} {no:?}");
    assert!(!may_mail(&ledger, person(1)) && !may_mail(&ledger, person(5)));
    assert!(ledger.is_healthy() && ledger.is_damaged());
    let refused = try_submit(&ledger, vec![grant(person(1), offers(Some("email")))], None);
    assert!(matches!(refused, Err(WriteError::Damaged(_))), "{refused:?}");
}
