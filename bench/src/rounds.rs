//! Rounds: everything that is compared runs in turn, forwards and then backwards, so that a
//! machine that slows down slows down all of it. Ratios are taken within a round, and the median
//! round counts.

use std::time::Instant;

use anyhow::Result;

/// What one turn came to.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// How much was done.
    pub(crate) count: u64,
    /// In how many seconds.
    pub(crate) seconds: f64,
    /// How long each took, in nanoseconds, if that was looked at.
    pub(crate) latencies: Vec<u64>,
    /// What the servers' threads spent, in nanoseconds, if that was looked at.
    pub(crate) cpu: Option<u64>,
}

impl Sample {
    fn per_second(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    fn cpu_each(&self) -> Option<f64> {
        Some(self.cpu? as f64 / self.count as f64)
    }
}

/// What is measured: does its thing for one turn.
pub(crate) type Contender<'a> = Box<dyn FnMut() -> Result<Sample> + 'a>;

/// All turns of one contender, by round.
#[derive(Debug)]
pub(crate) struct Measured(pub(crate) Vec<Sample>);

/// Runs contenders in turn. One round before the first warms up and is thrown away.
pub(crate) fn interleave(rounds: usize, contenders: &mut [Contender]) -> Result<Vec<Measured>> {
    let mut measured: Vec<_> = contenders.iter().map(|_| Measured(Vec::new())).collect();
    for round in 0..=rounds {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for turn in order {
            let sample = contenders[turn]()?;
            if round > 0 {
                measured[turn].0.push(sample);
            }
        }
    }
    Ok(measured)
}

impl Measured {
    /// How much a second, in the median round.
    pub(crate) fn per_second(&self) -> f64 {
        median(self.0.iter().map(Sample::per_second).collect())
    }

    /// How much a second beside another.
    pub(crate) fn speed_of(&self, other: &Self) -> f64 {
        let rounds = self.0.iter().zip(&other.0);
        median(rounds.map(|(own, other)| own.per_second() / other.per_second()).collect())
    }

    /// How long one takes at this share of all, in microseconds.
    pub(crate) fn latency(&self, share: f64) -> Option<f64> {
        let mut all: Vec<u64> = self.0.iter().flat_map(|round| &round.latencies).copied().collect();
        all.sort_unstable();
        percentile(&all, share).map(|ns| ns as f64 / 1e3)
    }

    /// How long one takes at this share of all, beside another.
    pub(crate) fn waits_of(&self, other: &Self, share: f64) -> f64 {
        let at = |sample: &Sample| {
            let mut all = sample.latencies.clone();
            all.sort_unstable();
            percentile(&all, share).map_or(f64::NAN, |ns| ns as f64)
        };
        let rounds = self.0.iter().zip(&other.0);
        median(rounds.map(|(own, other)| at(own) / at(other)).collect())
    }

    /// What the server spends on one, in microseconds.
    pub(crate) fn cpu(&self) -> Option<f64> {
        let each: Option<Vec<f64>> = self.0.iter().map(Sample::cpu_each).collect();
        each.map(|each| median(each) / 1e3)
    }
}

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// The value below which this share of sorted ones lies.
fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

/// Runs a piece of work until a turn is over, in blocks so that the clock costs nothing.
pub(crate) fn spin(turn: std::time::Duration, mut block: impl FnMut() -> u64) -> Sample {
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < turn {
        count += block();
    }
    Sample { count, seconds: begun.elapsed().as_secs_f64(), ..Sample::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, middle) in
            [(vec![3.0, 1.0, 2.0], 2.0), (vec![4.0, 1.0, 2.0, 3.0], 2.5), (vec![7.0], 7.0)]
        {
            assert_eq!(median(values), middle);
        }
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let sorted: Vec<u64> = (0..=100).collect();
        for (share, value) in [(0.0, 0), (0.5, 50), (0.99, 99), (1.0, 100)] {
            assert_eq!(percentile(&sorted, share), Some(value));
        }
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn a_machine_that_slows_down_does_not_change_a_ratio() {
        let slowing = |count: u64| {
            let round = |seconds| Sample { count, seconds, ..Sample::default() };
            Measured([1.0, 2.0, 4.0].map(round).into())
        };
        assert_eq!(slowing(200).speed_of(&slowing(100)), 2.0);
    }

    #[test]
    fn every_contender_has_its_turn_in_every_round() {
        let turns = std::cell::RefCell::new(Vec::new());
        let contender = |name: u8| -> Contender {
            let turns = &turns;
            Box::new(move || {
                turns.borrow_mut().push(name);
                Ok(Sample::default())
            })
        };
        let measured = interleave(2, &mut [contender(1), contender(2)]).unwrap();
        assert_eq!(*turns.borrow(), [1, 2, 2, 1, 1, 2]);
        assert!(measured.iter().all(|measured| measured.0.len() == 2));
    }
}
