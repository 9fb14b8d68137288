//! A restart is forgotten by nobody: the state that is read from the file is the state that was
//! lived.

use std::{collections::BTreeMap, sync::Arc};

use sayso_consent::{Decision, Id, Request, SubjectId, SubjectState, event::Key};
use sayso_decision::Snapshot;
use sayso_ledger::{Ledger, WriteError, writer::Idempotency};

use crate::world::{fill, grant, newcomer, noon, offers, open, person, try_submit};

/// All that a snapshot says.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    people: BTreeMap<SubjectId, Arc<SubjectState>>,
    keys: BTreeMap<String, Arc<Key>>,
    catalog: String,
    decisions: Vec<Decision>,
}

pub(crate) fn state(ledger: &Ledger) -> State {
    state_of(ledger.snapshot())
}

pub(crate) fn state_of(snapshot: &Snapshot) -> State {
    let people: BTreeMap<_, _> = snapshot.pages_of_people().flatten().collect();
    let keys = snapshot.keys().into_iter().map(|key| (key.id.clone(), key)).collect();
    let in_force = snapshot.in_force().unwrap();
    let recipients: Vec<&Id> = in_force.catalog.recipients.keys().collect();
    let mut decisions = Vec::new();
    // One erased person is asked about as well.
    for subject in people.keys().copied().chain([person(13)]) {
        for recipient in &recipients {
            decisions.extend(in_force.catalog.cells(recipient).map(|cell| {
                let request = Request {
                    subject: Some(subject),
                    data: cell.data.clone(),
                    purpose: cell.purpose.clone(),
                    recipient: (*recipient).clone(),
                    channel: cell.channel.cloned(),
                    device: None,
                };
                snapshot.decide(&request, noon())
            }));
        }
    }
    let catalog = format!("{:?} {:?}", in_force.position, in_force.material_since);
    State { people, keys, catalog, decisions }
}

#[test]
fn replay_equals_live() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let (live, head, root) = (state(&ledger), ledger.snapshot().head(), ledger.root());
    assert!(live.people.len() > 50 && live.decisions.iter().any(Decision::allow));
    drop(ledger);
    for file in ["", "derived.db"] {
        // The second time without what is derived.
        let _ = std::fs::remove_file(folder.path().join(file));
        let ledger = open(folder.path());
        assert_eq!(ledger.snapshot().head(), head);
        assert_eq!(ledger.root(), root);
        assert_eq!(state(&ledger), live);
    }
}

#[test]
fn an_idempotency_key_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path());
    fill(&ledger);
    let key = |key, request| Some(Idempotency { key: [key; 32], request: [request; 32] });
    let commands = vec![
        newcomer(&ledger, 700),
        grant(person(700), offers(None)),
        grant(person(999), offers(None)),
    ];
    let first = try_submit(&ledger, commands.clone(), key(1, 1)).unwrap();
    assert_eq!(first.iter().filter(|outcome| outcome.is_ok()).count(), 2, "nobody knows the third");
    let head = ledger.snapshot().head();
    assert_eq!(try_submit(&ledger, commands.clone(), key(1, 1)), Ok(first.clone()));
    drop(ledger);
    let ledger = open(folder.path());
    assert_eq!(try_submit(&ledger, commands.clone(), key(1, 1)), Ok(first));
    assert_eq!(try_submit(&ledger, commands.clone(), key(1, 2)), Err(WriteError::KeyReused));
    assert_eq!(ledger.snapshot().head(), head, "nothing was recorded twice");
    let again = try_submit(&ledger, commands, key(2, 1)).unwrap();
    assert!(again[0].is_err(), "under another key it is another request: {again:?}");
}
