//! One question asked of many people: whether it is yes, for each or in number.

use std::{collections::BTreeSet, hint::black_box, sync::atomic::Ordering};

use sayso_consent::{id::SubjectId, request::Reason, time::Timestamp};

use crate::engine::{
    BY_RULE, Engine, REASON, UNKNOWN, View, minute,
    plan::{Answer, Cell, Question},
    slot::{NEVER, Said},
    table::{Key, Search},
};

/// How many people's slots are fetched together.
const TOGETHER: usize = 16;

/// A question that is prepared. See [`Engine::prepare`].
#[derive(Clone, Copy, Debug)]
pub struct Prepared {
    pub(crate) cell: Cell,
    pub(crate) plan: u64,
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
        self.look_up_each(&view, subjects, Some, |subject, said| {
            let answer = match said {
                Some(said) => self.allows_said(&view, prepared.cell, said, at),
                None => Some(false),
            };
            tell(subject, answer);
        });
    }

    /// What is said of each of those whom these are about, in order, without their devices; nothing
    /// of those who are not in the table. Slots are fetched some at a time, so that the memory's
    /// latency is waited for once instead of for each.
    #[inline]
    pub(crate) fn look_up_each<T: Copy>(
        &self,
        view: &View,
        asked: &[T],
        whom: impl Fn(T) -> Option<SubjectId>,
        mut tell: impl FnMut(T, Option<Said>),
    ) {
        for some in asked.chunks(TOGETHER) {
            // One thing at a time: what lies between two reads keeps the second one waiting.
            let searches: [Search; TOGETHER] = std::array::from_fn(|at| {
                let subject = some.get(at).copied().and_then(&whom);
                view.table.search(subject.map_or(Key::NONE, |who| self.keyed.person(who)))
            });
            black_box(searches.iter().fold(0, |words, search| words ^ search.touch()));
            for (one, search) in some.iter().zip(&searches) {
                tell(*one, whom(*one).and_then(|_| search.said()));
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
        self.recall(&view.book, cell, said.unwrap_or(UNKNOWN), at).map(|(reason, _)| reason)
    }

    #[inline]
    pub(crate) fn may_rest(&self, view: &View, cell: Cell, at: Timestamp) -> bool {
        view.book.plan.may_rest(view.book.plan.declared(cell), at)
    }

    /// Whether the answer is yes; `None` if the rule has to decide. Knows more than [`Self::brief`],
    /// which also has to say why.
    #[inline]
    pub(crate) fn allows_said(
        &self,
        view: &View,
        cell: Cell,
        said: Said,
        at: Timestamp,
    ) -> Option<bool> {
        self.recall(&view.book, cell, said, at).map(|(reason, _)| reason.allows())
    }

    /// How many people are allowed what was asked, without going through them; `by_rule` is asked
    /// about those whose time has passed. `None` if there are people of whom a profile cannot say,
    /// or if the question is the rule's to answer.
    pub fn reach(
        &self,
        asked: Prepared,
        at: Timestamp,
        by_rule: impl FnMut(SubjectId) -> bool,
    ) -> Option<u64> {
        let view = self.view.load();
        let is_good = view.book.number == asked.plan && !self.may_rest(&view, asked.cell, at);
        is_good.then(|| self.count_in(&view, asked.cell, at, by_rule)).flatten()
    }

    pub(crate) fn count_in(
        &self,
        view: &View,
        cell: Cell,
        at: Timestamp,
        mut by_rule: impl FnMut(SubjectId) -> bool,
    ) -> Option<u64> {
        let (mut allowed, lapsed) = self.count_by_profile(view, cell, at)?;
        for subject in &lapsed {
            let said = view.table.find(self.keyed.person(*subject));
            let is_counted = said.is_some_and(|said| {
                let settled = Said { lapse: NEVER, ..said };
                self.allows_said(view, cell, settled, at) == Some(true)
            });
            allowed -= i64::from(is_counted);
        }
        let lapsed = lapsed.into_iter().filter(|subject| by_rule(*subject)).count() as u64;
        Some(u64::try_from(allowed).unwrap_or(0) + lapsed)
    }

    /// How many people a cell allows by their profiles, and whose profile no longer holds, counted
    /// or not. `None` if there are profiles that cannot say.
    fn count_by_profile(
        &self,
        view: &View,
        cell: Cell,
        at: Timestamp,
    ) -> Option<(i64, BTreeSet<SubjectId>)> {
        let sum = || {
            let (mut allowed, mut is_known) = (0, true);
            self.each_profile(view, cell, |_, people, code| {
                if code & BY_RULE == 0 {
                    allowed += people.max(0) * i64::from(is_yes(code));
                } else {
                    is_known &= people <= 0;
                }
            });
            is_known.then_some(allowed)
        };
        let before = self.writing().changes;
        let mut allowed = sum();
        let writing = self.writing();
        // Somebody who was put in meanwhile could be counted twice or not at all. Nobody can be
        // while this is held, and by now every answer is worked out.
        if writing.changes != before {
            allowed = sum();
        }
        let now = minute(at);
        if writing.doubt <= now {
            return None;
        }
        let lapsed = writing.unsettled.iter().take_while(|(lapse, _)| *lapse <= now);
        // Whoever shares a slot may stand here twice.
        Some((allowed?, lapsed.map(|(_, subject)| *subject).collect()))
    }

    /// Each profile in order: its number, how many people have it, and its answer in a cell, which
    /// is worked out if somebody has the profile and nobody asked yet.
    pub(crate) fn each_profile(&self, view: &View, cell: Cell, mut tell: impl FnMut(u32, i64, u8)) {
        let Some(answers) = view.book.answers.get(cell.0 as usize) else { return };
        let count = self.profiles.count();
        let mut number = 0;
        for (people, answers) in self.people.first(count).zip(answers.first(count)) {
            for (people, answer) in people.iter().zip(answers) {
                let people = people.load(Ordering::Acquire);
                let mut code = answer.load(Ordering::Relaxed);
                if code == 0 && people > 0 {
                    code = self.code(&view.book, number, cell);
                }
                tell(number, people, code);
                number += 1;
            }
        }
    }
}

/// Whether an answer that was worked out is yes.
pub(crate) fn is_yes(code: u8) -> bool {
    const YES: u32 = yes();
    YES >> (code & REASON) & 1 == 1
}

/// The reasons that allow, as bits.
const fn yes() -> u32 {
    let (mut bits, mut place) = (0, 0);
    while place < Reason::ALL.len() {
        let reason = Reason::ALL[place];
        bits |= (reason.allows() as u32) << reason as u32;
        place += 1;
    }
    bits
}
