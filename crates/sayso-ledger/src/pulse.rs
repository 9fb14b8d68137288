//! How many choices come in: in all, and in each of the last minutes.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use sayso_consent::{Entry, Event, Timestamp};
use serde::{Deserialize, Serialize};

/// How many minutes are remembered.
pub const MINUTES: usize = 60;

/// Counts choices as the ledger takes them in, at start-up too.
pub struct Pulse {
    total: AtomicU64,
    minutes: Mutex<Minutes>,
}

struct Minutes {
    newest: i64,
    counts: [u64; MINUTES],
}

/// What was counted, as it is saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    total: u64,
    newest: i64,
    minutes: Vec<u64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            total: AtomicU64::new(0),
            minutes: Mutex::new(Minutes { newest: 0, counts: [0; MINUTES] }),
        }
    }
}

fn slot(minute: i64) -> usize {
    // INVARIANT: the remainder is between 0 and 59.
    minute.rem_euclid(MINUTES as i64).unsigned_abs() as usize
}

impl Minutes {
    fn move_to(&mut self, minute: i64) {
        let passed = (minute - self.newest).clamp(0, MINUTES as i64);
        for later in minute - passed + 1..=minute {
            self.counts[slot(later)] = 0;
        }
        self.newest = self.newest.max(minute);
    }
}

impl Pulse {
    fn minutes(&self) -> MutexGuard<'_, Minutes> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted so far.
    pub(crate) fn counted(&self) -> Counted {
        let minutes = self.minutes();
        let (newest, minutes) = (minutes.newest, minutes.counts.to_vec());
        Counted { total: self.total(), newest, minutes }
    }

    /// Goes on from what was counted before.
    pub(crate) fn resume(counted: &Counted) -> Self {
        let mut counts = [0; MINUTES];
        counts.iter_mut().zip(&counted.minutes).for_each(|(own, saved)| *own = *saved);
        let minutes = Mutex::new(Minutes { newest: counted.newest, counts });
        Self { total: AtomicU64::new(counted.total), minutes }
    }

    pub(crate) fn take_in(&self, entry: &Entry) {
        let is_choice = |event: &&Event| matches!(event, Event::ChoiceRecorded(_));
        let choices = entry.events.iter().filter(is_choice).count() as u64;
        if choices > 0 {
            self.total.fetch_add(choices, Ordering::Relaxed);
            let minute = entry.at.0 / 60_000;
            let mut minutes = self.minutes();
            minutes.move_to(minute);
            minutes.counts[slot(minute)] += choices;
        }
    }

    /// How many choices there are on the ledger.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// How many came in each of the last minutes, the oldest first, this one last.
    pub fn per_minute(&self, at: Timestamp) -> Vec<u64> {
        let minute = at.0 / 60_000;
        let mut minutes = self.minutes();
        minutes.move_to(minute);
        let newest = minutes.newest;
        (1..=MINUTES as i64).map(|step| minutes.counts[slot(newest + step)]).collect()
    }
}
