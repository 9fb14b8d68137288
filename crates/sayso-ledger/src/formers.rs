//! Whose a name was that systems have still to forget: how a system's word that it did is brought
//! to the person. The name itself may be somebody else's by now.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use sayso_consent::{
    Entry, Event,
    id::{Id, Lookup, Position, SubjectId},
};
use sayso_decision::Snapshot;

/// Pairs of a name's digest and whose it was. A hint: what is owed is said by the person's state.
#[derive(Default)]
pub(crate) struct Formers(Mutex<BTreeSet<(Lookup, SubjectId)>>);

impl Formers {
    /// Takes in an entry that the snapshot has.
    pub(crate) fn take_in(&self, entry: &Entry) {
        let Some(subject) = entry.subject else { return };
        for event in &entry.events {
            if let Event::IdentifierRemoved { lookup, .. } = event {
                self.pairs().insert((*lookup, subject));
            }
        }
    }

    /// Who owes that a recipient forgets a name, and since which entry. Pairs of which nothing is
    /// owed any more are dropped on the way.
    pub(crate) fn owing(
        &self,
        snapshot: &Snapshot,
        lookup: &Lookup,
        recipient: &Id,
    ) -> Vec<(SubjectId, Position)> {
        let mut pairs = self.pairs();
        let all = (*lookup, SubjectId(0))..=(*lookup, SubjectId(u128::MAX));
        let known: Vec<_> = pairs.range(all).copied().collect();
        let mut owing = Vec::new();
        for pair in known {
            let state = snapshot.subject(pair.1);
            let pending = state.iter().flat_map(|state| &state.pending);
            let open: Vec<_> =
                pending.filter(|owed| owed.former_lookup() == Some(*lookup)).collect();
            if open.is_empty() {
                pairs.remove(&pair);
            }
            let own = open.iter().filter(|owed| owed.recipient == *recipient);
            owing.extend(own.map(|owed| (pair.1, owed.position)));
        }
        owing
    }

    /// All pairs.
    pub(crate) fn all(&self) -> Vec<(Lookup, SubjectId)> {
        self.pairs().iter().copied().collect()
    }

    /// Goes on from pairs that were saved.
    pub(crate) fn resume(pairs: Vec<(Lookup, SubjectId)>) -> Self {
        Self(Mutex::new(pairs.into_iter().collect()))
    }

    fn pairs(&self) -> std::sync::MutexGuard<'_, BTreeSet<(Lookup, SubjectId)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
