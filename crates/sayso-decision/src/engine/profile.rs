//! What one person said, with everything left out that tells them from others of whom the same
//! decisions hold. Millions of people come to few profiles.
//!
//! Left out: when a choice was recorded (only the order counts, and which catalogs were in force),
//! when a grant begins and ends (that it counts now, and until when the profile holds, is said
//! beside it), which devices, and what systems still have to apply. The rule itself is not written
//! a second time: a profile is a [`SubjectState`] that the rule of [`crate::decide`] is put to.

use sayso_consent::{
    choice::Effect,
    id::{Id, Position, SubjectId},
    scope::Scope,
    subject::{DeviceLink, Held, Role, SubjectState},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The end of a grant that stands where the newest counting one does. Only in profiles.
pub(crate) const NEWEST: Timestamp = Timestamp::MAX;
/// Whoever a profile is of.
const SELF: SubjectId = SubjectId(0);
/// A device, it does not matter which.
const SOME_DEVICE: &str = "-";
/// The serial of whichever device a profile is about.
const ANY_SERIAL: &str = "any";

/// Of a person, or of a person's part in a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// Whoever is not known is answered otherwise than somebody who said nothing.
    is_known: bool,
    choices: Vec<Said>,
    is_active: bool,
    is_restricted: bool,
    is_minor: bool,
    /// What concerns a household depends on others too, so the exact rule has to decide it.
    pub(crate) has_home: bool,
    /// The device that the profile is about.
    pub(crate) device: Option<Id>,
}

/// A choice in a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    is_grant: bool,
    #[serde(with = "whole")]
    scope: Scope,
    counts: Counts,
    notice: Option<(Id, u32)>,
    by_guardian: bool,
    is_import: bool,
    is_newest: bool,
    /// Its place in the order; see [`Places`].
    place: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Counts {
    Now,
    NotYet,
    NoMore,
}

/// A scope with all of its dimensions, given or not: in a text without names none can be left out.
mod whole {
    use sayso_consent::{id::Id, scope::Scope};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(scope: &Scope, out: S) -> Result<S::Ok, S::Error> {
        scope.dimensions().serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Scope, D::Error> {
        let [purpose, data, recipient, channel, device] = <[Option<Id>; 5]>::deserialize(from)?;
        Ok(Scope { purpose, data, recipient, channel, device })
    }
}

/// A profile, and what of the person it leaves out.
pub(crate) struct Summary {
    pub(crate) profile: Profile,
    /// Where the newest grant that counts stands.
    pub(crate) newest: Option<Position>,
    /// Until when the profile holds.
    pub(crate) lapse: Option<Timestamp>,
}

/// Sums up a person at a moment, alone or with one of their devices. `material` are the positions
/// since which notices count, in order.
pub(crate) fn sum_up(
    state: &SubjectState,
    link: Option<&DeviceLink>,
    at: Timestamp,
    material: &[Position],
) -> Summary {
    let mut lapse = Lapse { at, next: None };
    state.pending.iter().for_each(|pending| lapse.by(Some(pending.due)));
    let is_minor = lapse.is_before(state.minor_until);
    let is_restricted = state.is_restricted || state.is_leaving;
    let device = link.map(|link| anonymous(&link.device));
    let mut said: Vec<(&Held, Counts)> = Vec::new();
    // Whoever is restricted is so whatever they said.
    for held in state.choices.iter().filter(|_| !is_restricted) {
        if concerns(held, link) {
            said.push((held, lapse.counts(held, link)));
        }
    }
    said.sort_by_key(|(held, _)| held.rank());
    let is_yes = |held: &Held, counts| held.effect == Effect::Grant && counts == Counts::Now;
    let newest = said.iter().rev().find(|(held, counts)| is_yes(held, *counts));
    let newest = newest.map(|(held, _)| *held);
    let mut choices: Vec<(Said, &Held)> = said
        .into_iter()
        .map(|(held, counts)| {
            let is_grant = held.effect == Effect::Grant;
            let said = Said {
                is_grant,
                scope: scope(held, link, device.as_ref()),
                counts,
                notice: held.notice.clone().filter(|_| is_grant),
                by_guardian: held.by_guardian && is_grant,
                is_import: held.is_import,
                is_newest: is_yes(held, counts) && newest.map(Held::rank) == Some(held.rank()),
                place: 0,
            };
            (said, held)
        })
        .collect();
    // No grant that counts here can beat a denial for some device, so when it was said does not
    // matter: it stays in the first place.
    let has_order = |said: &Said| link.is_some() || said.scope.device.is_none();
    for (said, _) in choices.iter_mut().filter(|(said, _)| !has_order(said)) {
        said.is_import = true;
    }
    let (mut ordered, others): (Vec<_>, Vec<_>) =
        choices.into_iter().partition(|(said, _)| has_order(said));
    put_in_places(&mut ordered, material);
    let mut choices: Vec<Said> = others.into_iter().chain(ordered).map(|(said, _)| said).collect();
    // Stable: of two grants in one entry the later gives the reason.
    choices.sort_by_key(|said| (!said.is_import, said.place));
    choices.dedup();
    let has_home = match link {
        Some(link) => link.household.len() != 1,
        None => !state.devices.is_empty(),
    };
    let is_active = state.is_active;
    let profile =
        Profile { is_known: true, choices, is_active, is_restricted, is_minor, has_home, device };
    Summary { profile, newest: newest.map(|held| held.position), lapse: lapse.next }
}

/// The next moment at which something changes by itself.
struct Lapse {
    at: Timestamp,
    next: Option<Timestamp>,
}

impl Lapse {
    fn by(&mut self, moment: Option<Timestamp>) {
        self.next = self.next.into_iter().chain(moment).min();
    }

