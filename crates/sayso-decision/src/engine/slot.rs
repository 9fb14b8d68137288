//! One person's place in the table: two words that are written by one thread and read by all,
//! without a lock on either side.
//!
//! | word | high half | low half |
//! |------|-----------|----------|
//! | mark | fingerprint of who it is | position of the newest grant |
//! | state | count of changes (8 bits), number of the profile | minute from which the exact rule decides |
//!
//! A reader must never see one person's old position beside their new profile. So whoever changes
//! the mark first makes the state say [`ASK`], and a reader looks at the state before and after the
//! mark: if it is the same, the mark between belongs to it. A reader that finds it changed asks
//! the exact rule instead of waiting. Without the count a state that was left and come back to
//! meanwhile would look unchanged.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Nobody is here, and nobody ever was: the search ends.
const EMPTY: u64 = 0;
/// The profile of a slot that says nothing by itself: being written, or shared by two people whose
/// hashes are equal. The exact rule decides.
pub(crate) const ASK: u32 = PROFILE;
/// The profile of a slot whose person is gone.
pub(crate) const GONE: u32 = PROFILE - 1;
/// The exact rule is never needed for want of time.
pub(crate) const NEVER: u32 = u32::MAX;
/// The position of whoever never granted anything, or granted it beyond what half a word holds.
pub(crate) const NO_POSITION: u32 = 0;
/// The bits of the number of a profile.
const PROFILE: u32 = 0x00ff_ffff;

/// The count of changes of a slot that was not changed yet.
const FIRST: u32 = 1 << 24;

const fn pack(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

const fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Which profile.
    pub(crate) profile: u32,
    /// Minutes since 1970 from which the profile no longer holds.
    pub(crate) lapse: u32,
    /// Where the newest grant stands.
    pub(crate) grant: u32,
}

/// A slot as it is saved: the words of one that was put in and not changed yet.
pub(crate) fn words(fingerprint: u32, said: Said) -> [u64; 2] {
    [pack(fingerprint, said.grant), pack(FIRST | said.profile, said.lapse)]
}

/// What one word of a slot says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Whether somebody is or was here.
    pub(crate) is_taken: bool,
    pub(crate) profile: u32,
    pub(crate) lapse: u32,
}

/// What a look at a slot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The search ends here: whoever is looked for is not in the table.
    Nobody,
    /// Somebody else.
    Other,
    /// They.
    Found(Said),
}

/// Two words of the table.
pub(crate) struct Slot<'a> {
    pub(crate) mark: &'a AtomicU64,
    pub(crate) state: &'a AtomicU64,
}

