//! The rule of decisions, written once, naively, from nothing but the entries.
//!
//! It reads the whole ledger for every question and keeps no state, so it can be held beside the
//! text of `docs/concepts/decision.md` line by line. It is what the snapshot is tested against and
//! what a disputed answer is explained with; it is far too slow for anything else.

use std::sync::Arc;

use crate::{
    apply::{Changed, apply, apply_catalog},
    catalog::{Activity, InForce, LegalBasis},
    choice::{Actor, Choice, Effect},
    event::{Entry, Event},
    id::{Id, Position, SubjectId},
    request::{Decision, LEASE_MS, Obligation, Reason, Request},
    scope::Scope,
    time::Timestamp,
};

/// Answers a request at a moment from the entries of the ledger, oldest first.
pub fn decide(entries: &[Entry], request: &Request, at: Timestamp) -> Decision {
    // Time never runs backwards: a clock that was set back must not revive what has ended.
    let newest = entries.iter().map(|entry| entry.at).max();
    let at = newest.map_or(at, |newest| newest.max(at));
    let oracle = Oracle { entries, at, in_force: in_force(entries) };
    let mut decision = oracle.decide(request);
    decision.as_of = entries.last().map_or(Position::START, |entry| entry.position);
    decision.lease = at.plus_ms(LEASE_MS).min(decision.until.unwrap_or(Timestamp::MAX));
    decision
}

/// The catalog in force after the entries.
fn in_force(entries: &[Entry]) -> Option<InForce> {
    entries.iter().fold(None, |before, entry| {
        let applied = entry.events.iter().find_map(|event| match event {
            Event::CatalogApplied { catalog } => Some(Arc::new((**catalog).clone())),
            _ => None,
        });
        match applied {
            Some(catalog) => Some(InForce::follow(before.as_ref(), catalog, entry.position)),
            None => before,
        }
    })
}

struct Oracle<'a> {
    entries: &'a [Entry],
    at: Timestamp,
    in_force: Option<InForce>,
}

/// A choice and where it stands.
#[derive(Clone, Copy)]
struct Said<'a> {
    choice: &'a Choice,
    position: Position,
}

impl Said<'_> {
    /// Later, an import always being earlier than a choice of the person.
    fn is_later_than(&self, other: &Said) -> bool {
        let order = |said: &Said| (said.choice.actor != Actor::Import, said.position);
        order(self) > order(other)
    }
}

impl<'a> Oracle<'a> {
    fn decide(&self, request: &Request) -> Decision {
        let Some(in_force) = &self.in_force else {
            return Decision::deny(Reason::Undeclared, None);
        };
        let catalog = &in_force.catalog;
        // 1. Declared?
        let covering: Vec<_> =
            catalog.covering(&request.purpose, &request.data, &request.recipient).collect();
        if covering.is_empty() || !catalog.recipients.contains_key(&request.recipient) {
            return Decision::deny(Reason::Undeclared, None);
        }
        let asked_rightly = |activity: &Activity| match &request.channel {
            Some(channel) => activity.channels.is_empty() || activity.channels.contains(channel),
            None => activity.channels.is_empty(),
        };
        let Some((id, activity)) = covering.iter().find(|(_, activity)| asked_rightly(activity))
        else {
            return Decision::deny(Reason::ChannelRequired, Some(covering[0].0));
        };
        // 2. Promised never?
        if catalog.promises_never(request.dimensions()) {
            return Decision::deny(Reason::PromisedNever, Some(id));
        }
        let mut answer = self.decide_known(request, activity);
        answer.activity = Some((*id).clone());
        if answer.allow() {
            let keep_until = self.at.plus(&activity.retention);
            answer.keep_until = Some(keep_until);
            if !activity.redact.is_empty() {
                answer.obligations.push(Obligation::Redact { fields: activity.redact.clone() });
            }
            answer.obligations.push(Obligation::DeleteBy { at: keep_until });
        }
        answer
    }

