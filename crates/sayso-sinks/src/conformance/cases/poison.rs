//! A message that the system will never take: refused, and nobody else has to suffer for it.

use sayso_ledger::sink::Outcome;

use crate::conformance::bench::{Bench, Verdict, is_taken, must};

pub(in crate::conformance) async fn poison(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(5);
    let mut told: Vec<_> = people.iter().map(|person| person.told(3, true)).collect();
    // Not in the middle: a list the wrong way round must not look right.
    told[1] = bench.rig.poison(people[1].told(3, true))?;
    let sink = bench.rig.open();
    let mut outcomes = Vec::new();
    for batch in told.chunks(sink.pace().batch_max.max(1)) {
        outcomes.extend(bench.deliver(&sink, batch).await?);
    }
    for (at, outcome) in outcomes.iter().enumerate() {
        match at {
            1 => must(
                matches!(outcome, Outcome::Refused { .. }),
                format!("what the system will never take ended as {outcome:?}"),
            )?,
            _ => must(
                is_taken(outcome),
                format!("beside a message that is refused, a good one ended as {outcome:?}"),
            )?,
        }
    }
    let good: Vec<_> = [0, 2, 3, 4].iter().map(|at| &told[*at]).collect();
    bench.holds(good).await?;
    // The person is not lost: the next message about them is a good one.
    let next = people[1].told(4, false);
    bench.take(&sink, std::slice::from_ref(&next)).await?;
    bench.holds([&next]).await
}
