//! Devices and households: who has a part in what, and what changes when that does.

use super::{Draft, Facts, catalog, staying, unknown};
use crate::{
    command::HOUSEHOLD_MAX,
    event::Event,
    id::{Id, SubjectId},
    refusal::Refusal,
    subject::{Role, SubjectState},
};

pub(super) fn acquire(
    facts: &impl Facts,
    subject: SubjectId,
    device: &Id,
    from: Option<SubjectId>,
) -> Result<Vec<Draft>, Refusal> {
    staying(facts, subject)?;
    let Some(device_type) = device.parent().filter(|_| device.is_device()) else {
        return Err(Refusal::NotADevice);
    };
    if !catalog(facts)?.device_types.contains_key(&device_type) {
        return Err(unknown("device type", &device_type));
    }
    let owner = facts.device_owner(device);
    match (owner, from) {
        (Some(owner), _) if owner == subject => {
            return Ok(Draft::about(subject, Vec::new()));
        }
        (Some(owner), Some(from)) if owner == from => {}
        (Some(_), _) => return Err(Refusal::DeviceTaken),
        (None, Some(_)) => return Err(Refusal::UnknownDevice),
        (None, None) => {}
    }
    let acquired = Event::DeviceAcquired { device: device.clone(), second_hand: owner.is_some() };
    let mut drafts = Draft::about(subject, vec![acquired]);
    for other in owner.iter().flat_map(|owner| household(facts, *owner, device)) {
        let released = Event::DeviceReleased { device: device.clone() };
        drafts.extend(Draft::about(other, vec![released]));
    }
    // The new owner may have lived with the device before; acquiring it comes last for them.
    drafts.retain(|draft| {
        draft.subject != Some(subject) || matches!(draft.events[..], [Event::DeviceAcquired { .. }])
    });
    Ok(drafts)
}

/// Everyone with a part in a device who is still known. An owner who is leaving is told nothing any
/// more, so their household may name somebody who was erased since; an entry about those would tie
/// something to them again.
fn household(facts: &impl Facts, owner: SubjectId, device: &Id) -> Vec<SubjectId> {
    let state = facts.subject(owner);
    let link = state.as_ref().and_then(|state| state.device(device));
    let known = |other: &&SubjectId| facts.subject(**other).is_some();
    link.map(|link| link.household.iter().filter(known).copied().collect()).unwrap_or_default()
}

pub(super) fn share(
    facts: &impl Facts,
    subject: SubjectId,
    device: Id,
    members: Vec<SubjectId>,
) -> Result<Vec<Draft>, Refusal> {
    let state = staying(facts, subject)?;
    let owned = state.device(&device).filter(|link| link.role == Role::Owner);
    let before = owned.ok_or(Refusal::UnknownDevice)?.household.clone();
    live_together(facts, subject, device, before, members)
}

/// Acquires a device and says who lives with it, both or neither.
pub(super) fn put(
    facts: &impl Facts,
    subject: SubjectId,
    device: Id,
    from: Option<SubjectId>,
    members: Vec<SubjectId>,
) -> Result<Vec<Draft>, Refusal> {
    let before = match facts.device_owner(&device) {
        Some(owner) if owner == subject => household(facts, subject, &device),
        _ => Vec::new(),
    };
    let mut drafts = acquire(facts, subject, &device, from)?;
    drafts.extend(live_together(facts, subject, device, before, members)?);
    Ok(drafts)
}

/// Tells everyone who lives with a device now, or did before, who does.
fn live_together(
    facts: &impl Facts,
    subject: SubjectId,
    device: Id,
    before: Vec<SubjectId>,
    members: Vec<SubjectId>,
) -> Result<Vec<Draft>, Refusal> {
    if members.len() >= HOUSEHOLD_MAX {
        return Err(Refusal::TooMuch { what: "members of a household", max: HOUSEHOLD_MAX });
    }
    let mut household = vec![subject];
    for member in members {
        staying(facts, member)?;
        if !household.contains(&member) {
            household.push(member);
        }
    }
    let mut told = household.clone();
    told.extend(before.into_iter().filter(|before| !household.contains(before)));
    let event = Event::HouseholdChanged { device, household };
    Ok(told.into_iter().flat_map(|subject| Draft::about(subject, vec![event.clone()])).collect())
}

/// Those who shared a device with somebody who goes have to know who is left. A device whose
/// owner goes belongs to nobody.
pub(super) fn leave_households(
    facts: &impl Facts,
    subject: SubjectId,
    state: &SubjectState,
) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for link in &state.devices {
        let left: Vec<_> =
            link.household.iter().copied().filter(|other| *other != subject).collect();
        for other in left.iter().filter(|other| facts.subject(**other).is_some()) {
            let event = match link.role {
                Role::Owner => Event::DeviceReleased { device: link.device.clone() },
                Role::Member => {
                    Event::HouseholdChanged { device: link.device.clone(), household: left.clone() }
                }
            };
            drafts.extend(Draft::about(*other, vec![event]));
        }
    }
    drafts
}
