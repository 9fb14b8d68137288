//! How long effects took and how much was open, minute by minute, for an hour.

use std::collections::VecDeque;

use sayso_consent::Timestamp;

/// How many minutes are kept.
pub const MINUTES: usize = 60;
/// How many times are kept of a minute; of more, evenly many are left out.
const TIMES_MAX: usize = 1_024;

/// One minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// When it began.
    pub from: Timestamp,
    /// How many people had something unapplied at most.
    pub lag: usize,
    /// How many effects came in.
    pub effects: u64,
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: i64,
    /// 99 of 100 took no longer.
    pub p99_ms: i64,
}

#[derive(Debug, Default)]
struct Kept {
    number: i64,
    lag: usize,
    effects: u64,
    times: Vec<i64>,
}

/// The last hour.
#[derive(Debug, Default)]
pub(super) struct Times(VecDeque<Kept>);

impl Times {
    fn minute(&mut self, at: Timestamp) -> &mut Kept {
        let number = at.0.div_euclid(60_000);
        if self.0.back().is_none_or(|newest| newest.number < number) {
            self.0.push_back(Kept { number, ..Kept::default() });
        }
        while self.0.len() > MINUTES {
            self.0.pop_front();
        }
        // INVARIANT: one was just put there if there was none.
        let newest = self.0.len() - 1;
        &mut self.0[newest]
    }

    pub(super) fn took(&mut self, took_ms: i64, at: Timestamp) {
        let minute = self.minute(at);
        minute.effects += 1;
        let place = (minute.effects - 1) as usize;
        match place < TIMES_MAX {
            true => minute.times.push(took_ms),
            false if place.is_multiple_of(7) => minute.times[place / 7 % TIMES_MAX] = took_ms,
            false => {}
        }
    }

    pub(super) fn lag(&mut self, open: usize, at: Timestamp) {
        let minute = self.minute(at);
        minute.lag = minute.lag.max(open);
    }

    /// All of the last hour, the newest last; minutes without anything too.
    pub(super) fn minutes(&self, at: Timestamp) -> Vec<Minute> {
        let last = at.0.div_euclid(60_000);
        let first = last - MINUTES as i64 + 1;
        let minute = |number: i64| {
            let from = Timestamp(number * 60_000);
            let kept = self.0.iter().find(|kept| kept.number == number);
            kept.map_or(Minute { from, ..Minute::default() }, |kept| kept.shown(from))
        };
        (first..=last).map(minute).collect()
    }
}

impl Kept {
    fn shown(&self, from: Timestamp) -> Minute {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share).div_ceil(100).saturating_sub(1));
        let (p50_ms, p99_ms) =
            (at(50).copied().unwrap_or_default(), at(99).copied().unwrap_or_default());
        Minute { from, lag: self.lag, effects: self.effects, p50_ms, p99_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut times = Times::default();
        for minute in 0..90 {
            times.took(minute, Timestamp(minute * 60_000));
            times.lag(minute as usize, Timestamp(minute * 60_000 + 30_000));
        }
        let minutes = times.minutes(Timestamp(89 * 60_000 + 59_999));
        assert_eq!(minutes.len(), MINUTES);
        assert_eq!((minutes[0].lag, minutes[0].p50_ms), (30, 30));
        assert_eq!((minutes[59].lag, minutes[59].effects), (89, 1));
    }

    #[test]
    fn percentiles_are_those_of_the_minute() {
        let mut times = Times::default();
        for took in (1..=100).rev() {
            times.took(took, Timestamp(0));
        }
        let newest = times.minutes(Timestamp(1)).pop().unwrap();
        assert_eq!((newest.p50_ms, newest.p99_ms, newest.effects), (50, 99, 100));
    }
}
