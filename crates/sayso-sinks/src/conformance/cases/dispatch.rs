//! Under the real loop over a real ledger: a long outage, and a program that ends at any moment.

use std::time::Duration;

use sayso_ledger::limits::RETRY_MAX_MS;

use crate::conformance::{
    bench::{Bench, Verdict, must},
    ledger::Told,
};

/// How many people speak while the system is away.
const PEOPLE: u64 = 30;
/// How long it may take until the ledger has tried again: twice its longest wait between two tries.
const RETRY: Duration = Duration::from_millis(RETRY_MAX_MS * 2);

/// A system that was away for long is told the newest state of everybody, and of nothing twice
/// that does not matter any more.
pub(in crate::conformance) async fn long_outage(bench: &Bench<'_>) -> Verdict {
    let told = Told::new(PEOPLE).await;
    bench.rig.hands().break_off().await?;
    let running = told.run(bench.rig.open());
    let mut failing = false;
    for round in 0..4 {
        told.everybody_says(round % 2 == 0).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        failing |= told.standing().failing_since.is_some();
    }
    let delivered = told.standing().delivered;
    bench.rig.hands().mend().await;
    let held = bench.holds_within(&told.expected(), RETRY).await;
    let after = told.standing();
    running.stop().await;
    must(failing, "the board says nothing of a system that is away")?;
    must(delivered == 0, format!("{delivered} messages were delivered to nobody"))?;
    held?;
    // One for each person and those that were on their way when the last word was said.
    let most = PEOPLE * 3;
    let found = after.delivered;
    must(found <= most, format!("{found} messages where {most} would do"))?;
    must(after.failing_since.is_none(), "the board says that it is still away")
}

/// Ended at any moment and started again, it tells everybody the newest.
pub(in crate::conformance) async fn killed(bench: &Bench<'_>) -> Verdict {
    let told = Told::new(PEOPLE).await;
    for round in 0..6_u64 {
        let running = told.run(bench.rig.open());
        told.everybody_says(round % 2 == 0).await;
        tokio::time::sleep(Duration::from_millis(round * 7)).await;
        running.kill().await;
    }
    let running = told.run(bench.rig.open());
    let held = bench.holds_within(&told.expected(), RETRY).await;
    running.stop().await;
    held
}

/// Somebody who is erased leaves the system.
pub(in crate::conformance) async fn erased(bench: &Bench<'_>) -> Verdict {
    let told = Told::new(3).await;
    let running = told.run(bench.rig.open());
    told.everybody_says(true).await;
    let before = bench.holds_within(&told.expected(), RETRY).await;
    told.erase(1).await;
    let after = bench.holds_within(&told.expected(), RETRY).await;
    running.stop().await;
    before.and(after)
}
