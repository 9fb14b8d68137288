//! The newest message counts, however often and in whatever order they come.

use crate::conformance::bench::{Bench, Verdict, must};

/// A person's messages, told one after the other, end with the newest.
pub(in crate::conformance) async fn in_order(bench: &Bench<'_>) -> Verdict {
    let people = bench.people(3);
    let sink = bench.rig.open();
    for position in 1..=5 {
        let allow = position % 2 == 0;
        let told: Vec<_> = people.iter().map(|person| person.told(position, allow)).collect();
        bench.take(&sink, &told).await?;
        bench.holds(&told).await?;
    }
    Ok(())
}

/// A message that comes twice changes nothing the second time.
pub(in crate::conformance) async fn redelivery(bench: &Bench<'_>) -> Verdict {
    let told = [bench.person().told(7, true)];
    let sink = bench.rig.open();
    bench.take(&sink, &told).await?;
    bench.take(&sink, &told).await?;
    bench.take(&bench.rig.open(), &told).await?;
    bench.holds(&told).await
}

/// An older message after a newer one is taken and changes nothing.
pub(in crate::conformance) async fn older_after_newer(bench: &Bench<'_>) -> Verdict {
    let person = bench.person();
    let (older, newer) = (person.told(3, true), person.told(9, false));
    let sink = bench.rig.open();
    bench.take(&sink, std::slice::from_ref(&newer)).await?;
    bench.take(&sink, std::slice::from_ref(&older)).await?;
    bench.holds([&newer]).await
}

/// Of two messages through one entry the one that was composed later counts.
pub(in crate::conformance) async fn one_entry_twice(bench: &Bench<'_>) -> Verdict {
    let person = bench.person();
    let (first, second) = (person.told(4, true), person.told_later(4, false));
    let sink = bench.rig.open();
    for told in [&first, &second] {
        bench.take(&sink, std::slice::from_ref(told)).await?;
    }
    bench.holds([&second]).await?;
    bench.take(&sink, std::slice::from_ref(&first)).await?;
    bench.holds([&second]).await
}

/// A new catalog tells everybody through one entry, by messages of one name: nobody is left out.
pub(in crate::conformance) async fn many_through_one_entry(bench: &Bench<'_>) -> Verdict {
    let told: Vec<_> = bench.people(5).iter().map(|person| person.told(12, true)).collect();
    bench.take(&bench.rig.open(), &told).await?;
    bench.holds(&told).await
}

/// Who leaves is gone, also for what comes late, and can come back.
pub(in crate::conformance) async fn leaving(bench: &Bench<'_>) -> Verdict {
    let [ana, ben] = [bench.person(), bench.person()];
    let sink = bench.rig.open();
    let stays = ben.told(2, true);
    bench.take(&sink, &[ana.told(2, true), stays.clone()]).await?;
    let gone = ana.leaving(6);
    bench.take(&sink, std::slice::from_ref(&gone)).await?;
    bench.holds([&gone, &stays]).await?;
    bench.take(&sink, &[ana.told(3, true)]).await?;
    bench.holds([&gone, &stays]).await?;
    let back = ana.told(8, true);
    bench.take(&sink, std::slice::from_ref(&back)).await?;
    bench.holds([&back, &stays]).await
}

/// A name that is somebody's no longer goes; they stay.
pub(in crate::conformance) async fn parting(bench: &Bench<'_>) -> Verdict {
    let person = bench.person();
    let sink = bench.rig.open();
    let (told, parted) = (person.told(4, false), person.parting(&bench.secrets, 5));
    for message in [&told, &parted] {
        bench.take(&sink, std::slice::from_ref(message)).await?;
    }
    bench.holds([&told, &parted]).await
}

/// No message, no answer, no harm.
pub(in crate::conformance) async fn nothing(bench: &Bench<'_>) -> Verdict {
    let sink = bench.rig.open();
    let pace = sink.pace();
    must(pace.batch_max > 0 && pace.at_once > 0, "a pace of nothing is no pace")?;
    bench.deliver(&sink, &[]).await.map(drop)
}