impl Slot<'_> {
    /// Looks for whoever has a fingerprint. Never waits.
    #[inline]
    pub(crate) fn look(&self, fingerprint: u32) -> Look {
        let state = self.state.load(Ordering::Acquire);
        if state == EMPTY {
            return Look::Nobody;
        }
        let (found, grant) = unpack(self.mark.load(Ordering::Acquire));
        if found != fingerprint {
            return Look::Other;
        }
        let (profile, lapse) = unpack(state);
        let profile = profile & PROFILE;
        if self.state.load(Ordering::Relaxed) == state {
            Look::Found(Said { profile, lapse, grant })
        } else {
            Look::Found(Said { profile: ASK, lapse: 0, grant: NO_POSITION })
        }
    }

    /// Which profile is said, and until when it holds.
    #[inline]
    pub(crate) fn standing(&self) -> Standing {
        let state = self.state.load(Ordering::Acquire);
        let (profile, lapse) = unpack(state);
        Standing { is_taken: state != EMPTY, profile: profile & PROFILE, lapse }
    }

    /// Puts somebody into an empty slot. Only the one writer.
    pub(crate) fn put(&self, fingerprint: u32, said: Said) {
        self.mark.store(pack(fingerprint, said.grant), Ordering::Relaxed);
        self.state.store(pack(FIRST | said.profile, said.lapse), Ordering::Release);
    }

    /// Says something else of whoever is here. Only the one writer.
    pub(crate) fn change(&self, said: Said) {
        let (fingerprint, grant) = unpack(self.mark.load(Ordering::Relaxed));
        let (before, _) = unpack(self.state.load(Ordering::Relaxed));
        // Never 0: with that, an empty slot is told apart from any other.
        let count = ((before >> 24) % 255 + 1) << 24;
        if grant != said.grant {
            self.state.store(pack(count | ASK, 0), Ordering::Release);
            self.mark.store(pack(fingerprint, said.grant), Ordering::Release);
        }
        self.state.store(pack(count | said.profile, said.lapse), Ordering::Release);
    }

    /// Whether the mark bears a fingerprint, that of an empty slot included.
    #[inline]
    pub(crate) fn has(&self, fingerprint: u32) -> bool {
        unpack(self.mark.load(Ordering::Relaxed)).0 == fingerprint
    }

    /// Whether nobody ever was here.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.state.load(Ordering::Acquire) == EMPTY
    }

    /// Whose slot it is, as far as a slot knows.
    pub(crate) fn fingerprint(&self) -> u32 {
        unpack(self.mark.load(Ordering::Acquire)).0
    }

    /// The same without looking for anybody: for the writer, and for those who go through all.
    pub(crate) fn said(&self) -> Option<Said> {
        let (fingerprint, _) = unpack(self.mark.load(Ordering::Acquire));
        match self.look(fingerprint) {
            Look::Found(said) => Some(said),
            Look::Nobody | Look::Other => None,
        }
    }
}

#[cfg(all(test, loom))]
mod model {
    //! Every order in which one writer and one reader can meet, tried by loom:
    //! `cargo xtask heavy model`.

    use loom::{sync::Arc, thread};

    use super::*;

    struct Words(AtomicU64, AtomicU64);

    impl Words {
        fn slot(&self) -> Slot<'_> {
            Slot { mark: &self.0, state: &self.1 }
        }
    }

    fn said(profile: u32, grant: u32) -> Said {
        Said { profile, lapse: NEVER, grant }
    }

    /// A reader sees the state before or the state after, or is told to ask; never a mixture.
    #[test]
    fn what_is_read_was_said() {
        loom::model(|| {
            let words = Arc::new(Words(AtomicU64::new(0), AtomicU64::new(0)));
            let read = {
                let words = Arc::clone(&words);
                thread::spawn(move || [words.slot().look(7), words.slot().look(7)])
            };
            words.slot().put(7, said(1, 10));
            words.slot().change(said(2, 20));
            words.slot().change(said(1, 30));
            for look in read.join().unwrap() {
                match look {
                    Look::Nobody => {}
                    Look::Other => panic!("the fingerprint was published after the state"),
                    Look::Found(Said { profile: ASK, .. }) => {}
                    Look::Found(found) => assert!(
                        [said(1, 10), said(2, 20), said(1, 30)].contains(&found),
                        "{found:?}"
                    ),
                }
            }
        });
    }

    /// C1: whoever is told that a change was made finds it made.
    #[test]
    fn what_was_acknowledged_is_seen() {
        loom::model(|| {
            let words = Arc::new(Words(AtomicU64::new(0), AtomicU64::new(0)));
            words.slot().put(7, said(1, 10));
            let head = Arc::new(AtomicU64::new(0));
            let read = {
                let (words, head) = (Arc::clone(&words), Arc::clone(&head));
                thread::spawn(move || {
                    let is_told = head.load(Ordering::Acquire) == 1;
                    (is_told, words.slot().look(7))
                })
            };
            words.slot().change(said(2, 20));
            head.store(1, Ordering::Release);
            let (is_told, look) = read.join().unwrap();
            assert!(!is_told || look == Look::Found(said(2, 20)), "{look:?}");
        });
    }
}
