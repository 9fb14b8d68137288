//! Going through everybody, page by page, to find those who have to be told.

use sayso_consent::id::{Id, Position, SubjectId};
use sayso_decision::Snapshot;

use crate::{
    deliver::{board::Backfill, compose::own},
    sink::About,
};

/// The cursor of orders that were carried out.
pub(super) fn order(recipient: &Id) -> String {
    format!("again:{recipient}")
}

/// Somebody to tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) about: About,
    /// Through which entry.
    pub(super) position: Position,
    /// Whether they are told though nothing is owed.
    pub(super) anyway: bool,
}

/// A way through everybody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    next: Option<SubjectId>,
    /// Whoever changed after this entry is told, whatever they are owed; none: who is owed.
    everybody_after: Option<Position>,
    /// The order that it carries out.
    pub(super) ordered: Option<Position>,
    done: usize,
}

impl Round {
    /// To find those who are owed something.
    pub(super) fn of_owed() -> Self {
        Self { next: Some(SubjectId(0)), everybody_after: None, ordered: None, done: 0 }
    }

    /// To tell everybody again who changed after an entry.
    pub(super) fn of_everybody(ordered: Position, after: Position) -> Self {
        let (everybody_after, ordered) = (Some(after), Some(ordered));
        Self { everybody_after, ordered, ..Self::of_owed() }
    }

    /// Whether nobody is left.
    pub(super) fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// How far it has come, if it tells everybody.
    pub(super) fn backfill(&self, snapshot: &Snapshot) -> Option<Backfill> {
        self.ordered.map(|_| Backfill { done: self.done, total: snapshot.count().max(self.done) })
    }

    /// The next page: whom to tell, and through which entry.
    pub(super) fn page(&mut self, snapshot: &Snapshot, recipient: &Id) -> Vec<Found> {
        let Some(page) = self.next.and_then(|from| snapshot.page_of_people(from)) else {
            self.next = None;
            return Vec::new();
        };
        self.next = page.next;
        self.done += page.people.len();
        let mut found = Vec::new();
        for (subject, state) in &page.people {
            let about = |former| About { subject: *subject, former };
            let owed = own(recipient, state).map(|owed| {
                let (about, position) = (about(owed.former_lookup()), owed.position);
                Found { about, position, anyway: false }
            });
            found.extend(owed);
            if self.everybody_after.is_some_and(|after| state.position > after) {
                found.push(Found { about: about(None), position: state.position, anyway: true });
            }
        }
        found
    }
}
