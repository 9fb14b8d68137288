//! (state, event) → state. Total: what is on the ledger happened, so nothing here can refuse.

use crate::{
    catalog::{Catalog, InForce},
    choice::{Choice, Effect},
    event::{EffectReport, Entry, Event},
    id::{Id, Lookup, Position, SubjectId},
    scope::Scope,
    subject::{
        Applied, Change, DeviceLink, Exception, Held, IdentifierRef, Pending, Role, SubjectState,
    },
    time::Timestamp,
};

/// Applies an entry to the state of the person it is about; `None` if it erased them.
pub fn apply(
    state: SubjectState,
    entry: &Entry,
    in_force: Option<&InForce>,
) -> Option<SubjectState> {
    let Some(subject) = entry.subject else { return Some(state) };
    let mut fold = Fold { state, subject, position: entry.position, at: entry.at, in_force };
    for event in &entry.events {
        if *event == Event::SubjectErased {
            return None;
        }
        fold.event(event);
    }
    fold.state.position = entry.position;
    Some(fold.state)
}

/// The recipients whose rules a new catalog changes. The same for everybody, so found out once.
pub struct Changed(Vec<Id>);

impl Changed {
    /// Between a catalog and the next.
    pub fn between(before: &Catalog, next: &InForce) -> Self {
        let differs = |recipient: &&Id| next.catalog.rules_differ(before, recipient);
        Self(next.catalog.recipients.keys().filter(differs).cloned().collect())
    }

    /// By when the first of these recipients has to have applied its new rules for anybody.
    pub fn first_due(&self, in_force: &InForce, at: Timestamp) -> Option<Timestamp> {
        let recipients = &in_force.catalog.recipients;
        let deadline =
            |recipient| Some(recipients.get(recipient)?.deadline(Change::Denial)?.to_ms());
        self.0.iter().filter_map(deadline).min().map(|deadline| at.plus_ms(deadline))
    }
}

/// What a new catalog makes a person's systems owe: each whose rules changed has to hear what it
/// may do now. Gives by when the first of them has to have applied it.
pub fn apply_catalog(
    state: &mut SubjectState,
    changed: &Changed,
    in_force: &InForce,
    at: Timestamp,
) -> Option<Timestamp> {
    for recipient in &changed.0 {
        owe(state, recipient, &in_force.catalog, (in_force.position, Change::Denial), at);
    }
    state.position = state.position.max(in_force.position);
    let is_new = |pending: &&Pending| pending.position == in_force.position;
    state.pending.iter().filter(is_new).map(|pending| pending.due).min()
}

/// Notes that a recipient has to apply an entry, if it knows the person at all.
fn owe(
    state: &mut SubjectState,
    recipient: &Id,
    catalog: &Catalog,
    (position, change): (Position, Change),
    at: Timestamp,
) {
    let Some(declared) = catalog.recipients.get(recipient) else { return };
    let is_known =
        declared.namespace.as_ref().is_some_and(|namespace| state.has_namespace(namespace));
    let Some(deadline) = declared.deadline(change).filter(|_| is_known) else { return };
    let due = at.plus_ms(deadline.to_ms());
    let is_same = |pending: &&mut Pending| {
        pending.former.is_none() && pending.position == position && pending.recipient == *recipient
    };
    match state.pending.iter_mut().find(is_same) {
        // One entry may give and take: whatever is due first counts, and what takes most.
        Some(noted) => {
            noted.due = noted.due.min(due);
            noted.change = noted.change.min(change);
        }
        None => {
            let (recipient, former) = (recipient.clone(), None);
            state.pending.push(Pending { recipient, position, due, former, change });
        }
    }
}

struct Fold<'a> {
    state: SubjectState,
    subject: SubjectId,
    position: Position,
    at: Timestamp,
    in_force: Option<&'a InForce>,
}

