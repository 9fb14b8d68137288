//! The one place that reads the clock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use sayso_consent::Timestamp;

/// A clock that never runs backwards: a machine whose time is set back must not revive a grant
/// that has ended.
#[derive(Clone, Default)]
pub struct Clock {
    highest: Arc<AtomicI64>,
    fixed: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands where it is set, for tests and goldens.
    pub fn fixed(at: Timestamp) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(at.0))), ..Self::default() }
    }

    /// Moves a fixed clock.
    pub fn set(&self, at: Timestamp) {
        if let Some(fixed) = &self.fixed {
            fixed.store(at.0, Ordering::Release);
        }
    }

    /// This moment, or the highest that was ever seen.
    pub fn at(&self) -> Timestamp {
        let at = match &self.fixed {
            Some(fixed) => fixed.load(Ordering::Acquire),
            None => machine_ms(),
        };
        let highest = self.highest.load(Ordering::Acquire);
        // Most requests come within a millisecond that was seen already. Written by each of them,
        // the one number would travel between all processors.
        if at <= highest {
            return Timestamp(highest);
        }
        Timestamp(self.highest.fetch_max(at, Ordering::AcqRel).max(at))
    }

    /// Takes note of a moment that was seen elsewhere, such as on the ledger.
    pub fn seen(&self, at: Timestamp) {
        self.highest.fetch_max(at.0, Ordering::AcqRel);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn machine_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
