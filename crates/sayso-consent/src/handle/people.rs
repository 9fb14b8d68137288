//! People and the names systems know them by.

use std::collections::BTreeSet;

use super::{Draft, Facts, catalog, change, known, new_choices, staying, unknown};
use crate::{
    choice::{Authority, Choice},
    command::IDENTIFIERS_MAX,
    event::{Event, Identifier},
    id::{Id, Lookup, SubjectId},
    refusal::Refusal,
    subject::SubjectState,
    time::Timestamp,
};

pub(super) fn create(
    facts: &impl Facts,
    subject: SubjectId,
    identifiers: Vec<Identifier>,
    is_active: bool,
    minor_until: Option<Timestamp>,
    choices: Vec<Choice>,
) -> Result<Vec<Draft>, Refusal> {
    if facts.subject(subject).is_some() {
        return Err(Refusal::SubjectExists);
    }
    let mut events = vec![Event::SubjectCreated { is_active, minor_until }];
    let fresh = SubjectState { is_active, minor_until, ..SubjectState::default() };
    events.extend(new_identifiers(facts, subject, &fresh, identifiers)?);
    events.extend(new_choices(facts, &fresh, choices, Authority::Strong)?);
    Ok(Draft::about(subject, events))
}

/// Whose row it is: the person that any of the identifiers is known by. Two people: refused,
/// for to merge them silently would give one the other's choices.
fn owner_of(facts: &impl Facts, identifiers: &[Identifier]) -> Result<Option<SubjectId>, Refusal> {
    let mut owner = None;
    for identifier in identifiers {
        match (facts.owner(&identifier.lookup), owner) {
            (Some(found), Some(known)) if found != known => {
                return Err(Refusal::IdentifierTaken { namespace: identifier.namespace.clone() });
            }
            (Some(found), _) => owner = Some(found),
            (None, _) => {}
        }
    }
    Ok(owner)
}

pub(super) fn import(
    facts: &impl Facts,
    fresh: SubjectId,
    identifiers: Vec<Identifier>,
    is_active: Option<bool>,
    minor_until: Option<Timestamp>,
    choices: Vec<Choice>,
) -> Result<Vec<Draft>, Refusal> {
    if identifiers.is_empty() {
        return Err(Refusal::Nothing { what: "identifier" });
    }
    let Some(subject) = owner_of(facts, &identifiers)? else {
        return create(facts, fresh, identifiers, is_active.unwrap_or(true), minor_until, choices);
    };
    let state = staying(facts, subject)?;
    let mut events = new_identifiers(facts, subject, &state, identifiers)?;
    if let Some(is_active) = is_active.filter(|is_active| *is_active != state.is_active) {
        events.push(Event::RelationshipChanged { is_active });
    }
    if minor_until.is_some() && minor_until != state.minor_until {
        events.push(Event::MinorityChanged { minor_until });
    }
    events.extend(new_choices(facts, &state, choices, Authority::Strong)?);
    Ok(Draft::about(subject, events))
}

pub(super) fn add_identifier(
    facts: &impl Facts,
    subject: SubjectId,
    identifier: Identifier,
) -> Result<Vec<Draft>, Refusal> {
    let state = staying(facts, subject)?;
    Ok(Draft::about(subject, new_identifiers(facts, subject, &state, vec![identifier])?))
}

fn new_identifiers(
    facts: &impl Facts,
    subject: SubjectId,
    state: &SubjectState,
    identifiers: Vec<Identifier>,
) -> Result<Vec<Event>, Refusal> {
    let catalog = catalog(facts)?;
    // Former names that systems have yet to forget count too: each is a message that waits.
    let former: BTreeSet<_> =
        state.pending.iter().filter_map(|owed| owed.former_lookup()).collect();
    if state.identifiers.len() + former.len() + identifiers.len() > IDENTIFIERS_MAX {
        return Err(Refusal::TooMuch { what: "identifiers of a subject", max: IDENTIFIERS_MAX });
    }
    let mut events: Vec<Event> = Vec::new();
    for identifier in identifiers {
        if !catalog.namespaces.contains_key(&identifier.namespace) {
            return Err(unknown("namespace", &identifier.namespace));
        }
        let event = Event::IdentifierAdded(identifier.clone());
        match facts.owner(&identifier.lookup) {
            Some(owner) if owner == subject => {}
            Some(_) => return Err(Refusal::IdentifierTaken { namespace: identifier.namespace }),
            None if events.contains(&event) => {}
            None => events.push(event),
        }
    }
    Ok(events)
}

pub(super) fn remove_identifier(
    facts: &impl Facts,
    subject: SubjectId,
    namespace: Id,
    lookup: Lookup,
) -> Result<Vec<Draft>, Refusal> {
    let state = known(facts, subject)?;
    let has = state.identifiers.iter().any(|own| own.lookup == lookup);
    change(subject, has, Event::IdentifierRemoved { namespace, lookup })
}

pub(super) fn set_relationship(
    facts: &impl Facts,
    subject: SubjectId,
    is_active: bool,
) -> Result<Vec<Draft>, Refusal> {
    let state = staying(facts, subject)?;
    change(subject, state.is_active != is_active, Event::RelationshipChanged { is_active })
}

pub(super) fn set_restriction(
    facts: &impl Facts,
    subject: SubjectId,
    is_restricted: bool,
) -> Result<Vec<Draft>, Refusal> {
    let state = staying(facts, subject)?;
    let event = Event::RestrictionChanged { is_restricted };
    change(subject, state.is_restricted != is_restricted, event)
}

pub(super) fn set_minority(
    facts: &impl Facts,
    subject: SubjectId,
    minor_until: Option<Timestamp>,
) -> Result<Vec<Draft>, Refusal> {
    let state = staying(facts, subject)?;
    change(subject, state.minor_until != minor_until, Event::MinorityChanged { minor_until })
}
