//! A whole file: one thread reads, several sift, one writes, and no more is in memory than they
//! hold in their hands.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use arrow_array::RecordBatch;

use crate::{answers::Answers, fault::Fault, report::Tally, sieve::Sieve};

/// How many batches wait before and behind each thread that sifts. More would cost memory and gain
/// nothing: the slowest of the three steps sets the pace.
const WAITING_MAX: usize = 2;

/// A batch on its way in.
type Raw = Result<RecordBatch, Fault>;
/// A batch on its way out.
type Sifted = Result<(RecordBatch, Tally), Fault>;

/// Sifts batches on `threads` threads and hands them on in their order.
///
/// # Errors
/// A batch cannot be read, sifted or written. What was written until then is not whole.
pub fn run<A: Answers>(
    sieve: &Sieve<A>,
    batches: impl Iterator<Item = Raw> + Send,
    threads: usize,
    mut write: impl FnMut(&RecordBatch, &Tally) -> Result<(), Fault>,
) -> Result<Tally, Fault> {
    let mut total = Tally::new(sieve.layout.data.len());
    thread::scope(|scope| {
        let (mut inward, mut outward) = (Vec::new(), Vec::new());
        for _ in 0..threads.max(1) {
            let (give, take) = sync_channel::<Raw>(WAITING_MAX);
            let (pass, receive) = sync_channel::<Sifted>(WAITING_MAX);
            inward.push(give);
            outward.push(receive);
            scope.spawn(move || sift(sieve, &take, &pass));
        }
        scope.spawn(move || deal(batches, &inward));
        // Batches are dealt out in turn, so that taking them back in turn keeps their order.
        for receive in outward.iter().cycle() {
            let Ok(sifted) = receive.recv() else { break };
            let (batch, tally) = sifted?;
            write(&batch, &tally)?;
            total.add(&tally);
        }
        Ok(total)
    })
}

fn deal(batches: impl Iterator<Item = Raw>, inward: &[SyncSender<Raw>]) {
    for (batch, give) in batches.zip(inward.iter().cycle()) {
        let is_last = batch.is_err();
        if give.send(batch).is_err() || is_last {
            return;
        }
    }
}

fn sift<A: Answers>(sieve: &Sieve<A>, take: &Receiver<Raw>, pass: &SyncSender<Sifted>) {
    while let Ok(batch) = take.recv() {
        let sifted = batch.and_then(|batch| sieve.sift(&batch));
        if pass.send(sifted).is_err() {
            return;
        }
    }
}
