//! "Whose data may be used?": everyone for whom a request is allowed.

use sayso_consent::{
    id::{Position, SubjectId},
    request::Request,
    time::Timestamp,
};

use crate::{
    engine::{
        View,
        plan::{Answer, Cell, Question},
        table::{PARTS, part_of},
    },
    snapshot::Snapshot,
};

/// Some of the people for whom the answer is yes.
pub struct Audience {
    /// The people, in order.
    pub subjects: Vec<SubjectId>,
    /// Where to go on; `None` at the end.
    pub next: Option<SubjectId>,
    /// The head that it was read at, at least.
    pub as_of: Position,
}

/// How many people there are for whom the answer is yes.
pub struct Reach {
    /// How many.
    pub people: u64,
    /// The head that it was read at, at least.
    pub as_of: Position,
}

/// How a request can be put to everybody.
enum Way {
    /// By this cell, and by the rule for those of whom a slot cannot say.
    Cell(Cell),
    /// Nobody is reached.
    Nobody,
    /// By the rule, one by one.
    Rule,
}

impl Snapshot {
    /// The next people from `from` on for whom the request is allowed: at most `limit`, maybe
    /// fewer with more to come. The request's own subject does not matter.
    pub fn audience(
        &self,
        request: &Request,
        from: SubjectId,
        limit: usize,
        at: Timestamp,
    ) -> Audience {
        let as_of = self.head();
        let at = at.max(self.latest());
        let mut subjects = Vec::new();
        for part in part_of(from)..PARTS {
            let mut found = self.audience_of(request, part, at);
            found.retain(|subject| *subject >= from);
            found.sort_unstable();
            let room = limit - subjects.len();
            if let Some(next) = found.get(room).copied() {
                subjects.extend(found.drain(..room));
                return Audience { subjects, next: Some(next), as_of };
            }
            subjects.extend(found);
        }
        Audience { subjects, next: None, as_of }
    }

    /// Everyone in one of [`Snapshot::PARTS`] parts for whom the request is allowed, in no order.
    pub fn audience_of(&self, request: &Request, part: usize, at: Timestamp) -> Vec<SubjectId> {
        let at = at.max(self.latest());
        let view = self.engine.view();
        let way = self.way(&view, request, at);
        let mut found = Vec::new();
        if matches!(way, Way::Nobody) {
            return found;
        }
        for (said, subject) in self.engine.people_of(&view, part) {
            let known = match way {
                Way::Cell(cell) => self.engine.allows_said(&view, cell, said, at),
                _ => None,
            };
            if known.unwrap_or_else(|| self.is_allowed(request, subject, at)) {
                found.push(subject);
            }
        }
        found
    }

    /// How many parts the people are in; all of them together are everybody.
    pub const PARTS: usize = PARTS;

    /// How many people a request is allowed for, without going through them: only those whose time
    /// has passed, or who have their say with others, are looked at.
    pub fn reach(&self, request: &Request, at: Timestamp) -> Reach {
        let as_of = self.head();
        let at = at.max(self.latest());
        let view = self.engine.view();
        let count = |parts: std::ops::Range<usize>| -> u64 {
            parts.map(|part| self.audience_of(request, part, at).len() as u64).sum()
        };
        let people = match self.way(&view, request, at) {
            Way::Nobody => 0,
            Way::Rule => count(0..PARTS),
            Way::Cell(cell) => {
                let tally = self.engine.count_allowed(&view, cell, at);
                let is_allowed = |subject: &&_| self.is_allowed(request, **subject, at);
                let lapsed = tally.lapsed.iter().filter(is_allowed).count() as u64;
                if tally.needs_rule {
                    count(0..PARTS)
                } else {
                    u64::try_from(tally.allowed).unwrap_or(0) + lapsed
                }
            }
        };
        Reach { people, as_of }
    }

    fn way(&self, view: &View, request: &Request, at: Timestamp) -> Way {
        if request.device.is_some() {
            return Way::Rule;
        }
        let plan = &view.book.plan;
        match plan.ask(&Question::of(request)) {
            Answer::Never(..) => Way::Nobody,
            Answer::Unprepared => Way::Rule,
            Answer::Cell(cell) if plan.may_rest(plan.declared(cell), at) => Way::Nobody,
            Answer::Cell(cell) => Way::Cell(cell),
        }
    }

    fn is_allowed(&self, request: &Request, subject: SubjectId, at: Timestamp) -> bool {
        let asked = Request { subject: Some(subject), ..request.clone() };
        self.by_rule(&asked, at).allow()
    }
}