    fn decide_known(&self, request: &Request, activity: &Activity) -> Decision {
        let no = |reason| Decision::deny(reason, None);
        let is_imperative = activity.basis.is_imperative();
        // 3. Restricted or gone? Someone unknown is a person who never said anything.
        let subject = request.subject.filter(|subject| self.exists(*subject));
        let device_is_known = |subject: SubjectId| {
            request.device.as_ref().is_none_or(|device| self.household(subject, device).is_some())
        };
        let subject = subject.filter(|subject| device_is_known(*subject));
        if let Some(subject) = subject {
            if self.is_restricted(subject) {
                return no(Reason::Restricted);
            }
            if !is_imperative && self.is_overdue(subject, &request.recipient) {
                return no(Reason::Overdue);
            }
        }
        // 4. Reachable?
        let judged = subject.map(|subject| self.judge_all(subject, request, activity));
        if let Some(channel) = request.channel.as_ref().filter(|_| !is_imperative) {
            if judged.as_ref().is_some_and(|judged| judged.is_unreachable) {
                return no(said_no(activity.basis));
            }
            let in_force = self.in_force.as_ref().map(|in_force| &in_force.catalog);
            let end = in_force.and_then(|catalog| {
                let quiet = catalog.channels.get(channel)?.quiet_hours.as_ref()?;
                quiet.end(self.at, &catalog.time_zone)
            });
            if end.is_some() {
                return Decision { until: end, ..no(Reason::QuietHours) };
            }
        }
        // 5. The basis.
        let Some((subject, judged)) = subject.zip(judged) else {
            return no(unknown(activity.basis));
        };
        let yes = |reason| Decision::deny(reason, None);
        match activity.basis {
            LegalBasis::LegalObligation => yes(Reason::LegalObligation),
            LegalBasis::VitalInterests => yes(Reason::VitalInterests),
            LegalBasis::Contract if self.is_active(subject) => yes(Reason::Contract),
            LegalBasis::Contract => no(Reason::NoContract),
            LegalBasis::LegitimateInterests | LegalBasis::PublicTask if judged.is_denied => {
                no(Reason::Objected)
            }
            LegalBasis::LegitimateInterests => yes(Reason::LegitimateInterests),
            LegalBasis::PublicTask => yes(Reason::PublicTask),
            LegalBasis::Consent => match judged.grant {
                Some(grant) => Decision {
                    grant: Some(grant.position),
                    until: grant.choice.until,
                    ..yes(Reason::Granted)
                },
                None => no(judged.why),
            },
        }
    }

