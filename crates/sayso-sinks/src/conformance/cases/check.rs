//! `check()` finds what is missing, says so in a few words, and changes nothing.

use std::sync::Arc;

use sayso_ledger::sink::{Message, Sink};

use crate::conformance::bench::{Bench, Verdict, is_again, is_class, must};

/// A system in order is found so, and is as it was.
pub(in crate::conformance) async fn sound(bench: &Bench<'_>) -> Verdict {
    let sink = bench.rig.open();
    let told = [bench.person().told(1, true)];
    bench.take(&sink, &told).await?;
    bench.holds(&told).await?;
    let before = (bench.rig.held().await, bench.rig.heard().await.len());
    let found = looked(bench, &*sink).await?;
    let found = found.map_err(|trouble| format!("a sound system has trouble: {trouble}"))?;
    must(!found.is_empty(), "it says nothing of what it found")?;
    let after = (bench.rig.held().await, bench.rig.heard().await.len());
    must(before == after, "to look changed something")
}

/// Without what it needs it has trouble, tries again, makes nothing by itself, and goes on once it
/// is there.
pub(in crate::conformance) async fn missing(bench: &Bench<'_>) -> Verdict {
    let told = [bench.person().told(1, true)];
    bench.rig.dismantle().await?;
    let sink = bench.rig.open();
    let at_first = is_missed(bench, &sink, &told[0]).await;
    let after_a_delivery = is_missed(bench, &sink, &told[0]).await;
    bench.rig.assemble().await;
    at_first?;
    after_a_delivery?;
    bench.take_in_time(&sink, &told).await?;
    bench.holds(&told).await
}

async fn is_missed(bench: &Bench<'_>, sink: &Arc<dyn Sink>, told: &Message) -> Verdict {
    match looked(bench, &**sink).await? {
        Ok(_) => return Err("what it needs is not there and it is content".into()),
        Err(trouble) => must(is_class(&trouble), format!("`{trouble}` is no class"))?,
    }
    let outcome = bench.tell(sink, told).await?;
    must(is_again(&outcome), format!("somebody can repair this, and it ended as {outcome:?}"))
}

/// A system that is away is found to be.
pub(in crate::conformance) async fn away(bench: &Bench<'_>) -> Verdict {
    bench.rig.hands().break_off().await?;
    let found = looked(bench, &*bench.rig.open()).await;
    bench.rig.hands().mend().await;
    match found? {
        Ok(_) => Err("nobody is there and it is content".into()),
        Err(trouble) => must(is_class(&trouble), format!("`{trouble}` is no class")),
    }
}

async fn looked(bench: &Bench<'_>, sink: &dyn Sink) -> Verdict<Result<Vec<String>, String>> {
    let found = tokio::time::timeout(bench.rig.patience(), sink.check()).await;
    let found = found.map_err(|_| "no end of a check")?;
    Ok(found.map_err(|trouble| trouble.0))
}
