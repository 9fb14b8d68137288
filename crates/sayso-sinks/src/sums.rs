//! Adding up what a system holds, range by range, without holding all of it.

use std::collections::BTreeMap;

use sayso_ledger::{
    deliver::range,
    sink::{Kept, Sum},
};

/// Sums over everybody, added up one by one.
#[derive(Default)]
pub(crate) struct Sums(BTreeMap<u16, Sum>);

impl Sums {
    pub(crate) fn add(&mut self, kept: &Kept) {
        let range = range(&kept.key);
        let sum = self.0.entry(range).or_insert(Sum { range, ..Sum::default() });
        sum.people += 1;
        sum.names += kept.names;
        sum.marks = sum.marks.wrapping_add(kept.marks);
    }

    pub(crate) fn all(self) -> Vec<Sum> {
        self.0.into_values().collect()
    }
}
