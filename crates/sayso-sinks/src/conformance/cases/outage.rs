//! A system that is away, or does not answer: try again, and nothing is lost.

use std::sync::Arc;

use sayso_ledger::sink::{Message, Sink};

use crate::conformance::bench::{Bench, Verdict, is_again, must};

/// While it is away every answer is *try again*; when it is back, everything is taken.
pub(in crate::conformance) async fn down(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(3);
    let told: Vec<_> = people.iter().map(|person| person.told(5, true)).collect();
    bench.rig.hands().break_off().await?;
    // A sink may be opened while its system is away: the server starts in any case.
    let sink = bench.rig.open();
    let away = refuses_nothing(bench, &sink, &told).await;
    bench.rig.hands().mend().await;
    away?;
    bench.take_in_time(&sink, &told).await?;
    bench.holds(&told).await
}

/// A connection that broke is made again by the next delivery.
pub(in crate::conformance) async fn reconnect(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(3);
    let sink = bench.rig.open();
    let before: Vec<_> = people.iter().map(|person| person.told(1, true)).collect();
    let taken = bench.take(&sink, &before).await;
    bench.rig.hands().break_off().await?;
    let newer: Vec<_> = people.iter().map(|person| person.told(2, false)).collect();
    let away = refuses_nothing(bench, &sink, &newer).await;
    bench.rig.hands().mend().await;
    taken?;
    away?;
    bench.take_in_time(&sink, &newer).await?;
    bench.holds(&newer).await
}

/// A system that never answers holds nobody up for longer than its time-out.
pub(in crate::conformance) async fn slow(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(2);
    let sink = bench.rig.open();
    let before: Vec<_> = people.iter().map(|person| person.told(1, true)).collect();
    let taken = bench.take(&sink, &before).await;
    bench.rig.hands().stall().await?;
    let newer: Vec<_> = people.iter().map(|person| person.told(2, false)).collect();
    let stalled = refuses_nothing(bench, &sink, &newer).await;
    let fresh = bench.rig.open();
    let stalled_fresh = refuses_nothing(bench, &fresh, &newer).await;
    let checked = tokio::time::timeout(bench.rig.patience(), fresh.check()).await;
    bench.rig.hands().wake().await;
    taken?;
    stalled?;
    stalled_fresh?;
    let checked = checked.map_err(|_| "no end of a check of a system that does not answer")?;
    must(checked.is_err(), "a system that does not answer was found in order")?;
    bench.take_in_time(&sink, &newer).await?;
    bench.holds(&newer).await
}

async fn refuses_nothing(bench: &Bench<'_>, sink: &Arc<dyn Sink>, told: &[Message]) -> Verdict {
    for batch in told.chunks(sink.pace().batch_max.max(1)) {
        for outcome in bench.deliver(sink, batch).await? {
            must(is_again(&outcome), format!("with nobody there, a message ended as {outcome:?}"))?;
        }
    }
    Ok(())
}
