//! Four slots in one line of the processor's cache: whoever is looked for is mostly in the line where
//! the search begins, and memory is waited for once.

use std::sync::atomic::AtomicU64;

use crate::engine::slot::{Look, Said, Slot};

/// How many slots.
pub(crate) const SLOTS: usize = 4;
/// How many words.
pub(crate) const WORDS: usize = 2 * SLOTS;

/// What a search in a line came to.
pub(crate) enum Met {
    /// They are in this slot.
    Found(usize, Said),
    /// They are nowhere: here the search ends, at an empty slot.
    Nobody(usize),
    /// All are taken by others.
    Others,
}

/// Four slots, which are taken in their order.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a>(pub(crate) &'a [AtomicU64; WORDS]);

impl<'a> Line<'a> {
    /// One of them.
    #[inline]
    pub(crate) fn slot(self, number: usize) -> Slot<'a> {
        Slot { mark: &self.0[2 * number], state: &self.0[2 * number + 1] }
    }

    /// Looks for whoever has a fingerprint. The marks of all four are held against it before
    /// anything depends on one of them: which slot somebody has is nothing that a processor could
    /// foresee.
    #[inline]
    pub(crate) fn look(self, fingerprint: u32) -> Met {
        let mut alike = self.alike(fingerprint);
        while alike != 0 {
            let number = alike.trailing_zeros() as usize;
            match self.slot(number).look(fingerprint) {
                Look::Found(said) => return Met::Found(number, said),
                // Its mark is not theirs, but what an empty slot has.
                Look::Nobody => return Met::Nobody(number),
                Look::Other => alike &= alike - 1,
            }
        }
        let is_empty = |number: &usize| self.slot(*number).is_empty();
        (0..SLOTS).find(is_empty).map_or(Met::Others, Met::Nobody)
    }

    /// The slots whose marks have a fingerprint, as bits. What is written meanwhile may be missed,
    /// as if it had been written a moment later.
    #[inline]
    fn alike(self, fingerprint: u32) -> u32 {
        let bit = |number: usize| u32::from(self.slot(number).has(fingerprint)) << number;
        (0..SLOTS).map(bit).fold(0, |bits, bit| bits | bit)
    }
}
