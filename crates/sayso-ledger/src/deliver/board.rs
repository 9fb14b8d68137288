//! What is known about deliveries now: for pages, metrics and the times in effect reports.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sayso_consent::{
    Timestamp,
    id::{Id, Position, SubjectId},
};

/// How one message fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Through which entry it told.
    pub position: Position,
    /// When it was first tried.
    pub tried_at: Timestamp,
    /// When it was sent: the try that the system took, or the newest so far.
    pub sent_at: Timestamp,
    /// When the system took it.
    pub received_at: Option<Timestamp>,
}

/// A message that a system refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// About whom.
    pub subject: SubjectId,
    /// Through which entry.
    pub position: Position,
    /// The class of refusal.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

/// How a recipient stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Whether there is a way to tell it. What it owes runs late even if there is none.
    pub is_connected: bool,
    /// Everything up to here was delivered.
    pub cursor: Position,
    /// People about whom it has something to take.
    pub waiting: usize,
    /// People about whom it has something to apply.
    pub unapplied: usize,
    /// People for whom it is past its deadline: its use is denied for them.
    pub overdue: usize,
    /// The earliest deadline among what it has to apply.
    pub oldest_due: Option<Timestamp>,
    /// Messages delivered since the start.
    pub delivered: u64,
    /// Tries that failed since the start.
    pub failed: u64,
    /// Since when every try fails.
    pub failing_since: Option<Timestamp>,
    /// The class of the newest failure.
    pub last_failure: Option<String>,
    /// What it refused.
    pub parked: Vec<Parked>,
}

/// All recipients that are told.
#[derive(Default)]
pub struct Board {
    state: Mutex<BTreeMap<Id, Slot>>,
}

#[derive(Default)]
struct Slot {
    standing: Standing,
    traces: HashMap<SubjectId, Trace>,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, BTreeMap<Id, Slot>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How each recipient stands.
    pub fn standings(&self) -> Vec<(Id, Standing)> {
        self.state().iter().map(|(id, slot)| (id.clone(), slot.standing.clone())).collect()
    }

    /// How the newest message to a recipient about a person fared, if it was since the start.
    pub fn trace(&self, recipient: &Id, subject: SubjectId) -> Option<Trace> {
        self.state().get(recipient)?.traces.get(&subject).copied()
    }

    /// Forgets a message: its times are on the ledger now.
    pub fn forget(&self, recipient: &Id, subject: SubjectId) {
        if let Some(slot) = self.state().get_mut(recipient) {
            slot.traces.remove(&subject);
        }
    }

    pub(super) fn update(&self, recipient: &Id, change: impl FnOnce(&mut Standing)) {
        change(&mut self.state().entry(recipient.clone()).or_default().standing);
    }

    pub(super) fn sent(
        &self,
        recipient: &Id,
        subject: SubjectId,
        position: Position,
        at: Timestamp,
    ) {
        let mut state = self.state();
        let traces = &mut state.entry(recipient.clone()).or_default().traces;
        let fresh = Trace { position, tried_at: at, sent_at: at, received_at: None };
        let trace = traces.entry(subject).or_insert(fresh);
        if trace.position != position {
            *trace = fresh;
        } else if trace.received_at.is_none() {
            trace.sent_at = at;
        }
    }

    pub(super) fn received(
        &self,
        recipient: &Id,
        subject: SubjectId,
        position: Position,
        at: Timestamp,
    ) {
        let mut state = self.state();
        let slot = state.entry(recipient.clone()).or_default();
        slot.standing.delivered += 1;
        if let Some(trace) =
            slot.traces.get_mut(&subject).filter(|trace| trace.position == position)
        {
            trace.received_at = trace.received_at.or(Some(at));
        }
    }
}
