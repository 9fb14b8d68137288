//! Questions that are heard together: at one moment, each kind of them understood once, and people
//! looked up many at a time.

use std::sync::Arc;

use arc_swap::Guard;
use sayso_consent::{
    id::{Position, SubjectId},
    request::{Decision, Reason},
    time::Timestamp,
};

use crate::{
    engine::{
        Brief, View,
        plan::{Answer, Question},
    },
    snapshot::Snapshot,
};

/// Questions that are heard together. To be let go of soon.
pub struct Hearing<'a> {
    snapshot: &'a Snapshot,
    view: Guard<Arc<View>>,
    at: Timestamp,
    as_of: Position,
    /// What those come to that differ in more than whom they are about.
    kinds: Vec<Answer>,
    /// Of which kind each question is, and about whom.
    asked: Vec<(usize, Option<SubjectId>)>,
}

impl Snapshot {
    /// Hears questions.
    pub fn hear<'q>(&self, questions: &[Question<'q>], at: Timestamp) -> Hearing<'_> {
        // Read before the state: the answers are then at least as new as they say.
        let as_of = self.head();
        let (at, view) = (at.max(self.latest()), self.engine.view());
        let (mut known, mut kinds) = (Vec::<Question<'q>>::new(), Vec::new());
        let kind_of = |question: &Question<'q>| {
            let kind = Question { subject: None, ..*question };
            // Most are of the same kind as the one before.
            let number = known.iter().rposition(|other| *other == kind).unwrap_or_else(|| {
                known.push(kind);
                kinds.push(view.book.plan.ask_of_many(&kind, at));
                kinds.len() - 1
            });
            (number, question.subject)
        };
        let asked = questions.iter().map(kind_of).collect();
        Hearing { snapshot: self, view, at, as_of, kinds, asked }
    }
}

impl Hearing<'_> {
    /// How many kinds of questions there are.
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// For each question its kind and the decision in brief; `None` if that takes more than a look:
    /// then ask by itself.
    pub fn briefs(&self) -> Vec<(usize, Option<Brief>)> {
        let engine = &self.snapshot.engine;
        let mut briefs = Vec::with_capacity(self.asked.len());
        engine.look_up_each(
            &self.view,
            &self.asked,
            |(_, subject)| subject,
            |(kind, _), said| {
                let brief = match self.kinds[kind] {
                    Answer::Unprepared => None,
                    Answer::Never(reason, _) => Some(Brief { reason, grant: None }),
                    Answer::Cell(cell) => engine.say(&self.view.book, cell, said, self.at),
                };
                briefs.push((kind, brief));
            },
        );
        briefs
    }

    /// The decision about questions of a kind that are answered for this reason, whole but for the
    /// grant that it rests on.
    pub fn whole(&self, kind: usize, reason: Reason) -> Decision {
        let brief = Brief { reason, grant: None };
        let decision = self.view.book.plan.whole(self.kinds[kind], brief, self.at);
        Decision { as_of: self.as_of, ..decision }
    }
}
