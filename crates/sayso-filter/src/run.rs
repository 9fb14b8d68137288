//! A whole file: one thread reads, several sift and write down, each a block of rows of its own, and
//! one puts the blocks into the file in order. No more is in memory than they hold in their hands.

use std::{
    io::Write,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use arrow_array::RecordBatch;

use crate::{
    answers::Answers,
    fault::Fault,
    file::{BLOCK_BATCHES, Press, Pressed, Target},
    report::Tally,
    sieve::Sieve,
};

/// How many batches wait before each thread that sifts: a block of them, so that whoever reads can
/// go on to the next thread while this one works its block off.
const WAITING_MAX: usize = BLOCK_BATCHES;
/// How many blocks wait to be written behind each thread that sifts. More would cost memory and gain
/// nothing: the slowest of the steps sets the pace.
const DONE_MAX: usize = 1;

/// A batch on its way in.
type Raw = Result<RecordBatch, Fault>;
/// A block on its way out; without one, if nothing is to be written.
type Sifted = Result<(Option<Pressed>, Tally), Fault>;

/// Sifts batches on `threads` threads and writes what may be used in their order, if there is a
/// table to write it into. `told` hears of each block that is through.
///
/// # Errors
/// A batch cannot be read, sifted or written. What was written until then is not whole.
pub fn run<A: Answers, W: Write + Send>(
    sieve: &Sieve<A>,
    batches: impl Iterator<Item = Raw> + Send,
    threads: usize,
    mut into: Option<&mut Target<W>>,
    mut told: impl FnMut(&Tally),
) -> Result<Tally, Fault> {
    let mut total = Tally::new(sieve.layout.data.len());
    thread::scope(|scope| {
        let (mut inward, mut outward) = (Vec::new(), Vec::new());
        for _ in 0..threads.max(1) {
            let (give, take) = sync_channel::<Raw>(WAITING_MAX);
            let (pass, receive) = sync_channel::<Sifted>(DONE_MAX);
            inward.push(give);
            outward.push(receive);
            let press = into.as_ref().map(|into| into.press());
            scope.spawn(move || sift(sieve, press.as_ref(), &take, &pass));
        }
        scope.spawn(move || deal(batches, &inward));
        // Blocks are dealt out in turn, so that taking them back in turn keeps their order.
        for receive in outward.iter().cycle() {
            let Ok(sifted) = receive.recv() else { break };
            let (pressed, tally) = sifted?;
            if let (Some(into), Some(pressed)) = (&mut into, pressed) {
                into.add(pressed)?;
            }
            told(&tally);
            total.add(&tally);
        }
        Ok(total)
    })
}

/// Gives each thread a block of batches in turn.
fn deal(batches: impl Iterator<Item = Raw>, inward: &[SyncSender<Raw>]) {
    let turns = inward.iter().cycle().flat_map(|give| std::iter::repeat_n(give, BLOCK_BATCHES));
    for (batch, give) in batches.zip(turns) {
        let is_last = batch.is_err();
        if give.send(batch).is_err() || is_last {
            return;
        }
    }
}

fn sift<A: Answers>(
    sieve: &Sieve<A>,
    press: Option<&Press>,
    take: &Receiver<Raw>,
    pass: &SyncSender<Sifted>,
) {
    while let Ok(first) = take.recv() {
        let block = std::iter::once(first).chain(take.iter().take(BLOCK_BATCHES - 1));
        if pass.send(sift_block(sieve, press, block)).is_err() {
            return;
        }
    }
}

fn sift_block<A: Answers>(
    sieve: &Sieve<A>,
    press: Option<&Press>,
    batches: impl Iterator<Item = Raw>,
) -> Sifted {
    let mut total = Tally::new(sieve.layout.data.len());
    let mut block = press.map(Press::begin).transpose()?;
    for batch in batches {
        let (batch, tally) = sieve.sift(&batch?)?;
        if let Some(block) = &mut block {
            block.write(&batch)?;
        }
        total.add(&tally);
    }
    Ok((block.map(|block| block.finish()).transpose()?, total))
}
