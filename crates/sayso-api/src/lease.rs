//! A lease: for how long a replica that hears nothing may go on saying yes.
//!
//! It counts from when the server was asked, not from when its answer came: whatever the server
//! knew then is in it, however long the answer was on its way. Two clocks are held against each
//! other, and the stricter one counts. The one that never jumps stands still while a machine
//! sleeps, the other can be set back.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Instant,
};

use sayso_consent::Timestamp;

/// A moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since some beginning, by the clock that never jumps.
    pub steady_ms: i64,
    /// The time of day.
    pub at: Timestamp,
}

impl Moment {
    /// This moment: the time of day is `at`, and the clock that never jumps began at `begun`.
    pub fn since(begun: Instant, at: Timestamp) -> Self {
        let steady = begun.elapsed().as_millis();
        Self { steady_ms: i64::try_from(steady).unwrap_or(i64::MAX), at }
    }
}

/// For how long a yes may be given.
#[derive(Debug)]
pub struct Lease {
    bound_ms: i64,
    steady_end: AtomicI64,
    end: AtomicI64,
}

impl Lease {
    /// None is held yet.
    pub fn new(bound_ms: i64) -> Self {
        let never = || AtomicI64::new(i64::MIN);
        Self { bound_ms, steady_end: never(), end: never() }
    }

    /// The replica has all that the server knew when it was asked.
    pub fn renew(&self, asked: Moment) {
        // A reader between the two sees one end that is older, and the older one counts.
        self.end.store(asked.at.0.saturating_add(self.bound_ms), Ordering::Release);
        let steady_end = asked.steady_ms.saturating_add(self.bound_ms);
        self.steady_end.store(steady_end, Ordering::Release);
    }

    /// Ends it, and gives another of the same length that is not held yet.
    pub fn end(&self) -> Self {
        self.steady_end.store(i64::MIN, Ordering::Release);
        self.end.store(i64::MIN, Ordering::Release);
        Self::new(self.bound_ms)
    }

    /// What is left of it, in milliseconds; none if it has lapsed.
    pub fn left_ms(&self, moment: Moment) -> Option<i64> {
        let left = self.steady_end.load(Ordering::Acquire).saturating_sub(moment.steady_ms);
        let left = left.min(self.end.load(Ordering::Acquire).saturating_sub(moment.at.0));
        // A machine whose clocks were both set back holds no longer lease for it.
        (left > 0).then_some(left.min(self.bound_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(steady_ms: i64, at: i64) -> Moment {
        Moment { steady_ms, at: Timestamp(at) }
    }

    #[test]
    fn a_lease_lasts_from_the_question_to_the_bound_by_the_stricter_clock() {
        let cases = [
            ("at once", moment(100, 1_000), Some(5_000)),
            ("the last moment", moment(5_099, 5_999), Some(1)),
            ("the bound", moment(5_100, 6_000), None),
            ("the machine slept", moment(101, 6_000), None),
            ("the time of day was set back", moment(5_100, 500), None),
            ("both were set back", moment(-900, 0), Some(5_000)),
            ("long after", moment(i64::MAX, i64::MAX), None),
        ];
        let lease = Lease::new(5_000);
        for (what, asked, _) in cases {
            assert_eq!(lease.left_ms(asked), None, "never renewed: {what}");
        }
        lease.renew(moment(100, 1_000));
        for (what, asked, left) in cases {
            assert_eq!(lease.left_ms(asked), left, "{what}");
        }
    }

    #[test]
    fn a_lease_that_lapsed_is_held_again_once_renewed() {
        let lease = Lease::new(5_000);
        lease.renew(moment(0, 0));
        assert_eq!(lease.left_ms(moment(7_000, 7_000)), None);
        lease.renew(moment(6_000, 6_000));
        assert_eq!(lease.left_ms(moment(7_000, 7_000)), Some(4_000));
    }
}
