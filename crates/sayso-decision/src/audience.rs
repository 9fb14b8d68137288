//! "Whose data may be used?": everyone for whom a request is allowed.

use sayso_consent::{
    id::{Position, SubjectId},
    request::Request,
    time::Timestamp,
};

use crate::{
    decide::{Passing, decide},
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
        let in_force = self.in_force();
        let at = at.max(self.latest());
        let mut subjects = Vec::new();
        let mut from = Some(from);
        while let Some(page) = from.and_then(|from| self.page_of_people(from)) {
            for (subject, state) in page.people {
                if subjects.len() == limit {
                    return Audience { subjects, next: Some(subject), as_of };
                }
                let asked = Request { subject: Some(subject), ..request.clone() };
                let decision =
                    decide(in_force.as_deref(), self, Some(&state), &asked, at, Passing::Counts);
                if decision.allow() {
                    subjects.push(subject);
                }
            }
            from = page.next;
        }
        Audience { subjects, next: None, as_of }
    }
}
