//! What a recipient has yet to apply, and the alarm when it is late with it.

use sayso_consent::{
    Timestamp,
    id::Id,
    subject::{Pending, SubjectState},
};

use crate::deliver::{board::Standing, compose::own};

/// What a recipient has yet to apply.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Debt {
    unapplied: usize,
    overdue: usize,
    excepted: usize,
    oldest_due: Option<Timestamp>,
}

impl Debt {
    /// Counts what the recipient owes one more person.
    pub(super) fn count(&mut self, recipient: &Id, state: &SubjectState, at: Timestamp) {
        let Some(due) = own(recipient, state).map(|pending| pending.due).min() else { return };
        self.unapplied += 1;
        let is_accepted = |pending: &Pending| state.exception(pending, at).is_some();
        if own(recipient, state).all(is_accepted) {
            self.excepted += 1;
            return;
        }
        self.overdue += usize::from(due <= at);
        self.oldest_due = Some(self.oldest_due.map_or(due, |oldest| oldest.min(due)));
    }

    pub(super) fn show(self, standing: &mut Standing) {
        standing.unapplied = self.unapplied;
        standing.overdue = self.overdue;
        standing.excepted = self.excepted;
        standing.oldest_due = self.oldest_due;
    }
}

/// Raises the alert: once when a recipient becomes late, once when it has caught up.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    was_overdue: bool,
}

impl Alarm {
    pub(super) fn look(&mut self, recipient: &Id, debt: Debt) {
        match (self.was_overdue, debt.overdue > 0) {
            (false, true) => tracing::error!(
                %recipient,
                people = debt.overdue,
                "past its deadline: its use is denied for these people until it answers"
            ),
            (true, false) => tracing::warn!(%recipient, "has caught up"),
            _ => {}
        }
        self.was_overdue = debt.overdue > 0;
    }
}
