//! A snapshot and the entries that are about to be written on top of it.
//!
//! Many commands share one durable write. The second of them must see what the first did, though
//! readers must not: a grant that is not on disk yet is no grant.

use std::{collections::HashMap, sync::Arc};

use sayso_consent::{
    apply,
    catalog::InForce,
    event::{Entry, Event},
    handle::Facts,
    id::{Id, Lookup, SubjectId},
    sink::{self, SinkState, Sinks},
    subject::SubjectState,
};

use crate::{
    index::{Change, changes, is_birth},
    snapshot::{Snapshot, Still},
};

/// What commands are decided on while a batch is being gathered.
pub struct Staged<'a> {
    still: Still<'a>,
    people: HashMap<SubjectId, Option<Arc<SubjectState>>>,
    lookups: HashMap<Lookup, Option<SubjectId>>,
    devices: HashMap<Id, Option<SubjectId>>,
    keys: HashMap<String, bool>,
    sinks: Arc<Sinks>,
}

impl<'a> Staged<'a> {
    /// On top of a snapshot that nobody else applies to meanwhile.
    pub fn on(snapshot: &'a Snapshot) -> Self {
        Self {
            still: Still { snapshot, in_force: snapshot.in_force() },
            people: HashMap::new(),
            lookups: HashMap::new(),
            devices: HashMap::new(),
            keys: HashMap::new(),
            sinks: snapshot.sinks(),
        }
    }

    /// Adds an entry. One with a catalog must be the last of its batch: what it does to people
    /// who are not in the batch is not staged.
    pub fn stage(&mut self, entry: &Entry) {
        for event in &entry.events {
            match event {
                Event::KeyCreated(key) => drop(self.keys.insert(key.id.clone(), true)),
                Event::KeyRevoked { id } => drop(self.keys.insert(id.clone(), false)),
                _ => {}
            }
        }
        sink::apply(&mut self.sinks, entry);
        let Some(subject) = entry.subject else { return };
        let before = self.subject(subject);
        if before.is_none() && !is_birth(entry) {
            return;
        }
        for change in changes(subject, entry, before.as_deref()) {
            match change {
                Change::Lookup { lookup, subject, is_owner } => {
                    let owner = keep_owner(self.owner(&lookup), subject, is_owner);
                    self.lookups.insert(lookup, owner);
                }
                Change::Device { device, subject, is_owner } => {
                    let owner = keep_owner(self.device_owner(&device), subject, is_owner);
                    self.devices.insert(device, owner);
                }
            }
        }
        let state = before.map_or_else(SubjectState::default, Arc::unwrap_or_clone);
        let state = apply::apply(state, entry, self.still.in_force.as_deref());
        self.people.insert(subject, state.map(Arc::new));
    }
}

fn keep_owner(known: Option<SubjectId>, subject: SubjectId, is_owner: bool) -> Option<SubjectId> {
    if is_owner { Some(subject) } else { known.filter(|known| *known != subject) }
}

impl Facts for Staged<'_> {
    fn in_force(&self) -> Option<&InForce> {
        self.still.in_force()
    }

    fn subject(&self, subject: SubjectId) -> Option<Arc<SubjectState>> {
        self.people.get(&subject).cloned().unwrap_or_else(|| self.still.subject(subject))
    }

    fn owner(&self, lookup: &Lookup) -> Option<SubjectId> {
        self.lookups.get(lookup).copied().unwrap_or_else(|| self.still.owner(lookup))
    }

    fn device_owner(&self, device: &Id) -> Option<SubjectId> {
        self.devices.get(device).copied().unwrap_or_else(|| self.still.device_owner(device))
    }

    fn has_key(&self, id: &str) -> bool {
        self.keys.get(id).copied().unwrap_or_else(|| self.still.has_key(id))
    }

    fn sink(&self, recipient: &Id) -> Option<SinkState> {
        self.sinks.get(recipient).cloned()
    }
}