    /// What the subject and, for data that concerns a household, everyone in it have said.
    fn judge_all(&self, subject: SubjectId, request: &Request, activity: &Activity) -> Judged<'a> {
        let own = self.judge(subject, request, activity, request.device.as_ref());
        let concerns_all =
            self.in_force.as_ref().is_some_and(|now| now.catalog.is_household(&request.data));
        if !concerns_all {
            return own;
        }
        let devices = match &request.device {
            Some(device) => vec![device.clone()],
            None => self.devices(subject),
        };
        let mut all = own;
        for device in devices {
            let scoped = Request { device: Some(device.clone()), ..request.clone() };
            for (place, person) in
                self.household(subject, &device).unwrap_or_default().iter().enumerate()
            {
                let theirs = self.judge(*person, &scoped, activity, Some(&device));
                if place == 0 && (request.device.is_some() || *person != subject) {
                    all = all.needs(theirs, request.device.is_some());
                }
                all.is_denied |= theirs.is_denied;
                all.is_unreachable |= theirs.is_unreachable;
            }
        }
        if all.is_denied {
            all.grant = None;
            all.why = Reason::Withdrawn;
        }
        all
    }

    fn judge(
        &self,
        person: SubjectId,
        request: &Request,
        activity: &Activity,
        device: Option<&Id>,
    ) -> Judged<'a> {
        let asked = request.scope();
        let said = self.said(person);
        let applying_grants: Vec<Said> = said
            .iter()
            .filter(|said| said.choice.effect == Effect::Grant && said.choice.scope.covers(&asked))
            .copied()
            .collect();
        let denials: Vec<Said> = said
            .iter()
            .filter(|said| {
                said.choice.effect == Effect::Denial && said.choice.scope.overlaps(&asked)
            })
            .copied()
            .collect();
        let counted: Vec<Said> = applying_grants
            .iter()
            .filter(|grant| self.fault(person, grant, activity, device).is_none())
            .copied()
            .collect();
        let beats = |grant: &Said, denial: &Said| {
            grant.is_later_than(denial) && denial.choice.scope.covers(&grant.choice.scope)
        };
        let surviving_denials: Vec<Said> = denials
            .iter()
            .filter(|denial| !counted.iter().any(|grant| beats(grant, denial)))
            .copied()
            .collect();
        let grant = counted
            .iter()
            .filter(|grant| denials.iter().all(|denial| beats(grant, denial)))
            .max_by_key(|grant| (grant.choice.actor != Actor::Import, grant.position))
            .copied();
        let names = |scope: &Scope| {
            scope.channel.is_some() || scope.device.is_some() && request.device.is_some()
        };
        let is_denied = !surviving_denials.is_empty();
        let newest_grant = applying_grants
            .iter()
            .max_by_key(|grant| (grant.choice.actor != Actor::Import, grant.position));
        let why = match newest_grant {
            _ if is_denied => Reason::Withdrawn,
            Some(grant) => self.fault(person, grant, activity, device).unwrap_or(Reason::Withdrawn),
            // A grant that was beaten leaves its denial standing, so here nothing was said.
            None => Reason::NeverAsked,
        };
        Judged {
            grant,
            is_denied,
            is_unreachable: request.channel.is_some()
                && surviving_denials.iter().any(|denial| names(&denial.choice.scope)),
            why,
        }
    }

    /// Why a grant does not count, if it does not.
    fn fault(
        &self,
        person: SubjectId,
        grant: &Said,
        activity: &Activity,
        device: Option<&Id>,
    ) -> Option<Reason> {
        let choice = grant.choice;
        let came_later = device.and_then(|device| self.second_hand_since(person, device));
        if came_later.is_some_and(|since| grant.position <= since)
            || choice.not_before.is_some_and(|from| self.at < from)
        {
            return Some(Reason::NeverAsked);
        }
        if choice.until.is_some_and(|until| self.at >= until) {
            return Some(Reason::Expired);
        }
        if self.is_superseded(grant, activity) {
            return Some(Reason::NoticeSuperseded);
        }
        let is_minor = self.minor_until(person).is_some_and(|until| self.at < until);
        let by_guardian = matches!(choice.actor, Actor::Guardian { .. });
        (is_minor && !by_guardian).then_some(Reason::NeedsGuardian)
    }

    fn is_superseded(&self, grant: &Said, activity: &Activity) -> bool {
        let Some((now, notice)) = self.in_force.as_ref().zip(activity.notice.as_ref()) else {
            return false;
        };
        match &grant.choice.notice {
            Some(given) if given.id == *notice => now
                .catalog
                .material_version(notice)
                .is_some_and(|material| given.version < material),
            _ => now.material_since.get(notice).is_some_and(|since| grant.position < *since),
        }
    }

    fn events(
        &self,
        subject: SubjectId,
    ) -> impl DoubleEndedIterator<Item = (&'a Entry, &'a Event)> {
        let of_subject = move |entry: &&'a Entry| entry.subject == Some(subject);
        self.entries
            .iter()
            .filter(of_subject)
            .flat_map(|entry| entry.events.iter().map(move |event| (entry, event)))
    }

    /// All that a person said.
    fn said(&self, person: SubjectId) -> Vec<Said<'a>> {
        let choice = |(entry, event): (&'a Entry, &'a Event)| match event {
            Event::ChoiceRecorded(choice) => Some(Said { choice, position: entry.position }),
            _ => None,
        };
        self.events(person).filter_map(choice).collect()
    }

    fn last<T>(&self, subject: SubjectId, read: impl Fn(&'a Event) -> Option<T>) -> Option<T> {
        self.events(subject).rev().find_map(|(_, event)| read(event))
    }

    fn exists(&self, subject: SubjectId) -> bool {
        let born_or_gone = self.last(subject, |event| match event {
            Event::SubjectCreated { .. } => Some(true),
            Event::SubjectErased => Some(false),
            _ => None,
        });
        born_or_gone.unwrap_or(false)
    }

    fn is_restricted(&self, subject: SubjectId) -> bool {
        let is_leaving =
            self.last(subject, |event| matches!(event, Event::ErasureRequested).then_some(()));
        let is_restricted = self.last(subject, |event| match event {
            Event::RestrictionChanged { is_restricted } => Some(*is_restricted),
            _ => None,
        });
        is_leaving.is_some() || is_restricted.unwrap_or(false)
    }

    fn is_active(&self, subject: SubjectId) -> bool {
        let is_active = self.last(subject, |event| match event {
            Event::SubjectCreated { is_active, .. } | Event::RelationshipChanged { is_active } => {
                Some(*is_active)
            }
            _ => None,
        });
        is_active.unwrap_or(false)
    }

    fn minor_until(&self, subject: SubjectId) -> Option<Timestamp> {
        let minor_until = self.last(subject, |event| match event {
            Event::SubjectCreated { minor_until, .. } | Event::MinorityChanged { minor_until } => {
                Some(*minor_until)
            }
            _ => None,
        });
        minor_until.flatten()
    }

    /// Everyone with a part in a device of the subject, the owner first.
    fn household(&self, subject: SubjectId, device: &Id) -> Option<Vec<SubjectId>> {
        let household = self.last(subject, |event| match event {
            Event::DeviceAcquired { device: own, .. } if own == device => Some(vec![subject]),
            Event::DeviceReleased { device: own } if own == device => Some(Vec::new()),
            Event::HouseholdChanged { device: own, household } if own == device => {
                Some(household.clone())
            }
            _ => None,
        });
        household.filter(|household| household.contains(&subject))
    }

    fn devices(&self, subject: SubjectId) -> Vec<Id> {
        let mut devices: Vec<Id> =
            self.events(subject)
                .filter_map(|(_, event)| match event {
                    Event::DeviceAcquired { device, .. }
                    | Event::HouseholdChanged { device, .. } => Some(device.clone()),
                    _ => None,
                })
                .filter(|device| self.household(subject, device).is_some())
                .collect();
        devices.sort();
        devices.dedup();
        devices
    }

    fn second_hand_since(&self, subject: SubjectId, device: &Id) -> Option<Position> {
        let acquired = self.events(subject).rev().find_map(|(entry, event)| match event {
            Event::DeviceAcquired { device: own, second_hand } if own == device => {
                Some(second_hand.then_some(entry.position))
            }
            Event::DeviceReleased { device: own } if own == device => Some(None),
            _ => None,
        });
        acquired.flatten()
    }

    /// Whether the recipient was told something about the subject that it has not applied in time.
    fn is_overdue(&self, subject: SubjectId, recipient: &Id) -> bool {
        let state = crate::oracle::replay(self.entries, subject);
        state.is_some_and(|state| state.is_overdue(recipient, self.at))
    }
}

