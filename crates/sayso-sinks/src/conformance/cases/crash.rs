//! A program that ends in the middle of a delivery, at whatever step, and starts again.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use sayso_ledger::sink::Message;

use crate::conformance::{
    bench::{Bench, Verdict, is_taken},
    people::Person,
};

/// The furthest that a delivery is followed step by step.
const STEPS_MAX: usize = 24;

pub(in crate::conformance) async fn crash(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(3);
    for step in 1..=STEPS_MAX {
        let sink = bench.rig.open();
        let told = everybody(&people, step as u64 * 2);
        let first = &told[..told.len().min(sink.pace().batch_max)];
        let ended = cut_off(sink.deliver(first.into()), step).await;
        drop(sink);
        // What it said yes to is there although nobody goes on.
        let taken = ended.iter().flatten().zip(first).filter(|(outcome, _)| is_taken(outcome));
        bench.holds(taken.map(|(_, message)| message)).await?;
        let newer = everybody(&people, step as u64 * 2 + 1);
        bench.take_in_time(&bench.rig.open(), &newer).await?;
        bench.holds(&newer).await?;
        if ended.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

fn everybody(people: &[Person], position: u64) -> Vec<Message> {
    people.iter().map(|person| person.told(position, position.is_multiple_of(3))).collect()
}

/// Lets a future take so many steps, and drops it if it has not come to its end by then.
async fn cut_off<T>(future: impl Future<Output = T>, steps: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = steps;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
