//! Who it is that a question is answered yes for: one pass over the slots, in the order of memory.

use sayso_consent::{id::SubjectId, time::Timestamp};

use crate::engine::{
    BY_RULE, Engine, OF_DEVICE, View,
    many::{Prepared, is_yes},
    minute,
    plan::Cell,
    slot::{ASK, NEVER, NO_POSITION, Said, Standing},
    table::part_range,
};

/// Nobody with this profile, or no person.
const NO: u8 = 0;
/// Everybody with this profile, while it holds.
const YES: u8 = 1;
/// To be looked at one by one.
const UNSURE: u8 = 2;

/// How many slots are gone through before those whom they speak of are looked up: their places stay
/// in the nearest memory.
const ROOM: usize = 4_096;

/// Places of slots that are looked at again.
type Places = [u32; ROOM];

/// Notes a place, and gives how many there are by then. Every slot has its place noted, and the next
/// one's takes it if the one before was not meant: a branch that nobody can foresee would cost more
/// than the writing.
#[inline]
fn note(places: &mut Places, count: usize, place: usize, is_meant: bool) -> usize {
    places[count % ROOM] = place as u32;
    count + usize::from(is_meant)
}

/// A question that is prepared to be put to everybody: what each profile comes to.
pub struct Whom {
    asked: Prepared,
    by_profile: Vec<u8>,
}

impl Engine {
    /// A question, prepared to be put to everybody. `None` if it is the rule's to answer, or if the
    /// catalog has changed since the question was prepared.
    pub fn whom(&self, asked: Prepared, at: Timestamp) -> Option<Whom> {
        let view = self.view.load();
        let is_good = view.book.number == asked.plan && !self.may_rest(&view, asked.cell, at);
        is_good.then(|| self.whom_of(&view, asked.cell))
    }

    pub(crate) fn whom_of(&self, view: &View, cell: Cell) -> Whom {
        let mut by_profile = Vec::with_capacity(self.profiles.count());
        self.each_profile(view, cell, |_, people, code| {
            by_profile.push(match people {
                OF_DEVICE => NO,
                1.. if code & BY_RULE == 0 => u8::from(is_yes(code)),
                _ => UNSURE,
            });
        });
        Whom { asked: Prepared { cell, plan: view.book.number }, by_profile }
    }

    /// Whether a question still stands as it was prepared: under the catalog that is in force, and
    /// with a channel that does not rest.
    pub(crate) fn stands(&self, whom: &Whom, view: &View, at: Timestamp) -> bool {
        whom.asked.plan == view.book.number && !self.may_rest(view, whom.asked.cell, at)
    }

    /// Adds whoever is allowed in one of [`crate::Snapshot::PARTS`] parts, in no order. `by_rule` is
    /// asked about those of whom a slot cannot say.
    pub fn reached(
        &self,
        whom: &Whom,
        part: usize,
        at: Timestamp,
        mut by_rule: impl FnMut(SubjectId) -> bool,
        found: &mut Vec<SubjectId>,
    ) {
        let view = self.view.load();
        // If the question no longer stands, nothing holds that was worked out for it.
        let now = if self.stands(whom, &view, at) { minute(at) } else { NEVER };
        let slots = view.table.part(part);
        let owners = slots.owners();
        let (mut meant, mut vague): (Places, Places) = ([0; ROOM], [0; ROOM]);
        for begin in (0..slots.capacity()).step_by(ROOM) {
            let some = begin..slots.capacity().min(begin + ROOM);
            let (mut yes, mut unsure) = (0, 0);
            slots.each(some, |place, standing| {
                let known = whom.by_profile.get(standing.profile as usize);
                let answer = known.copied().unwrap_or(UNSURE);
                let answer = if now < standing.lapse { answer } else { UNSURE };
                yes = note(&mut meant, yes, place, answer == YES);
                let is_meant = standing.is_taken & (answer == UNSURE);
                unsure = note(&mut vague, unsure, place, is_meant);
            });
            found.extend(meant[..yes].iter().map(|place| owners.of(*place as usize)));
            for place in &vague[..unsure] {
                let place = *place as usize;
                let one = (slots.slot(place).standing(), owners.of(place));
                if self.is_reached(&view, whom, one, at, &mut by_rule) {
                    found.push(one.1);
                }
            }
        }
        found.extend(self.sharing(&view, part).into_iter().filter(|subject| by_rule(*subject)));
    }

    /// Those who share a slot that bears somebody else's name.
    fn sharing(&self, view: &View, part: usize) -> Vec<SubjectId> {
        let (first, last) = part_range(part);
        let writing = self.writing();
        let sharing = writing.unsettled.range((0, first)..=(0, last)).map(|(_, subject)| *subject);
        let is_other = |who: &SubjectId| view.table.owner(self.keyed.person(*who)) != Some(*who);
        sharing.filter(is_other).collect()
    }

    /// Everybody in a part, without their devices.
    pub(crate) fn everybody(&self, view: &View, part: usize, mut tell: impl FnMut(SubjectId)) {
        let slots = view.table.part(part);
        let owners = slots.owners();
        slots.each(0..slots.capacity(), |place, standing| {
            if standing.is_taken && self.is_person(standing.profile) {
                tell(owners.of(place));
            }
        });
        self.sharing(view, part).into_iter().for_each(tell);
    }

    /// Whether somebody with a profile is a person, and not one's part in a device.
    pub(crate) fn is_person(&self, profile: u32) -> bool {
        match self.profiles.get(profile as usize) {
            Some(kept) => !kept.is_of_device,
            None => profile == ASK,
        }
    }

    /// Whether somebody is allowed of whom it was not clear from the profile alone.
    #[cold]
    fn is_reached(
        &self,
        view: &View,
        whom: &Whom,
        (standing, who): (Standing, SubjectId),
        at: Timestamp,
        by_rule: &mut impl FnMut(SubjectId) -> bool,
    ) -> bool {
        if !self.is_person(standing.profile) {
            return false;
        }
        let Standing { profile, lapse, .. } = standing;
        let said = Said { profile, lapse, grant: NO_POSITION };
        let known = if self.stands(whom, view, at) {
            self.allows_said(view, whom.asked.cell, said, at)
        } else {
            None
        };
        known.unwrap_or_else(|| by_rule(who))
    }
}