/// The state of one person after the entries: for what is bookkeeping rather than rule.
pub fn replay(entries: &[Entry], subject: SubjectId) -> Option<crate::SubjectState> {
    let mut now: Option<InForce> = None;
    let mut state = None;
    for entry in entries {
        if entry.subject == Some(subject) {
            state = apply(state.unwrap_or_default(), entry, now.as_ref());
        }
        for event in &entry.events {
            if let Event::CatalogApplied { catalog } = event {
                let next =
                    InForce::follow(now.as_ref(), Arc::new((**catalog).clone()), entry.position);
                if let (Some(state), Some(before)) = (&mut state, &now) {
                    let changed = Changed::between(&before.catalog, &next);
                    apply_catalog(state, &changed, &next, entry.at);
                }
                now = Some(next);
            }
        }
    }
    state
}

/// What one person's words come to.
#[derive(Clone, Copy)]
struct Judged<'a> {
    grant: Option<Said<'a>>,
    is_denied: bool,
    is_unreachable: bool,
    why: Reason,
}

impl<'a> Judged<'a> {
    /// The owner's grant is needed: instead of one's own for a device, beside it otherwise.
    fn needs(self, owner: Judged<'a>, instead: bool) -> Judged<'a> {
        if instead || owner.grant.is_none() {
            Judged { grant: owner.grant, why: owner.why, ..self }
        } else {
            self
        }
    }
}

/// The reason of a person's no, by basis.
fn said_no(basis: LegalBasis) -> Reason {
    if basis == LegalBasis::Consent { Reason::Withdrawn } else { Reason::Objected }
}

/// The reason for somebody who is not known: what a known person who said nothing useful gets.
fn unknown(basis: LegalBasis) -> Reason {
    match basis {
        LegalBasis::LegitimateInterests | LegalBasis::PublicTask => Reason::Objected,
        LegalBasis::Contract => Reason::NoContract,
        LegalBasis::Consent | LegalBasis::LegalObligation | LegalBasis::VitalInterests => {
            Reason::NeverAsked
        }
    }
}
