//! The rule of decisions over folded state. The steps are numbered as in
//! `docs/concepts/decision.md`.

use std::sync::Arc;

use sayso_consent::{
    catalog::{Activity, Catalog, InForce, LegalBasis},
    choice::Effect,
    id::{Id, Position, SubjectId},
    request::{Decision, LEASE_MS, Obligation, Reason, Request},
    scope::{Dimensions, covers, overlaps},
    subject::{Held, Role, SubjectState},
    time::Timestamp,
};

/// What passes with the hour rather than with a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Counts: the answer for this very moment.
    Counts,
    /// Is left out: what a recipient may do in general. Quiet hours end by themselves, and a
    /// system that is late must hear what it may do once it has caught up.
    LeftOut,
}

/// Where the states of people are read from.
pub trait People {
    /// What is known about a person.
    fn person(&self, subject: SubjectId) -> Option<Arc<SubjectState>>;
}

/// Answers a request. `state` is that of `request.subject`, if there is such a person.
pub fn decide(
    in_force: Option<&InForce>,
    people: &impl People,
    state: Option<&SubjectState>,
    request: &Request,
    at: Timestamp,
    passing: Passing,
) -> Decision {
    let mut decision = match in_force {
        Some(in_force) => Asked { in_force, people, request, at, passing }.decide(state),
        None => Decision::deny(Reason::Undeclared, None),
    };
    decision.lease = at.plus_ms(LEASE_MS).min(decision.until.unwrap_or(Timestamp::MAX));
    decision
}

/// Steps 1 and 2, which hold for everybody: the activity that a request falls under, or why there
/// is no asking.
///
/// An activity covers the request and is asked about with one of its channels. The catalog's check
/// sees to it that there is at most one.
pub(crate) fn declared<'a>(
    catalog: &'a Catalog,
    request: &'a Request,
) -> Result<(&'a Id, &'a Activity), (Reason, Option<&'a Id>)> {
    let Request { purpose, data, recipient, channel, .. } = request;
    // 1. Declared?
    if !catalog.recipients.contains_key(recipient) {
        return Err((Reason::Undeclared, None));
    }
    let mut wrong_channel = None;
    let is_asked_rightly = |activity: &Activity| {
        activity.channels.is_empty()
            || channel.as_ref().is_some_and(|channel| activity.channels.contains(channel))
    };
    let mut covering = catalog.covering(purpose, data, recipient);
    let found = covering.find(|(id, activity)| {
        wrong_channel = wrong_channel.or(Some(*id));
        is_asked_rightly(activity)
    });
    let Some((id, activity)) = found else {
        let reason = wrong_channel.map_or(Reason::Undeclared, |_| Reason::ChannelRequired);
        return Err((reason, wrong_channel));
    };
    // 2. Promised never?
    if catalog.promises_never(request.dimensions()) {
        return Err((Reason::PromisedNever, Some(id)));
    }
    Ok((id, activity))
}

/// What comes with a yes under an activity at a moment.
pub(crate) fn oblige(decision: &mut Decision, activity: &Activity, at: Timestamp) {
    let keep_until = at.plus(&activity.retention);
    decision.keep_until = Some(keep_until);
    if !activity.redact.is_empty() {
        decision.obligations.push(Obligation::Redact { fields: activity.redact.clone() });
    }
    decision.obligations.push(Obligation::DeleteBy { at: keep_until });
}

struct Asked<'a, P> {
    in_force: &'a InForce,
    people: &'a P,
    request: &'a Request,
    at: Timestamp,
    passing: Passing,
}

/// What one person's choices, or a household's, come to.
#[derive(Clone, Copy)]
struct Verdict {
    grant: Option<(Position, Option<Timestamp>)>,
    is_denied: bool,
    is_unreachable: bool,
    why: Reason,
}

