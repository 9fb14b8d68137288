//! Bars, minute by minute, in the units of an SVG's `viewBox`. Each has a table beside it: some
//! browsers show no drawing at all.

use sayso_consent::time::Timestamp;

/// A number for each minute, oldest first; the last is the present minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// When each minute began, and its number.
    pub minutes: Vec<(Timestamp, u64)>,
}

/// A bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) y: u64,
    pub(crate) height: u64,
    pub(crate) is_now: bool,
}

/// The height of a chart, and the least height of a bar that is not nothing.
const HEIGHT: u64 = 120;
const BAR_LEAST: u64 = 3;
/// The breadth of a bar with its gap.
const BAR_STEP: usize = 10;

impl Chart {
    pub(crate) fn now(&self) -> u64 {
        self.minutes.last().map_or(0, |(_, number)| *number)
    }

    pub(crate) fn most(&self) -> u64 {
        self.minutes.iter().map(|(_, number)| *number).max().unwrap_or(0)
    }

    pub(crate) fn total(&self) -> u64 {
        self.minutes.iter().fold(0, |sum, (_, number)| sum.saturating_add(*number))
    }

    pub(crate) fn width(&self) -> usize {
        self.minutes.len() * BAR_STEP
    }

    pub(crate) fn bars(&self) -> Vec<Bar> {
        let (most, last) = (self.most().max(1), self.minutes.len().saturating_sub(1));
        let bar = |(index, (_, number)): (usize, &(Timestamp, u64))| {
            let height = scaled(*number, most);
            let y = HEIGHT.saturating_sub(height);
            Bar { x: index * BAR_STEP, y, height, is_now: index == last }
        };
        self.minutes.iter().enumerate().map(bar).collect()
    }
}

/// A number as a height, the greatest filling the chart.
fn scaled(number: u64, most: u64) -> u64 {
    if number == 0 {
        return 0;
    }
    let height = u128::from(number) * u128::from(HEIGHT) / u128::from(most.max(1));
    u64::try_from(height).unwrap_or(HEIGHT).clamp(BAR_LEAST, HEIGHT)
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, scaled};

    #[test]
    fn bars_keep_to_the_chart() {
        assert_eq!(scaled(0, 10), 0);
        assert_eq!(scaled(10, 10), HEIGHT);
        assert_eq!(scaled(5, 10), HEIGHT / 2);
        assert_eq!(scaled(1, u64::MAX), 3);
        assert_eq!(scaled(u64::MAX, u64::MAX), HEIGHT);
    }
}
