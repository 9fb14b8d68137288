//! Values by number, where most numbers are never asked for.

use std::sync::OnceLock;

/// How many values the first part has room for; each further one has twice as many.
const FIRST: usize = 64;
/// How many parts there can be: together they have room for every profile.
const PARTS: usize = 19;

/// Values by number. Room is made when one is first asked for, by whichever thread asks, and a
/// value never moves. Neighbours lie side by side, so that all of them are gone through quickly.
pub(crate) struct Grown<T>([OnceLock<Box<[T]>>; PARTS]);

impl<T> Default for Grown<T> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; PARTS])
    }
}

impl<T: Default> Grown<T> {
    /// The value with a number; `None` beyond the last that there can be.
    #[inline]
    pub(crate) fn at(&self, number: u32) -> Option<&T> {
        let place = number as usize + FIRST;
        let part = (place.ilog2() - FIRST.ilog2()) as usize;
        self.part(part)?.get(place - (FIRST << part))
    }

    /// The first `count` values, some at a time and in order.
    pub(crate) fn first(&self, count: usize) -> impl Iterator<Item = &[T]> {
        let mut rest = count;
        (0..PARTS).map_while(move |part| {
            let values = self.part(part).filter(|_| rest > 0)?;
            let some = &values[..rest.min(values.len())];
            rest -= some.len();
            Some(some)
        })
    }

    #[inline]
    fn part(&self, part: usize) -> Option<&[T]> {
        let make = || (0..FIRST << part).map(|_| T::default()).collect();
        self.0.get(part).map(|values| &**values.get_or_init(make))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn each_number_has_a_value_of_its_own() {
        let grown = Grown::<AtomicU32>::default();
        for number in 0..2_000 {
            grown.at(number).unwrap().store(number + 1, Ordering::Relaxed);
        }
        for count in [0, 1, 63, 64, 65, 191, 192, 2_000] {
            let values = grown.first(count).flatten().map(|value| value.load(Ordering::Relaxed));
            assert!(values.eq((0..count as u32).map(|number| number + 1)), "{count}");
        }
        assert!(grown.at(u32::MAX).is_none());
    }
}
