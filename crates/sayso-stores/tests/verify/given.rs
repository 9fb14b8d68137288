//! A replica that starts from what a server has saved: whatever happens meanwhile it comes to know
//! what the server knows, and what is not whole or not for it is not used.

use std::{fs::File, os::unix::fs::FileExt};

use sayso_consent::{
    Choice, Command, Request, Timestamp, catalog::Recipient, choice::Effect, event::Identifier,
};
use sayso_decision::Snapshot;
use sayso_ledger::{
    Ledger,
    image::{Given, Offer, Taking, Unfit},
    tail::{Place, TailError},
};

use crate::{
    image::{file, followed, saved},
    restart::{state, state_of},
    world::{
        PEOPLE, catalog, choose, deny, erase, fill, grant, id, identifier, may_mail_by, newcomer,
        noon, offers, one, open, person, report, report_all, submit,
    },
};

/// The digest of somebody's secret.
const ASKER: &str = "00112233";

fn offer(ledger: &Ledger) -> Offer {
    ledger.offer(ASKER).unwrap().expect("something is saved")
}

fn bytes(mut offer: Offer) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = offer.next_piece().unwrap() {
        bytes.extend(piece);
    }
    bytes
}

/// Takes what was sent, a little at a time.
fn take_into(kept: File, bytes: &[u8], asker: &str) -> Result<Given, Unfit> {
    let mut taking = Taking::new(kept, asker);
    bytes.chunks(4_093).for_each(|some| taking.take(some).unwrap());
    taking.finish()
}

fn take(bytes: &[u8]) -> Result<Given, Unfit> {
    take_into(tempfile::tempfile().unwrap(), bytes, ASKER)
}

/// A replica of the least kind.
struct Replica {
    given: Given,
    place: Place,
}

impl Replica {
    fn of(ledger: &Ledger) -> Self {
        let given = take(&bytes(offer(ledger))).unwrap();
        Self { place: given.place.clone(), given }
    }

    fn snapshot(&self) -> &Snapshot {
        &self.given.snapshot
    }

    /// Applies what it lacks.
    fn follow(&mut self, ledger: &Ledger) -> Result<(), TailError> {
        loop {
            let tail = ledger.tail(&self.place)?;
            for entry in &tail.entries {
                self.given.kept.obey(entry, self.snapshot()).unwrap();
            }
            self.snapshot().apply(&tail.entries);
            self.snapshot().advance(tail.place.through.position);
            self.snapshot().settle(tail.entries.len());
            self.place = tail.place;
            if self.place.through.position >= tail.head {
                return Ok(());
            }
        }
    }

    fn assert_same(&self, ledger: &Ledger) {
        assert_eq!(self.snapshot().head(), ledger.snapshot().head());
        assert_eq!(self.snapshot().count(), ledger.snapshot().count());
        assert_eq!(state_of(self.snapshot()), state(ledger));
        // Of whoever is gone nothing may be left that says yes.
        for n in (0..PEOPLE).chain(900..910) {
            let may_mail = may_mail_by(self.snapshot(), person(n));
            assert_eq!(may_mail, may_mail_by(ledger.snapshot(), person(n)), "{n}");
        }
        for n in 0..PEOPLE {
            let names =
                [("email", format!("person-{n}@example.org")), ("crm", format!("C-{n:05}"))];
            for (namespace, value) in names {
                let Identifier { value, lookup, .. } = identifier(ledger, namespace, &value);
                assert_eq!(self.given.lookup_key.lookup(&id(namespace), &value), lookup);
                assert_eq!(self.snapshot().owner(&lookup), ledger.snapshot().owner(&lookup));
            }
        }
        let device = id("assistant/A-1");
        assert_eq!(self.snapshot().device_owner(&device), ledger.snapshot().device_owner(&device));
    }
}

/// Whatever can happen: somebody new, choices of somebody known and ones that end, another catalog,
/// reports, names that go, people who go.
fn live_on(ledger: &Ledger, round: u128) {
    one(ledger, newcomer(ledger, 900 + round));
    one(ledger, deny(person(20 + round), offers(None)));
    let until = Some(noon().plus_ms(3_600_000));
    let ends = Choice { until, ..Choice::of_person(Effect::Grant, offers(Some("chat"))) };
    one(ledger, choose(person(25 + round), vec![ends]));
    let mut changed = catalog();
    changed.organisation.address = Some(format!("Neue Straße {round}"));
    let deadline = |recipient: &mut Recipient| recipient.effect_deadline = None;
    changed.recipients.values_mut().skip(round as usize).for_each(deadline);
    one(ledger, Command::ApplyCatalog { catalog: Box::new(changed) });
    report(ledger, person(30 + round));
    let lookup = identifier(ledger, "crm", &format!("C-{:05}", 35 + round)).lookup;
    let subject = person(35 + round);
    one(ledger, Command::RemoveIdentifier { subject, namespace: id("crm"), lookup });
    erase(ledger, person(40 + round));
    erase(ledger, person(900 + round));
    submit(ledger, vec![grant(person(45 + round), offers(Some("email")))]);
}

