//! Credentials that are wrong can be repaired by somebody: never a refusal.

use std::sync::Arc;

use sayso_ledger::sink::{Message, Outcome, Sink};

use crate::conformance::bench::{Bench, Verdict, must};

/// The class that everybody uses.
const CREDENTIALS: &str = "credentials";

/// Credentials that are taken away and given back.
pub(in crate::conformance) async fn revoked(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(2);
    let sink = bench.rig.open();
    let before: Vec<_> = people.iter().map(|person| person.told(1, true)).collect();
    let taken = bench.take(&sink, &before).await;
    bench.rig.hands().revoke().await?;
    let newer: Vec<_> = people.iter().map(|person| person.told(2, false)).collect();
    let away = is_kept_out(bench, &sink, &newer[0]).await;
    let away_fresh = is_kept_out(bench, &bench.rig.open(), &newer[1]).await;
    bench.rig.hands().admit().await;
    taken?;
    away?;
    away_fresh?;
    bench.take_in_time(&sink, &newer).await?;
    bench.holds(&newer).await
}

/// Credentials that were never good.
pub(in crate::conformance) async fn stranger(bench: &Bench<'_>) -> Verdict {
    let told = bench.person().told(1, true);
    let stranger = bench.rig.stranger()?;
    is_kept_out(bench, &stranger, &told).await?;
    let found = tokio::time::timeout(bench.rig.patience(), stranger.check()).await;
    let found = found.map_err(|_| "no end of a check with wrong credentials")?;
    match found {
        Ok(_) => Err("wrong credentials were found in order".into()),
        Err(trouble) => must(trouble.0 == CREDENTIALS, format!("the trouble is `{trouble}`")),
    }
}

/// The first try may still meet the connection that is being cut; the second says what it is.
async fn is_kept_out(bench: &Bench<'_>, sink: &Arc<dyn Sink>, told: &Message) -> Verdict {
    let mut last = None;
    for _ in 0..5 {
        match bench.tell(sink, told).await? {
            Outcome::RetryAfter { why, .. } if why == CREDENTIALS => return Ok(()),
            Outcome::RetryAfter { why, .. } => last = Some(why),
            outcome => {
                return Err(format!("without credentials, a message ended as {outcome:?}").into());
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Err(format!("wrong credentials are called {last:?}, not `{CREDENTIALS}`").into())
}