    /// Whether a moment is still to come; if so, that is when to look again.
    fn is_before(&mut self, moment: Option<Timestamp>) -> bool {
        let to_come = moment.filter(|moment| self.at < *moment);
        self.by(to_come);
        to_come.is_some()
    }

    fn counts(&mut self, held: &Held, link: Option<&DeviceLink>) -> Counts {
        if held.effect == Effect::Denial {
            return Counts::Now;
        }
        let since = link.and_then(|link| link.nothing_before);
        if since.is_some_and(|since| held.position <= since) || self.is_before(held.not_before) {
            Counts::NotYet
        } else if held.until.is_some() && !self.is_before(held.until) {
            Counts::NoMore
        } else {
            Counts::Now
        }
    }
}

/// Whether a choice can matter to a request with this device, or with none.
fn concerns(held: &Held, link: Option<&DeviceLink>) -> bool {
    match (&held.scope.device, link) {
        (None, _) => true,
        (Some(device), Some(link)) => device.covers(&link.device),
        // Asking without a device meets a denial of any one device, but no grant for one.
        (Some(_), None) => held.effect == Effect::Denial,
    }
}

/// What a choice is about, when it does not matter which device.
fn scope(held: &Held, link: Option<&DeviceLink>, device: Option<&Id>) -> Scope {
    let mut scope = held.scope.clone();
    match (&scope.device, link) {
        (Some(_), None) => scope.device = SOME_DEVICE.parse().ok(),
        (Some(own), Some(link)) if *own == link.device => scope.device = device.cloned(),
        _ => {}
    }
    scope
}

/// The same device with another serial.
fn anonymous(device: &Id) -> Id {
    let kind = device.as_str().split('/').next().unwrap_or_default();
    format!("{kind}/{ANY_SERIAL}").parse().unwrap_or_else(|_| device.clone())
}

/// Gives choices, which come in their order, places that are as alike as can be among different
/// people.
///
/// Choices of one entry have one place, and so have two entries if nothing can tell which was
/// first. A place is never later than the position it stands for, and is on the same side of every
/// material change of a notice.
fn put_in_places(choices: &mut [(Said, &Held)], material: &[Position]) {
    // The newest material change at or before a position.
    let since = |position: Position| {
        let count = material.partition_point(|material| *material <= position);
        count.checked_sub(1).map_or(0, |newest| material[newest].number)
    };
    let mut last: Option<(Said, bool)> = None;
    for entry in choices.chunk_by_mut(|(_, one), (_, other)| one.rank() == other.rank()) {
        let Some((first, held)) = entry.first().cloned() else { continue };
        let is_pure = entry.iter().all(|(said, _)| said.is_alike(&first));
        let before = last.as_ref().filter(|(last, _)| last.is_import == first.is_import);
        let next = before.map_or(0, |(last, was_pure)| {
            let is_same = is_pure && *was_pure && last.is_alike(&first);
            last.place + u64::from(!is_same)
        });
        let place = next.max(since(held.position));
        entry.iter_mut().for_each(|(said, _)| said.place = place);
        last = Some((Said { place, ..first }, is_pure));
    }
}

impl Said {
    /// Whether it does not matter which of the two was said first.
    fn is_alike(&self, other: &Said) -> bool {
        let traits = |said: &Self| (said.is_grant, said.counts, said.by_guardian, said.is_newest);
        traits(self) == traits(other) && !self.is_newest && self.notice == other.notice
    }
}

impl Profile {
    /// Of whoever is not known.
    pub(crate) fn of_nobody() -> Self {
        let nobody = sum_up(&SubjectState::default(), None, Timestamp::MIN, &[]).profile;
        Self { is_known: false, ..nobody }
    }

    /// Somebody of whom exactly this holds.
    pub(crate) fn somebody(&self) -> SubjectState {
        let held = |said: &Said| Held {
            effect: if said.is_grant { Effect::Grant } else { Effect::Denial },
            scope: said.scope.clone(),
            not_before: (said.counts == Counts::NotYet).then_some(Timestamp::MAX),
            until: match said.counts {
                Counts::NoMore => Some(Timestamp::MIN),
                _ => said.is_newest.then_some(NEWEST),
            },
            notice: said.notice.clone(),
            by_guardian: said.by_guardian,
            is_import: said.is_import,
            position: Position::at(said.place),
        };
        let link = |device: &Id| DeviceLink {
            device: device.clone(),
            role: Role::Owner,
            nothing_before: None,
            household: vec![SELF],
        };
        SubjectState {
            choices: self.choices.iter().map(held).collect(),
            is_active: self.is_active,
            is_restricted: self.is_restricted,
            minor_until: self.is_minor.then_some(Timestamp::MAX),
            devices: self.device.iter().map(link).collect(),
            ..SubjectState::default()
        }
    }
}