#[test]
fn a_replica_that_starts_from_a_snapshot_comes_to_know_what_the_server_knows() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path());
    let ledger = open(folder.path());
    live_on(&ledger, 0);
    let mut replica = Replica::of(&ledger);
    assert!(replica.snapshot().head() < ledger.snapshot().head(), "what came since is followed");
    replica.follow(&ledger).unwrap();
    replica.assert_same(&ledger);
    replica.assert_same(&followed(folder.path()));
    live_on(&ledger, 1);
    // Later, when what was said until then has ended.
    ledger.clock().set(noon().plus_ms(2 * 3_600_000));
    live_on(&ledger, 2);
    replica.follow(&ledger).unwrap();
    replica.assert_same(&ledger);
    let at: Timestamp = noon().plus_ms(3 * 3_600_000);
    let request = Request {
        subject: Some(person(25)),
        data: id("contact.email"),
        purpose: id("marketing.offers"),
        recipient: id("mailer"),
        channel: Some(id("chat")),
        device: None,
    };
    let [own, theirs] =
        [replica.snapshot(), &**ledger.snapshot()].map(|it| it.decide(&request, at));
    assert_eq!(own, theirs);
    // A server that was started again goes on with it; one more is given what was saved anew.
    ledger.save().unwrap();
    let mut second = Replica::of(&ledger);
    assert_eq!(second.snapshot().head(), ledger.snapshot().head());
    live_on(&ledger, 3);
    for replica in [&mut replica, &mut second] {
        replica.follow(&ledger).unwrap();
        replica.assert_same(&ledger);
    }
}

/// Somebody goes while what was saved is on its way, and it is saved anew.
#[test]
fn what_is_sent_is_whole_whatever_happens_on_the_way() {
    for is_saved_anew in [false, true] {
        for before in [0, 1, 2] {
            let folder = tempfile::tempdir().unwrap();
            saved(folder.path());
            let ledger = open(folder.path());
            let mut offer = offer(&ledger);
            let mut sent = Vec::new();
            for _ in 0..before {
                sent.extend(offer.next_piece().unwrap().unwrap());
            }
            erase(&ledger, person(1));
            one(&ledger, deny(person(2), offers(None)));
            if is_saved_anew {
                ledger.save().unwrap();
                erase(&ledger, person(3));
            }
            sent.extend(bytes(offer));
            let given = take(&sent).unwrap();
            let mut replica = Replica { place: given.place.clone(), given };
            replica.follow(&ledger).unwrap();
            replica.assert_same(&ledger);
            assert!(replica.snapshot().subject(person(1)).is_none());
        }
    }
}

#[test]
fn what_is_torn_or_changed_or_for_another_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path());
    let ledger = open(folder.path());
    let whole = bytes(offer(&ledger));
    assert!(take(&whole).is_ok());
    for length in [0, 1, 47, 48, whole.len() / 2, whole.len() - 49, whole.len() - 1] {
        assert!(matches!(take(&whole[..length]), Err(Unfit::Changed)), "{length}");
    }
    assert!(matches!(take(&[&whole[..], b"x"].concat()), Err(Unfit::Changed)));
    let letter = whole.windows(7).position(|window| window == b"\"form\":").unwrap();
    for at in
        [0, 4_096, letter - 1, letter + 9, whole.len() - 60, whole.len() - 20, whole.len() - 1]
    {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(take(&changed).is_err(), "{at}");
    }
    let other = take_into(tempfile::tempfile().unwrap(), &whole, "44556677");
    assert!(matches!(other, Err(Unfit::Changed)));
}