impl<P: People> Asked<'_, P> {
    fn decide(&self, state: Option<&SubjectState>) -> Decision {
        let (id, activity) = match declared(&self.in_force.catalog, self.request) {
            Ok(found) => found,
            Err((reason, id)) => return Decision::deny(reason, id),
        };
        let mut decision = self.decide_person(state, activity);
        decision.activity = Some(id.clone());
        if decision.allow() {
            oblige(&mut decision, activity, self.at);
        }
        decision
    }

    fn decide_person(&self, state: Option<&SubjectState>, activity: &Activity) -> Decision {
        let say = |reason| Decision::deny(reason, None);
        let is_imperative = activity.basis.is_imperative();
        // 3. Restricted or gone? Somebody unknown, or asked about with a device that is not
        // theirs, is from here on a person who never said anything.
        let has_device = |state: &&SubjectState| {
            self.request.device.as_ref().is_none_or(|device| state.device(device).is_some())
        };
        let state = state.filter(has_device);
        if let Some(state) = state {
            if state.is_restricted || state.is_leaving {
                return say(Reason::Restricted);
            }
            let counts = self.passing == Passing::Counts;
            if counts && !is_imperative && state.is_overdue(&self.request.recipient, self.at) {
                return say(Reason::Overdue);
            }
        }
        // 4. Reachable?
        let verdict = state.map(|state| self.judge_all(state, activity));
        if self.request.channel.is_some() && !is_imperative {
            if verdict.is_some_and(|verdict| verdict.is_unreachable) {
                return say(said_no(activity.basis));
            }
            if let Some(end) = self.quiet_until() {
                return Decision { until: Some(end), ..say(Reason::QuietHours) };
            }
        }
        // 5. The basis.
        match (state, verdict) {
            (Some(state), Some(verdict)) => self.decide_basis(state, verdict, activity.basis),
            _ => say(unknown(activity.basis)),
        }
    }

    fn decide_basis(&self, state: &SubjectState, verdict: Verdict, basis: LegalBasis) -> Decision {
        let say = |reason| Decision::deny(reason, None);
        match basis {
            LegalBasis::LegalObligation => say(Reason::LegalObligation),
            LegalBasis::VitalInterests => say(Reason::VitalInterests),
            LegalBasis::Contract if state.is_active => say(Reason::Contract),
            LegalBasis::Contract => say(Reason::NoContract),
            LegalBasis::LegitimateInterests | LegalBasis::PublicTask if verdict.is_denied => {
                say(Reason::Objected)
            }
            LegalBasis::LegitimateInterests => say(Reason::LegitimateInterests),
            LegalBasis::PublicTask => say(Reason::PublicTask),
            LegalBasis::Consent => match verdict.grant {
                Some((grant, until)) => {
                    Decision { grant: Some(grant), until, ..say(Reason::Granted) }
                }
                None => say(verdict.why),
            },
        }
    }

    fn quiet_until(&self) -> Option<Timestamp> {
        if self.passing == Passing::LeftOut {
            return None;
        }
        let catalog = &self.in_force.catalog;
        let channel = catalog.channels.get(self.request.channel.as_ref()?)?;
        channel.quiet_hours.as_ref()?.end(self.at, &catalog.time_zone)
    }

    /// What the person and, for data that concerns a household, everyone in it have said.
    fn judge_all(&self, state: &SubjectState, activity: &Activity) -> Verdict {
        let own =
            self.judge(state, self.request.dimensions(), self.request.device.as_ref(), activity);
        if !self.in_force.catalog.is_household(&self.request.data) {
            return own;
        }
        let asked_of =
            |device: &Id| self.request.device.as_ref().is_none_or(|asked| asked == device);
        let mut all = own;
        let mut links: Vec<_> =
            state.devices.iter().filter(|link| asked_of(&link.device)).collect();
        // Which owner's reason is given must not depend on which device was heard of last.
        links.sort_unstable_by(|one, other| one.device.cmp(&other.device));
        for link in links {
            for (place, person) in link.household.iter().enumerate() {
                let scope = with_device(self.request.dimensions(), &link.device);
                let theirs = self.judge_other(*person, scope, &link.device, activity);
                let is_owner = place == 0;
                let is_other_owner = is_owner && link.role == Role::Member;
                if is_owner && self.request.device.is_some()
                    || is_other_owner && theirs.grant.is_none()
                {
                    (all.grant, all.why) = (theirs.grant, theirs.why);
                }
                all.is_denied |= theirs.is_denied;
                all.is_unreachable |= theirs.is_unreachable;
            }
        }
        if all.is_denied {
            (all.grant, all.why) = (None, Reason::Withdrawn);
        }
        all
    }

    fn judge_other(
        &self,
        person: SubjectId,
        scope: Dimensions,
        device: &Id,
        activity: &Activity,
    ) -> Verdict {
        let nobody = SubjectState::default();
        let state = self.people.person(person);
        self.judge(state.as_deref().unwrap_or(&nobody), scope, Some(device), activity)
    }

    /// What one person's choices come to, over a scope.
    fn judge(
        &self,
        state: &SubjectState,
        asked: Dimensions,
        device: Option<&Id>,
        activity: &Activity,
    ) -> Verdict {
        let nothing_before = device.and_then(|device| state.device(device)?.nothing_before);
        let is_minor = state.minor_until.is_some_and(|until| self.at < until);
        let judge = Judge { asked: self, activity, nothing_before, is_minor };
        let denials = || {
            state.choices.iter().filter(|held| {
                held.effect == Effect::Denial && overlaps(held.scope.dimensions(), asked)
            })
        };
        let grants = || {
            state.choices.iter().filter(|held| {
                held.effect == Effect::Grant && covers(held.scope.dimensions(), asked)
            })
        };
        let counted = || grants().filter(|grant| judge.fault(grant).is_none());
        let mut standing =
            denials().filter(|denial| !counted().any(|grant| beats(grant, denial))).peekable();
        let is_denied = standing.peek().is_some();
        let is_unreachable =
            asked[3].is_some() && standing.any(|denial| names_means(denial, asked));
        let surviving = counted().filter(|grant| denials().all(|denial| beats(grant, denial)));
        let grant = surviving.max_by_key(|grant| grant.rank());
        let newest = grants().max_by_key(|grant| grant.rank());
        let why = match newest {
            _ if is_denied => Reason::Withdrawn,
            Some(newest) => judge.fault(newest).unwrap_or(Reason::Withdrawn),
            None => Reason::NeverAsked,
        };
        Verdict {
            grant: grant.map(|grant| (grant.position, grant.until)),
            is_denied,
            is_unreachable,
            why,
        }
    }
}

