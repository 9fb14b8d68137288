//! One question asked of many people: whether it is yes, for each or in number.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use sayso_consent::{id::SubjectId, request::Reason, time::Timestamp};

use crate::engine::{
    Engine, NOBODY, View, minute,
    plan::{Answer, Cell, Question},
    slot::{NEVER, NO_POSITION, Said},
    table::Key,
};

/// How many people's slots are fetched together.
const TOGETHER: usize = 16;

/// A question that is prepared. See [`Engine::prepare`].
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    cell: Cell,
    plan: u64,
}

/// How many people a cell allows.
#[derive(Default)]
pub(crate) struct Tally {
    /// By their profiles, without those who have to be asked about one by one.
    pub(crate) allowed: i64,
    /// Whose profile no longer holds.
    pub(crate) lapsed: BTreeSet<SubjectId>,
    /// There are profiles that cannot say.
    pub(crate) needs_rule: bool,
}

impl Engine {
    /// A question, prepared to be asked of many people. `None` if it is the rule's to answer.
    pub fn prepare(&self, question: &Question<'_>) -> Option<Prepared> {
        let view = self.view.load();
        match view.book.plan.ask(question) {
            Answer::Cell(cell) => Some(Prepared { cell, plan: view.book.number }),
            Answer::Never(..) | Answer::Unprepared => None,
        }
    }

    /// Whether the answer is yes for a person. `None` if it is the rule's to answer, or if the
    /// catalog has changed since the question was prepared.
    pub fn allows(&self, prepared: Prepared, subject: SubjectId, at: Timestamp) -> Option<bool> {
        let view = self.view.load();
        if view.book.number != prepared.plan || self.may_rest(&view, prepared.cell, at) {
            return None;
        }
        match view.table.find(self.keyed.person(subject)) {
            Some(said) => self.allows_said(&view, prepared.cell, said, at),
            None => Some(false),
        }
    }

    /// The same for many people at once, whose slots are fetched together: the memory's latency
    /// is waited for once instead of for each.
    pub fn allows_each(
        &self,
        prepared: Prepared,
        subjects: &[SubjectId],
        at: Timestamp,
        mut tell: impl FnMut(SubjectId, Option<bool>),
    ) {
        let view = self.view.load();
        let is_stale = view.book.number != prepared.plan;
        if is_stale || self.may_rest(&view, prepared.cell, at) {
            subjects.iter().for_each(|subject| tell(*subject, None));
            return;
        }
        self.look_up_each(&view, subjects.iter().copied().map(Some), |subject, said| {
            let answer = match (subject, said) {
                (Some(_), Some(said)) => self.allows_said(&view, prepared.cell, said, at),
                _ => Some(false),
            };
            subject.into_iter().for_each(|subject| tell(subject, answer));
        });
    }

    /// What is said of each of these people, in order, without their devices; nothing of those who
    /// are not in the table. Slots are fetched some at a time, so that the memory's latency is
    /// waited for once instead of for each.
    pub(crate) fn look_up_each(
        &self,
        view: &View,
        people: impl Iterator<Item = Option<SubjectId>>,
        mut tell: impl FnMut(Option<SubjectId>, Option<Said>),
    ) {
        let mut people = people.fuse();
        loop {
            let (mut some, mut keys) = ([None; TOGETHER], [Key::NONE; TOGETHER]);
            let mut count = 0;
            for (place, subject) in some.iter_mut().zip(people.by_ref()) {
                *place = subject;
                count += 1;
            }
            // One thing at a time: what lies between two reads keeps the second one waiting.
            for (key, subject) in keys.iter_mut().zip(&some) {
                *key = subject.map_or(Key::NONE, |subject| self.keyed.person(subject));
            }
            keys[..count].iter().for_each(|key| view.table.fetch(*key));
            for (subject, key) in some[..count].iter().zip(&keys) {
                tell(*subject, subject.and_then(|_| view.table.find(*key)));
            }
            if count < TOGETHER {
                return;
            }
        }
    }

    /// Why the answer is yes or no; `None` if the rule has to decide. Of whoever is not in the
    /// table nothing is said.
    pub(crate) fn reason(
        &self,
        view: &View,
        cell: Cell,
        said: Option<Said>,
        at: Timestamp,
    ) -> Option<Reason> {
        let nobody = Said { profile: NOBODY, lapse: NEVER, grant: NO_POSITION };
        self.recall(&view.book, cell, said.unwrap_or(nobody), at).map(|(reason, _)| reason)
    }

    fn may_rest(&self, view: &View, cell: Cell, at: Timestamp) -> bool {
        view.book.plan.may_rest(view.book.plan.declared(cell), at)
    }

    /// Whether the answer is yes; `None` if the rule has to decide. Knows more than [`Self::brief`],
    /// which also has to say why.
    pub(crate) fn allows_said(
        &self,
        view: &View,
        cell: Cell,
        said: Said,
        at: Timestamp,
    ) -> Option<bool> {
        self.recall(&view.book, cell, said, at).map(|(reason, _)| reason.allows())
    }

    /// What is said in a part of the table, person by person; devices are left out.
    pub(crate) fn people_of<'a>(
        &'a self,
        view: &'a View,
        part: usize,
    ) -> impl Iterator<Item = (Said, SubjectId)> {
        view.table.part(part).all().filter(|(said, _)| self.is_person(said))
    }

    /// How many people a cell allows, and who has to be asked about one by one instead: those
    /// whose time has passed, and those of whom a profile cannot say.
    pub(crate) fn count_allowed(&self, view: &View, cell: Cell, at: Timestamp) -> Tally {
        let mut tally = Tally::default();
        for (number, kept) in self.profiles.iter() {
            let people = kept.people.load(Ordering::Relaxed);
            if people == 0 {
                continue;
            }
            let anyone = Said { profile: number as u32, lapse: NEVER, grant: NO_POSITION };
            match self.allows_said(view, cell, anyone, at) {
                Some(true) => tally.allowed += people,
                Some(false) => {}
                None => tally.needs_rule = true,
            }
        }
        let now = minute(at);
        let writing = self.writing();
        tally.needs_rule |= writing.doubt <= now;
        let lapsed = writing.unsettled.iter().take_while(|(lapse, _)| *lapse <= now);
        // Whoever shares a slot may stand here twice.
        tally.lapsed = lapsed.map(|(_, subject)| *subject).collect();
        drop(writing);
        for subject in &tally.lapsed {
            let said = view.table.find(self.keyed.person(*subject));
            let is_counted = said.is_some_and(|said| {
                let settled = Said { lapse: NEVER, ..said };
                self.allows_said(view, cell, settled, at) == Some(true)
            });
            tally.allowed -= i64::from(is_counted);
        }
        tally
    }
}