/// Nobody's name is in what is sent, nor anybody's key; and what an erasure takes away goes from the
/// replica's own file too.
#[test]
fn who_is_erased_is_not_in_the_replicas_file() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path());
    let ledger = open(folder.path());
    let [gone, lost, going] = [1, 36, 2];
    let lookup = |n: u128| identifier(&ledger, "email", &format!("person-{n}@example.org")).lookup;
    let crm = identifier(&ledger, "crm", &format!("C-{lost:05}")).lookup;
    erase(&ledger, person(gone));
    let sent = bytes(offer(&ledger));
    for secret in [&b"person-5@"[..], b"C-00005", b"0001020304050607"] {
        assert!(!sent.windows(secret.len()).any(|window| window == secret));
    }
    let kept = tempfile::tempfile().unwrap();
    let given = take_into(kept.try_clone().unwrap(), &sent, ASKER).unwrap();
    let has = |bytes: &[u8; 16]| {
        let mut all = vec![0; kept.metadata().unwrap().len() as usize];
        kept.read_exact_at(&mut all, 0).unwrap();
        let halves = bytes.split_at(8);
        let word = |half: &[u8]| u64::from_be_bytes(half.try_into().unwrap()).to_ne_bytes();
        let words = [word(halves.0), word(halves.1)].concat();
        all.windows(16).any(|window| window == words)
    };
    assert!(!has(&lookup(gone).0) && has(&lookup(going).0) && has(&crm.0));
    let before = std::fs::read(file(folder.path(), "people-")).unwrap();
    let mut replica = Replica { place: given.place.clone(), given };
    let subject = person(lost);
    one(&ledger, Command::RemoveIdentifier { subject, namespace: id("crm"), lookup: crm });
    erase(&ledger, person(going));
    replica.follow(&ledger).unwrap();
    replica.assert_same(&ledger);
    assert!(!has(&lookup(going).0) && !has(&crm.0), "digests are overwritten");
    let after = std::fs::read(file(folder.path(), "people-")).unwrap();
    let at = (0..before.len()).find(|at| before[*at] != after[*at]).unwrap();
    let mut all = vec![0; kept.metadata().unwrap().len() as usize];
    kept.read_exact_at(&mut all, 0).unwrap();
    let state = &before[at..at + 48];
    assert!(!all.windows(48).any(|window| window == state), "so is the state");
}

/// The server forgets whom it told of when it ends: what was given before leads no further if
/// somebody was erased, and another start does.
#[test]
fn what_was_given_by_a_server_that_ended_is_not_gone_on_from_behind_an_erasure() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path());
    let ledger = open(folder.path());
    let (mut early, mut late) = (Replica::of(&ledger), Replica::of(&ledger));
    one(&ledger, deny(person(1), offers(None)));
    drop(ledger);
    let ledger = open(folder.path());
    early.follow(&ledger).unwrap();
    early.assert_same(&ledger);
    erase(&ledger, person(1));
    drop(ledger);
    let ledger = open(folder.path());
    assert!(matches!(late.follow(&ledger), Err(TailError::Diverged)));
    let mut again = Replica::of(&ledger);
    again.follow(&ledger).unwrap();
    again.assert_same(&ledger);
    assert!(again.snapshot().subject(person(1)).is_none());
}

/// Somebody was erased by a program that knows nothing of what is saved here.
#[test]
fn whom_another_writer_erased_is_gone_for_a_replica() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    for n in [5, 6] {
        // Their newest grant, and nobody owes them anything: their slots say yes by themselves.
        one(&ledger, grant(person(n), offers(Some("email"))));
        report_all(&ledger, person(n));
    }
    ledger.save().unwrap();
    drop(ledger);
    let (ledger, other) = (open(folder.path()), open(folder.path()));
    assert!([5, 6].iter().all(|n| may_mail_by(ledger.snapshot(), person(*n))));
    erase(&ledger, person(5));
    erase(&other, person(6));
    one(&ledger, deny(person(7), offers(None)));
    for ledger in [ledger, open(folder.path())] {
        let mut replica = Replica::of(&ledger);
        replica.follow(&ledger).unwrap();
        replica.assert_same(&ledger);
        for n in [5, 6] {
            assert!(replica.snapshot().subject(person(n)).is_none(), "{n}");
            assert!(!may_mail_by(replica.snapshot(), person(n)), "{n}");
        }
    }
}

#[test]
fn where_nothing_is_saved_nothing_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    assert!(ledger.offer(ASKER).unwrap().is_none());
    ledger.save().unwrap();
    let under_way: Vec<Offer> = std::iter::from_fn(|| ledger.offer(ASKER).ok().flatten()).collect();
    assert_eq!(under_way.len(), sayso_ledger::limits::OFFERS_AT_ONCE);
    drop(under_way);
    assert!(ledger.offer(ASKER).unwrap().is_some());
}
