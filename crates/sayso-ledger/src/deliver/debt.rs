//! What a recipient has yet to apply, and the alarm when it is late with it.

use sayso_consent::{Timestamp, id::Id, subject::SubjectState};

use crate::deliver::board::Standing;

/// What a recipient has yet to apply.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Debt {
    unapplied: usize,
    overdue: usize,
    oldest_due: Option<Timestamp>,
}

impl Debt {
    /// Counts what the recipient owes one more person.
    pub(super) fn count(&mut self, recipient: &Id, state: &SubjectState, at: Timestamp) {
        let own = state.pending.iter().filter(|pending| pending.recipient == *recipient);
        let Some(due) = own.map(|pending| pending.due).min() else { return };
        self.unapplied += 1;
        self.overdue += usize::from(due <= at);
        self.oldest_due = Some(self.oldest_due.map_or(due, |oldest| oldest.min(due)));
    }

    pub(super) fn show(self, standing: &mut Standing) {
        standing.unapplied = self.unapplied;
        standing.overdue = self.overdue;
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
