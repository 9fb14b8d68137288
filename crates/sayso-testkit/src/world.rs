//! A ledger in memory: the same commands, entries and refusals as the real one, without sealing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sayso_consent::{
    Command, Decision, Entry, Event, Id, Position, Refusal, Request, SubjectId, SubjectState,
    Timestamp,
    apply::{Changed, apply, apply_catalog},
    catalog::InForce,
    event::VERSION,
    handle,
    handle::Facts,
    id::Lookup,
    oracle,
    sink::{self, SinkState, Sinks},
};

/// Everything that was recorded, and the state that follows from it.
#[derive(Clone, Debug, Default)]
pub struct World {
    entries: Vec<Entry>,
    in_force: Option<InForce>,
    subjects: BTreeMap<SubjectId, Arc<SubjectState>>,
    owners: BTreeMap<Lookup, SubjectId>,
    device_owners: BTreeMap<Id, SubjectId>,
    keys: BTreeSet<String>,
    sinks: Arc<Sinks>,
}

impl World {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// A world that followed these entries, as a restarted server does.
    pub fn following(entries: &[Entry]) -> Self {
        let mut world = Self::new();
        for entry in entries {
            world.append(entry.clone());
        }
        world
    }

    /// Decides a command and records what it came to: an entry per subject, none if it said
    /// nothing new.
    pub fn command(&mut self, command: Command, at: Timestamp) -> Result<Vec<Entry>, Refusal> {
        let drafts = handle(self, command, at)?;
        let mut recorded = Vec::new();
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            let entry = Entry {
                v: VERSION,
                position: self.head().next(),
                at,
                subject: draft.subject,
                by: "testkit".into(),
                events: draft.events,
            };
            self.append(entry.clone());
            recorded.push(entry);
        }
        Ok(recorded)
    }

    /// The answer of the oracle.
    pub fn decide(&self, request: &Request, at: Timestamp) -> Decision {
        oracle::decide(&self.entries, request, at)
    }

    /// Everything that was recorded, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where the newest entry stands.
    pub fn head(&self) -> Position {
        self.entries.last().map_or(Position::START, |entry| entry.position)
    }

    /// Everyone who is known and what is known about them.
    pub fn subjects(&self) -> impl Iterator<Item = (SubjectId, &SubjectState)> {
        self.subjects.iter().map(|(subject, state)| (*subject, &**state))
    }

    fn append(&mut self, entry: Entry) {
        if let Some(subject) = entry.subject {
            self.fold(subject, &entry);
        }
        for event in &entry.events {
            self.index(event, &entry);
        }
        sink::apply(&mut self.sinks, &entry);
        self.entries.push(entry);
    }

    /// An entry about somebody who was erased in the meantime does not bring them back.
    fn fold(&mut self, subject: SubjectId, entry: &Entry) {
        let is_birth = matches!(entry.events.first(), Some(Event::SubjectCreated { .. }));
        let before = self.subjects.remove(&subject).or_else(|| is_birth.then(Arc::default));
        let Some(before) = before else { return };
        let before = Arc::unwrap_or_clone(before);
        if let Some(state) = apply(before, entry, self.in_force.as_ref()) {
            self.subjects.insert(subject, Arc::new(state));
        }
    }

    fn index(&mut self, event: &Event, entry: &Entry) {
        match (event, entry.subject) {
            (Event::CatalogApplied { catalog }, _) => {
                let catalog = Arc::new((**catalog).clone());
                let next = InForce::follow(self.in_force.as_ref(), catalog, entry.position);
                let before = self.in_force.replace(next);
                self.owe(before.as_ref(), entry.at);
            }
            (Event::IdentifierAdded(identifier), Some(subject)) => {
                self.owners.insert(identifier.lookup, subject);
            }
            (Event::IdentifierRemoved { lookup, .. }, _) => {
                self.owners.remove(lookup);
            }
            (Event::DeviceAcquired { device, .. }, Some(subject)) => {
                self.device_owners.insert(device.clone(), subject);
            }
            (Event::DeviceReleased { device }, Some(subject)) => {
                // Whoever released it may have been a member, or its owner before the present one.
                self.device_owners.retain(|own, owner| own != device || *owner != subject);
            }
            (Event::SubjectErased, Some(subject)) => {
                self.owners.retain(|_, owner| *owner != subject);
                self.device_owners.retain(|_, owner| *owner != subject);
            }
            (Event::KeyCreated(key), _) => {
                self.keys.insert(key.id.clone());
            }
            (Event::KeyRevoked { id }, _) => {
                self.keys.remove(id);
            }
            _ => {}
        }
    }

    fn owe(&mut self, before: Option<&InForce>, at: Timestamp) {
        let (Some(now), Some(before)) = (&self.in_force, before) else { return };
        let changed = Changed::between(&before.catalog, now);
        for state in self.subjects.values_mut() {
            apply_catalog(Arc::make_mut(state), &changed, now, at);
        }
    }
}

impl Facts for World {
    fn in_force(&self) -> Option<&InForce> {
        self.in_force.as_ref()
    }

    fn subject(&self, subject: SubjectId) -> Option<Arc<SubjectState>> {
        self.subjects.get(&subject).cloned()
    }

    fn owner(&self, lookup: &Lookup) -> Option<SubjectId> {
        self.owners.get(lookup).copied()
    }

    fn device_owner(&self, device: &Id) -> Option<SubjectId> {
        self.device_owners.get(device).copied()
    }

    fn has_key(&self, id: &str) -> bool {
        self.keys.contains(id)
    }

    fn sink(&self, recipient: &Id) -> Option<SinkState> {
        self.sinks.get(recipient).cloned()
    }
}