struct Judge<'a, P> {
    asked: &'a Asked<'a, P>,
    activity: &'a Activity,
    nothing_before: Option<Position>,
    is_minor: bool,
}

impl<P> Judge<'_, P> {
    /// Why a grant that covers the request does not count, if it does not.
    fn fault(&self, grant: &Held) -> Option<Reason> {
        let at = self.asked.at;
        let is_from_before = self.nothing_before.is_some_and(|since| grant.position <= since);
        if is_from_before || grant.not_before.is_some_and(|from| at < from) {
            return Some(Reason::NeverAsked);
        }
        if grant.until.is_some_and(|until| at >= until) {
            return Some(Reason::Expired);
        }
        if self.is_superseded(grant) {
            return Some(Reason::NoticeSuperseded);
        }
        (self.is_minor && !grant.by_guardian).then_some(Reason::NeedsGuardian)
    }

    /// Whether people were to be asked again since the grant was given.
    fn is_superseded(&self, grant: &Held) -> bool {
        let Some(notice) = &self.activity.notice else { return false };
        let in_force = self.asked.in_force;
        match &grant.notice {
            Some((given, version)) if given == notice => in_force
                .catalog
                .material_version(notice)
                .is_some_and(|material| *version < material),
            _ => in_force.material_since.get(notice).is_some_and(|since| grant.position < *since),
        }
    }
}

/// Whether a grant overcomes a denial: said later, and no wider.
fn beats(grant: &Held, denial: &Held) -> bool {
    grant.rank() > denial.rank() && denial.scope.covers(&grant.scope)
}

/// Whether a denial speaks of the very means by which the person would be reached.
fn names_means(denial: &Held, asked: Dimensions) -> bool {
    denial.scope.channel.is_some() || denial.scope.device.is_some() && asked[4].is_some()
}

fn with_device<'a>(scope: Dimensions<'a>, device: &'a Id) -> Dimensions<'a> {
    let [purpose, data, recipient, channel, _] = scope;
    [purpose, data, recipient, channel, Some(device)]
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
