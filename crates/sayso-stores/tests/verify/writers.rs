//! Two programs on one ledger: whoever comes second reads on and decides again.

use sayso_consent::{Command, Position};
use sayso_ledger::Ledger;

use crate::{
    restart::state,
    world::{
        deny, erase, fill, grant, holds, may_mail, offers, one, open, person, submit, try_submit,
    },
};

fn history(ledger: &Ledger, n: u128) -> usize {
    ledger.history(person(n), Position::at(u64::MAX), 1_000).unwrap().len()
}

#[test]
fn writers_who_take_turns_leave_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()), open(folder.path()));
    fill(&first);
    let before = first.snapshot().head().number;
    for turn in 0..10 {
        let channel = if turn % 2 == 0 { "sms" } else { "chat" };
        for ledger in [&first, &second] {
            one(ledger, deny(person(1), offers(Some(channel))));
            one(ledger, grant(person(1), offers(Some(channel))));
        }
    }
    one(&second, deny(person(1), offers(None)));
    one(&first, grant(person(5), offers(Some("chat"))));
    assert_eq!(first.snapshot().head().number, before + 42);
    assert!(!may_mail(&first, person(1)), "what the other recorded is in force here");
    drop(second);
    let second = open(folder.path());
    assert_eq!(state(&second), state(&first));
    assert_eq!(first.root(), second.root());
    drop((first, second));
    assert!(holds(&folder.path().join("ledger.db"), true, None));
}

#[test]
fn writers_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()), open(folder.path()));
    fill(&first);
    let before = history(&first, 1);
    std::thread::scope(|scope| {
        for ledger in [&first, &second] {
            scope.spawn(move || {
                for _ in 0..25 {
                    one(
                        ledger,
                        Command::SetRestriction { subject: person(2), is_restricted: true },
                    );
                    submit(
                        ledger,
                        vec![deny(person(1), offers(None)), grant(person(1), offers(None))],
                    );
                }
            });
        }
    });
    assert_eq!(history(&first, 1), before + 100);
    drop((first, second));
    assert!(holds(&folder.path().join("ledger.db"), true, None));
}

/// The event of an erasure is erased with the person, so there is nothing to follow. The other
/// writer must notice all the same, and must not write about the person under a new key.
#[test]
fn an_erasure_by_one_writer_holds_for_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()), open(folder.path()));
    fill(&first);
    one(&second, grant(person(5), offers(Some("sms"))));
    assert!(may_mail(&second, person(1)));
    erase(&first, person(1));
    let refused =
        try_submit(&second, vec![grant(person(1), offers(Some("chat")))], None).unwrap().remove(0);
    assert_eq!(refused.unwrap_err().code, "unknown_subject");
    assert!(!may_mail(&second, person(1)));
    assert!(second.find("email:person-1@example.org").unwrap().is_none());
    assert!(
        second.store().subject_keys(&[person(1)]).unwrap() == [None],
        "no key is made for somebody who is gone"
    );
    one(&first, grant(person(5), offers(Some("chat"))));
    one(&second, grant(person(5), offers(Some("push"))));
    drop(first);
    assert_eq!(state(&open(folder.path())), state(&second));
    drop(second);
    assert!(holds(&folder.path().join("ledger.db"), true, None));
}