impl Fold<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::SubjectCreated { is_active, minor_until } => {
                self.state.is_active = *is_active;
                self.state.minor_until = *minor_until;
            }
            Event::IdentifierAdded(identifier) => {
                self.state.identifiers.push(IdentifierRef {
                    namespace: identifier.namespace.clone(),
                    lookup: identifier.lookup,
                    position: self.position,
                });
                self.owe_namespace(&identifier.namespace);
                self.take_back(identifier.lookup);
            }
            Event::IdentifierRemoved { namespace, lookup } => self.part_with(namespace, *lookup),
            Event::ChoiceRecorded(choice) => self.choose(choice),
            Event::RelationshipChanged { is_active } => {
                self.state.is_active = *is_active;
                self.owe_all(if *is_active { Change::Grant } else { Change::Denial });
            }
            Event::RestrictionChanged { is_restricted } => {
                self.state.is_restricted = *is_restricted;
                self.owe_all(if *is_restricted { Change::Denial } else { Change::Grant });
            }
            Event::MinorityChanged { minor_until } => {
                self.state.minor_until = *minor_until;
                self.owe_all(Change::Denial);
            }
            Event::GuardianChanged { guardian, is_guardian } => {
                self.state.guardians.retain(|known| known != guardian);
                if *is_guardian {
                    self.state.guardians.push(*guardian);
                }
            }
            Event::ErasureRequested => {
                self.state.is_leaving = true;
                self.owe_all(Change::Erasure);
            }
            Event::DeviceAcquired { device, second_hand } => self.acquire(device, *second_hand),
            Event::DeviceReleased { device } => {
                self.state.devices.retain(|link| link.device != *device);
                self.owe_all(Change::Denial);
            }
            Event::HouseholdChanged { device, household } => self.share(device, household),
            Event::EffectReported(report) => self.meet(report),
            Event::DriftFound { recipient } | Event::DeliveryRepeated { recipient } => {
                self.owe_one(recipient, Change::Denial);
            }
            Event::ExceptionAccepted { recipient, until, reason, operator } => {
                let (until, through) = (*until, self.position);
                let (recipient, operator) = (recipient.clone(), operator.clone());
                let reason = reason.clone();
                self.except(Exception { recipient, through, until, reason, operator });
            }
            Event::DeliveryParked { recipient, reason } => {
                self.state.parked.retain(|(known, _)| known != recipient);
                let parked = reason.iter().map(|reason| (recipient.clone(), reason.clone()));
                self.state.parked.extend(parked);
            }
            Event::SinkDeclared { .. }
            | Event::SinkModeChanged { .. }
            | Event::SinkReplayed { .. }
            | Event::SinkCompared { .. }
            | Event::SinkRemoved { .. }
            | Event::CatalogApplied { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked { .. }
            | Event::LedgerRestored { .. }
            | Event::SubjectErased => {}
        }
    }

    fn meet(&mut self, report: &EffectReport) {
        self.state.pending.retain(|owed| !owed.is_met_by(report));
        let pending = &self.state.pending;
        let owes = |recipient: &Id| pending.iter().any(|owed| owed.recipient == *recipient);
        self.state.exceptions.retain(|exception| owes(&exception.recipient));
        self.note_applied(&report.recipient, report.through);
    }

    fn except(&mut self, exception: Exception) {
        self.state.exceptions.retain(|known| known.recipient != exception.recipient);
        self.state.exceptions.push(exception);
    }

    fn note_applied(&mut self, recipient: &Id, through: Position) {
        let is_it = |applied: &&Applied| applied.recipient == *recipient;
        // A report about a former name may come after one about something newer.
        let before = self.state.applied.iter().find(is_it).map(|applied| applied.through);
        let through = before.map_or(through, |before| before.max(through));
        self.state.applied.retain(|applied| applied.recipient != *recipient);
        self.state.applied.push(Applied { recipient: recipient.clone(), through, at: self.at });
    }

    /// A name is the person's no longer. Every recipient that knew them by it owes that what it
    /// holds under that name goes: it would otherwise keep, for good, what the person had allowed.
    fn part_with(&mut self, namespace: &Id, lookup: Lookup) {
        let is_it = |own: &IdentifierRef| own.namespace == *namespace && own.lookup == lookup;
        let Some(place) = self.state.identifiers.iter().position(is_it) else { return };
        let former = self.state.identifiers.remove(place);
        let Some(in_force) = self.in_force else { return };
        for (recipient, declared) in in_force.catalog.recipients_of(&Scope::default()) {
            let knew = declared.namespace.as_ref() == Some(namespace);
            let deadline = declared.deadline(Change::Erasure).filter(|_| knew);
            let Some(deadline) = deadline else { continue };
            let due =
                self.at.plus_ms(deadline.to_ms()).min(self.drop_unreachable(recipient, namespace));
            self.state.pending.push(Pending {
                recipient: recipient.clone(),
                position: self.position,
                due,
                former: Some(former.clone()),
                change: Change::Erasure,
            });
        }
    }

    /// Takes away what a recipient owes under names of the person if none is left to tell it by:
    /// that could never be applied, and an erasure would wait for it for ever. Returns the deadline
    /// that stays, so that nobody who was late is in time again.
    fn drop_unreachable(&mut self, recipient: &Id, namespace: &Id) -> Timestamp {
        if self.state.has_namespace(namespace) {
            return Timestamp::MAX;
        }
        let is_lost = |owed: &Pending| owed.recipient == *recipient && owed.former.is_none();
        let lost = self.state.pending.iter().filter(|owed| is_lost(owed)).map(|owed| owed.due);
        let due = lost.min().unwrap_or(Timestamp::MAX);
        self.state.pending.retain(|owed| !is_lost(owed));
        due
    }

    /// A name is the person's again: who was to forget it is told instead what it may do, which
    /// says more and comes later.
    fn take_back(&mut self, lookup: Lookup) {
        let is_it = |owed: &Pending| owed.former_lookup() == Some(lookup);
        let (again, rest) = std::mem::take(&mut self.state.pending).into_iter().partition(is_it);
        self.state.pending = rest;
        let again: Vec<Pending> = again;
        for former in again {
            let replaces = |owed: &&mut Pending| {
                owed.recipient == former.recipient
                    && owed.former.is_none()
                    && owed.position == self.position
            };
            match self.state.pending.iter_mut().find(replaces) {
                Some(newer) => newer.due = newer.due.min(former.due),
                None => self.state.pending.push(former),
            }
        }
    }

    fn choose(&mut self, choice: &Choice) {
        if choice.method.is_standing() && choice.effect == Effect::Denial {
            self.state.signals.push((choice.method, choice.scope.clone()));
        }
        self.state.hold(Held::new(choice, self.position));
        let change = match choice.effect {
            Effect::Grant => Change::Grant,
            Effect::Denial => Change::Denial,
        };
        self.owe_scope(&choice.scope, change);
    }

    fn acquire(&mut self, device: &Id, second_hand: bool) {
        self.state.devices.retain(|link| link.device != *device);
        self.state.devices.push(DeviceLink {
            device: device.clone(),
            role: Role::Owner,
            nothing_before: second_hand.then_some(self.position),
            household: vec![self.subject],
        });
        self.owe_all(Change::Denial);
    }

    fn share(&mut self, device: &Id, household: &[SubjectId]) {
        let known = self.state.device(device).and_then(|link| link.nothing_before);
        self.state.devices.retain(|link| link.device != *device);
        let role =
            if household.first() == Some(&self.subject) { Role::Owner } else { Role::Member };
        if household.contains(&self.subject) {
            self.state.devices.push(DeviceLink {
                device: device.clone(),
                role,
                nothing_before: known,
                household: household.to_vec(),
            });
        }
        self.owe_all(Change::Denial);
    }

    fn owe_scope(&mut self, scope: &Scope, change: Change) {
        let Some(in_force) = self.in_force else { return };
        for (recipient, _) in in_force.catalog.recipients_of(scope) {
            self.owe_one(recipient, change);
        }
    }

    fn owe_all(&mut self, change: Change) {
        self.owe_scope(&Scope::default(), change);
    }

    fn owe_one(&mut self, recipient: &Id, change: Change) {
        let Some(in_force) = self.in_force else { return };
        owe(&mut self.state, recipient, &in_force.catalog, (self.position, change), self.at);
    }

    fn owe_namespace(&mut self, namespace: &Id) {
        let Some(in_force) = self.in_force else { return };
        for (recipient, declared) in in_force.catalog.recipients_of(&Scope::default()) {
            if declared.namespace.as_ref() == Some(namespace) {
                self.owe_one(recipient, Change::Denial);
            }
        }
    }
}
