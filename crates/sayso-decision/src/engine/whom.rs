//! Who it is that a question is answered yes for: one pass over the slots, in the order of memory.

use sayso_consent::{id::SubjectId, time::Timestamp};

use crate::engine::{
    BY_RULE, Engine, OF_DEVICE, View,
    many::{Prepared, is_yes},
    minute,
    plan::Cell,
    slot::{ASK, NO_POSITION, Said, Standing},
    table::part_range,
};

/// Nobody with this profile, or no person.
const NO: u8 = 0;
/// Everybody with this profile, while it holds.
const YES: u8 = 1;
/// To be looked at one by one.
const UNSURE: u8 = 2;

/// How many slots are gone through between two looks at how much room there is.
const ROOM: usize = 4_096;

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
        let is_stale = !self.stands(whom, &view, at);
        let now = minute(at);
        let slots = view.table.part(part);
        for begin in (0..slots.capacity()).step_by(ROOM) {
            let some = begin..slots.capacity().min(begin + ROOM);
            // Everybody has a place here, and the next one takes it if the one before was not
            // meant: a branch that nobody can foresee would cost more than the writing.
            let mut end = found.len();
            found.resize(end + some.len(), SubjectId(0));
            slots.each(some, |standing, who| {
                let known = whom.by_profile.get(standing.profile as usize).copied();
                let answer = known.unwrap_or(UNSURE);
                let holds = (now < standing.lapse) & !is_stale;
                if let Some(place) = found.get_mut(end) {
                    *place = who;
                }
                end += usize::from((answer == YES) & holds);
                if standing.is_taken & ((answer == UNSURE) | !holds) {
                    end += usize::from(self.is_reached(
                        &view,
                        whom,
                        (standing, who),
                        at,
                        &mut by_rule,
                    ));
                }
            });
            found.truncate(end);
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
        slots.each(0..slots.capacity(), |standing, who| {
            if standing.is_taken && self.is_person(standing.profile) {
                tell(who);
            }
        });
        self.sharing(view, part).into_iter().for_each(tell);
    }

    /// Whether somebody with a profile is a person, and not one's part in a device.
    pub(crate) fn is_person(&self, profile: u32) -> bool {
        match self.profiles.get(profile as usize) {
            Some(kept) => kept.device.is_none(),
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
