//! The same done to many things, on all cores.

use std::{num::NonZero, panic::resume_unwind, sync::LazyLock, thread};

/// Fewer things than this a thread are done sooner than the thread is there.
const SHARE_MIN: usize = 16;

/// Asked once: the answer is read from files.
static CORES: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// What `work` makes of each thing, in their order.
pub(crate) fn each<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = (things.len() / SHARE_MIN).clamp(1, *CORES);
    let share = things.len().div_ceil(threads).max(1);
    let (own, others) = things.split_at(share.min(things.len()));
    let one_share = &|share: &[T]| share.iter().map(&work).collect::<Vec<R>>();
    thread::scope(|scope| {
        let others: Vec<_> =
            others.chunks(share).map(|share| scope.spawn(move || one_share(share))).collect();
        let mut done = one_share(own);
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_number_each_is_done_once_and_in_order() {
        for count in [0, 1, 15, 16, 17, 31, 32, 33, 64, 1_000] {
            let things: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = things.iter().map(|thing| thing * 2).collect();
            assert_eq!(each(&things, |thing| thing * 2), doubled, "{count}");
        }
    }
}
