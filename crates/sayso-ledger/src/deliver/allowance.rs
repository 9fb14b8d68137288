//! How many messages a system may be sent in a second, if it has a limit.

use std::time::{Duration, Instant};

/// A second's worth of messages at most, which fills up evenly.
#[derive(Debug)]
pub(super) struct Allowance {
    per_second: Option<u32>,
    left: f64,
    looked: Instant,
}

impl Allowance {
    pub(super) fn new(per_second: Option<u32>, now: Instant) -> Self {
        Self { per_second, left: per_second.map_or(0.0, f64::from), looked: now }
    }

    /// How many may be sent now.
    pub(super) fn now(&mut self, now: Instant) -> usize {
        let Some(per_second) = self.per_second else { return usize::MAX };
        let fresh = now.duration_since(self.looked).as_secs_f64() * f64::from(per_second);
        self.left = (self.left + fresh).min(f64::from(per_second));
        self.looked = now;
        self.left as usize
    }

    pub(super) fn spend(&mut self, messages: usize) {
        self.left -= messages as f64;
    }

    /// When the next one may be sent.
    pub(super) fn wait(&self) -> Option<Duration> {
        let missing = 1.0 - self.left;
        self.per_second
            .filter(|_| missing > 0.0)
            .map(|per_second| Duration::from_secs_f64(missing / f64::from(per_second.max(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_no_more_than_it_may() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(Some(10), begin);
        assert_eq!(allowance.now(begin), 10);
        allowance.spend(10);
        assert_eq!(allowance.now(begin), 0);
        assert!(allowance.wait().is_some_and(|wait| wait <= Duration::from_millis(101)));
        assert_eq!(allowance.now(begin + Duration::from_millis(550)), 5);
        assert_eq!(allowance.now(begin + Duration::from_secs(60)), 10);
        assert_eq!(Allowance::new(None, begin).now(begin), usize::MAX);
    }
}
