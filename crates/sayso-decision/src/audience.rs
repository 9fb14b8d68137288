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
        whom::Whom,
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
    /// By their profiles, and by the rule for those of whom a slot cannot say.
    Whom(Whom),
    /// Nobody is reached.
    Nobody,
    /// By the rule, one by one.
    Rule,
}

/// A place in an audience. Going on from it costs what is still to come, however small the steps.
pub struct Roll {
    request: Request,
    way: Way,
    from: SubjectId,
    /// The next part to look through.
    part: usize,
    /// Who was found in the part before and was not handed out yet, the first at the end.
    found: Vec<SubjectId>,
}

impl Snapshot {
    /// The next people from `from` on for whom the request is allowed: at most `limit`, maybe
    /// fewer with more to come. The request's own subject does not matter. Whoever goes on and on
    /// calls the [roll](Self::roll) instead, which does not begin anew each time.
    pub fn audience(
        &self,
        request: &Request,
        from: SubjectId,
        limit: usize,
        at: Timestamp,
    ) -> Audience {
        self.call(&mut self.roll(request.clone(), from, at), limit, at)
    }

    /// Everybody from `from` on for whom the request is allowed, to be called one after the other.
    pub fn roll(&self, request: Request, from: SubjectId, at: Timestamp) -> Roll {
        let way = self.way(&self.engine.view(), &request, at.max(self.latest()));
        Roll { request, way, from, part: part_of(from), found: Vec::new() }
    }

    /// The next people on a roll: at most `limit`, maybe fewer with more to come. Whoever is called
    /// is allowed now. Somebody who was not, when their part was looked through, is not on it.
    pub fn call(&self, roll: &mut Roll, limit: usize, at: Timestamp) -> Audience {
        let as_of = self.head();
        let at = at.max(self.latest());
        self.keep_up(roll, at);
        let kept = roll.found.split_off(roll.found.len().saturating_sub(limit));
        let mut subjects = self.still(&roll.request, kept, at);
        loop {
            if roll.found.is_empty() && roll.part < PARTS {
                self.look_through(roll, at);
                continue;
            }
            let room = limit - subjects.len();
            if room == 0 || roll.found.is_empty() {
                break;
            }
            let mut next = roll.found.split_off(roll.found.len().saturating_sub(room));
            next.reverse();
            subjects.extend(next);
        }
        Audience { subjects, next: roll.found.last().copied(), as_of }
    }

    fn look_through(&self, roll: &mut Roll, at: Timestamp) {
        self.find(&roll.way, &roll.request, roll.part, at, &mut roll.found);
        roll.found.retain(|subject| *subject >= roll.from);
        roll.found.sort_unstable_by(|one, other| other.cmp(one));
        roll.part += 1;
    }

    /// Those who were found a while ago, the last one first, without those who said no since.
    fn still(&self, request: &Request, mut found: Vec<SubjectId>, at: Timestamp) -> Vec<SubjectId> {
        found.reverse();
        let people: Vec<_> = found.iter().copied().map(Some).collect();
        let mut reasons = [Vec::new()];
        self.reasons(std::slice::from_ref(request), &people, at, &mut reasons);
        let [reasons] = reasons;
        let mut reasons = reasons.into_iter();
        found.retain(|_| reasons.next().is_some_and(|reason| reason.allows()));
        found
    }

    /// Prepares the question anew if the catalog or the hour has changed.
    fn keep_up(&self, roll: &mut Roll, at: Timestamp) {
        let view = self.engine.view();
        let is_good = matches!(&roll.way, Way::Whom(whom) if self.engine.stands(whom, &view, at));
        if !is_good {
            roll.way = self.way(&view, &roll.request, at);
        }
    }

    /// Everyone in one of [`Snapshot::PARTS`] parts for whom the request is allowed, in no order.
    pub fn audience_of(&self, request: &Request, part: usize, at: Timestamp) -> Vec<SubjectId> {
        let at = at.max(self.latest());
        let way = self.way(&self.engine.view(), request, at);
        let mut found = Vec::new();
        self.find(&way, request, part, at, &mut found);
        found
    }

    fn find(
        &self,
        way: &Way,
        request: &Request,
        part: usize,
        at: Timestamp,
        found: &mut Vec<SubjectId>,
    ) {
        let is_allowed = |subject: SubjectId| self.is_allowed(request, subject, at);
        match way {
            Way::Nobody => {}
            Way::Rule => {
                let mut people = Vec::new();
                self.engine.everybody(&self.engine.view(), part, |subject| people.push(subject));
                found.extend(people.into_iter().filter(|subject| is_allowed(*subject)));
            }
            Way::Whom(whom) => self.engine.reached(whom, part, at, is_allowed, found),
        }
    }

    /// How many parts the people are in; all of them together are everybody.
    pub const PARTS: usize = PARTS;

    /// How many people a request is allowed for, without going through them: only those whose time
    /// has passed, or who have their say with others, are looked at.
    pub fn reach(&self, request: &Request, at: Timestamp) -> Reach {
        let as_of = self.head();
        let at = at.max(self.latest());
        let view = self.engine.view();
        let is_allowed = |subject| self.is_allowed(request, subject, at);
        let counted = match self.cell(&view, request, at) {
            Ok(cell) => self.engine.count_in(&view, cell, at, is_allowed),
            Err(Way::Nobody) => Some(0),
            Err(_) => None,
        };
        let people = counted.unwrap_or_else(|| {
            let way = self.way(&view, request, at);
            let mut found = Vec::new();
            let count = |part| {
                found.clear();
                self.find(&way, request, part, at, &mut found);
                found.len() as u64
            };
            (0..PARTS).map(count).sum()
        });
        Reach { people, as_of }
    }

    fn way(&self, view: &View, request: &Request, at: Timestamp) -> Way {
        self.cell(view, request, at)
            .map_or_else(|way| way, |cell| Way::Whom(self.engine.whom_of(view, cell)))
    }

    /// The cell that everybody can be asked by, or the way there is without one.
    fn cell(&self, view: &View, request: &Request, at: Timestamp) -> Result<Cell, Way> {
        if request.device.is_some() {
            return Err(Way::Rule);
        }
        let plan = &view.book.plan;
        match plan.ask(&Question::of(request)) {
            Answer::Never(..) => Err(Way::Nobody),
            Answer::Unprepared => Err(Way::Rule),
            Answer::Cell(cell) if plan.may_rest(plan.declared(cell), at) => Err(Way::Nobody),
            Answer::Cell(cell) => Ok(cell),
        }
    }

    fn is_allowed(&self, request: &Request, subject: SubjectId, at: Timestamp) -> bool {
        let asked = Request { subject: Some(subject), ..request.clone() };
        self.by_rule(&asked, at).allow()
    }
}
