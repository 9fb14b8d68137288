//! A recipient that is connected for the first time is told about everybody.

use futures_util::{StreamExt, stream};

use crate::conformance::bench::{Bench, Verdict};

pub(in crate::conformance) async fn backfill(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(bench.rig.backfill());
    let told: Vec<_> =
        people.iter().enumerate().map(|(at, person)| person.told(1, at % 3 == 0)).collect();
    let sink = bench.rig.open();
    let pace = sink.pace();
    let mut batches = Vec::new();
    for batch in told.chunks(pace.batch_max) {
        batches.push(bench.take(&sink, batch));
    }
    let verdicts: Vec<Verdict> =
        stream::iter(batches).buffer_unordered(pace.at_once.min(8)).collect().await;
    verdicts.into_iter().collect::<Verdict>()?;
    bench.holds(&told).await
}
