//! From a line of the journal to what is to be recorded again. It only ever takes away, so a line
//! too many costs a person a yes, and never a no.

use sayso_consent::{
    Command, Event, Scope, SubjectId,
    choice::Effect,
    handle::{Draft, Facts, handle},
    subject::{Held, SubjectState},
};

use crate::journal::Line;

/// What a line still takes away. Nothing from somebody who is not known: nothing about them is
/// allowed.
pub(crate) fn drafts(facts: &impl Facts, line: &Line) -> Vec<Draft> {
    let mut drafts = revocations(facts, line);
    let Some(subject) = line.subject else { return drafts };
    let Some(state) = facts.subject(subject) else { return drafts };
    let is_new = |scope: &&Scope| !is_denied(&state, scope);
    let denials: Vec<Scope> = line.denials.iter().filter(is_new).cloned().collect();
    if line.is_erased || !denials.is_empty() {
        let command = Command::Replay { subject, denials, is_erased: line.is_erased };
        drafts.extend(handle(facts, command, line.at).unwrap_or_default());
    }
    let narrowed = |event: &Event| narrowed(&state, event);
    let events = line.events.iter().filter_map(narrowed).collect();
    drafts.push(Draft { subject: Some(subject), events });
    drafts
}

fn revocations(facts: &impl Facts, line: &Line) -> Vec<Draft> {
    let is_known = |event: &&Event| matches!(event, Event::KeyRevoked { id } if facts.has_key(id));
    let revoked = line.events.iter().filter(is_known);
    revoked.map(|event| Draft { subject: None, events: vec![event.clone()] }).collect()
}

/// Whether the very same no is in force already, with no yes after it. A journal has it more than
/// once when a copy was brought back before.
fn is_denied(state: &SubjectState, scope: &Scope) -> bool {
    let is_same =
        |held: &&Held| held.effect == Effect::Denial && !held.is_import && held.scope == *scope;
    let Some(denial) = state.choices.iter().find(is_same) else { return false };
    let is_after = |held: &Held| {
        held.effect == Effect::Grant
            && held.position >= denial.position
            && held.scope.overlaps(scope)
    };
    !state.choices.iter().any(is_after)
}

/// The event as it is to be recorded, if it takes anything away from this state.
fn narrowed(state: &SubjectState, event: &Event) -> Option<Event> {
    let takes_away = match event {
        Event::RestrictionChanged { .. } => !state.is_restricted,
        Event::RelationshipChanged { .. } => state.is_active,
        Event::MinorityChanged { minor_until } => state.minor_until < *minor_until,
        Event::GuardianChanged { guardian, .. } => state.guardians.contains(guardian),
        Event::DeviceReleased { device } => state.device(device).is_some(),
        Event::HouseholdChanged { device, household } => {
            let link = state.device(device)?;
            let household = joined(&link.household, household)?;
            return Some(Event::HouseholdChanged { device: device.clone(), household });
        }
        _ => false,
    };
    takes_away.then(|| event.clone())
}

/// A household with those who came to it; none if nobody did. Who left stays: the more live with a
/// device, the more have to allow what it does.
fn joined(before: &[SubjectId], after: &[SubjectId]) -> Option<Vec<SubjectId>> {
    let mut household = before.to_vec();
    household.extend(after.iter().filter(|member| !before.contains(member)));
    (household.len() > before.len()).then_some(household)
}
