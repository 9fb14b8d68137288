//! What is known about deliveries now: for pages, metrics and the times in effect reports.
//!
//! It is memory only and bounded: whoever wants the truth asks the ledger.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use sayso_consent::{
    Timestamp,
    id::{Id, Position, SubjectId},
};

use crate::{
    deliver::times::{Minute, Times},
    limits::LANES_MAX,
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

/// How far everybody has been told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backfill {
    /// How many people were looked at.
    pub done: usize,
    /// Of how many.
    pub total: usize,
}

/// What became of the newest change of a canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Canary {
    /// When it was changed.
    pub changed_at: Option<Timestamp>,
    /// When the system said that it applied that.
    pub applied_at: Option<Timestamp>,
    /// When it was read back and seen.
    pub verified_at: Option<Timestamp>,
    /// The time from change to seen, of the newest change that was seen, in milliseconds.
    pub took_ms: Option<i64>,
    /// Whether the newest change was not seen in its time: the connector is broken.
    pub is_lost: bool,
}

/// What is known of reading a system back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When it was last read back, or tried.
    pub at: Option<Timestamp>,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
    /// How many people were found to be told something else than they are, since the start.
    pub drifted: u64,
    /// How many were found to be told what has ended by itself since.
    pub lapsed: u64,
    /// How many the system holds that it should not.
    pub strangers: u64,
    /// Why it could not be read.
    pub failure: Option<String>,
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
    /// People whose delay somebody accepted.
    pub excepted: usize,
    /// People whom it may know under a name that is not known here.
    pub unresolved: usize,
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
    /// How far everybody has been told again, while that goes on.
    pub backfill: Option<Backfill>,
    /// What became of the canary.
    pub canary: Canary,
    /// What was seen when it was read back.
    pub reading: Reading,
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
    times: Times,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, BTreeMap<Id, Slot>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How each recipient stands.
    pub fn standings(&self) -> Vec<(Id, Standing)> {
        self.state().iter().map(|(id, slot)| (id.clone(), slot.standing.clone())).collect()
    }

    /// How one recipient stands.
    pub fn standing(&self, recipient: &Id) -> Standing {
        self.state().get(recipient).map(|slot| slot.standing.clone()).unwrap_or_default()
    }

    /// How the newest message to a recipient about a person fared, if it was since the start.
    pub fn trace(&self, recipient: &Id, subject: SubjectId) -> Option<Trace> {
        self.state().get(recipient)?.traces.get(&subject).copied()
    }

    /// How many were late and how long effects took, minute by minute, the newest last.
    pub fn minutes(&self, recipient: &Id, at: Timestamp) -> Vec<Minute> {
        self.state().get(recipient).map(|slot| slot.times.minutes(at)).unwrap_or_default()
    }

    /// Forgets a message that was applied, but for how long that took: its times are on the ledger.
    pub fn applied(&self, recipient: &Id, subject: SubjectId, at: Timestamp) {
        let mut state = self.state();
        let slot = state.entry(recipient.clone()).or_default();
        if let Some(trace) = slot.traces.remove(&subject) {
            slot.times.took(at.0 - trace.tried_at.0, at);
        }
    }

    /// Notes something about a recipient.
    pub fn update(&self, recipient: &Id, change: impl FnOnce(&mut Standing)) {
        change(&mut self.state().entry(recipient.clone()).or_default().standing);
    }

    pub(super) fn note_lag(&self, recipient: &Id, at: Timestamp) {
        let mut state = self.state();
        let slot = state.entry(recipient.clone()).or_default();
        slot.times.lag(slot.standing.unapplied, at);
    }

    pub(super) fn remove(&self, recipient: &Id) {
        self.state().remove(recipient);
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
        // A trace is worth having while there is room; the effect is recorded without it.
        if traces.len() >= LANES_MAX && !traces.contains_key(&subject) {
            return;
        }
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
