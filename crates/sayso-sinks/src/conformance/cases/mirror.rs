//! What is read back is what the system holds, and a system that let go of something is found.

use std::collections::BTreeSet;

use sayso_ledger::{
    deliver::range,
    sink::{Kept, Mirror, Sum},
};

use crate::conformance::{
    bench::{Bench, Verdict, must},
    rig::Cannot,
};

/// Sums and people are those that the system holds.
pub(in crate::conformance) async fn faithful(bench: &Bench<'_>) -> Verdict {
    let sink = bench.rig.open();
    let mirror = sink.mirror().ok_or(NO_MIRROR)?;
    let people = bench.people(12);
    let mut told: Vec<_> = people.iter().map(|person| person.told(1, true)).collect();
    bench.take(&sink, &told).await?;
    let gone = people[0].leaving(2);
    let newer = people[1].told(2, false);
    bench.take(&sink, &[gone.clone(), newer.clone()]).await?;
    (told[0], told[1]) = (gone, newer);
    bench.holds(&told).await?;
    let sums = read(mirror.sums()).await?;
    let ranges: BTreeSet<u16> = told.iter().map(|message| range(&message.key)).collect();
    let all = read(mirror.people(&ranges)).await?;
    for range in &ranges {
        let sum = sums.iter().find(|sum| sum.range == *range).copied();
        must(sum == sum_over(*range, &all), "the sums are not those of the people")?;
    }
    let is_wanted = |kept: &Kept| ranges.contains(&range(&kept.key));
    must(all.iter().all(is_wanted), "somebody of another range is read back")?;
    for message in &told {
        let own = all.iter().find(|kept| kept.key == message.key).cloned();
        let alone = read(mirror.person(&message.key)).await?;
        must(alone == own, format!("alone {alone:?} is read back, and among others {own:?}"))?;
        let expected = bench.rig.expects(message);
        // A system need not say through which entry it was told.
        let position = own.as_ref().and_then(|own| own.position);
        let expected = expected.map(|kept| Kept { position: position.and(kept.position), ..kept });
        must(own == expected, format!("it holds {expected:?} and {own:?} is read back"))?;
    }
    Ok(())
}

fn sum_over(range: u16, people: &[Kept]) -> Option<Sum> {
    let mut sum = Sum { range, ..Sum::default() };
    for kept in people.iter().filter(|kept| self::range(&kept.key) == range) {
        sum.people += 1;
        sum.names += kept.names;
        sum.marks = sum.marks.wrapping_add(kept.marks);
    }
    (sum.people > 0).then_some(sum)
}

/// What was told and is no longer there shows in the sums.
pub(in crate::conformance) async fn lying(bench: &Bench<'_>) -> Verdict {
    let sink = bench.rig.open();
    let mirror = sink.mirror().ok_or(NO_MIRROR)?;
    let people = bench.people(3);
    let told: Vec<_> = people.iter().map(|person| person.told(1, true)).collect();
    let taken = bench.take(&sink, &told).await;
    let before = sum_of(mirror, &told[1].key).await;
    bench.rig.lose(&told[1].key).await?;
    taken?;
    let after = sum_of(mirror, &told[1].key).await?;
    must(before? != after, "the system let go of somebody and the sums are what they were")?;
    must(!is_read_back(mirror, &told[1].key).await?, "who is not held is read back")?;
    // Told again, as the ledger does once it has seen that, they are held again.
    bench.take(&sink, &[people[1].told_later(1, true)]).await?;
    must(is_read_back(mirror, &told[1].key).await?, "who was told again is not read back")
}

const NO_MIRROR: Cannot = Cannot("the system cannot be read back");

async fn read<T>(
    answer: impl Future<Output = Result<T, sayso_ledger::sink::Trouble>>,
) -> Result<T, String> {
    answer.await.map_err(|trouble| format!("it cannot be read back: {trouble}"))
}

async fn is_read_back(mirror: &dyn Mirror, key: &str) -> Result<bool, String> {
    Ok(read(mirror.person(key)).await?.is_some())
}

async fn sum_of(mirror: &dyn Mirror, key: &str) -> Result<Option<Sum>, String> {
    let sums = read(mirror.sums()).await?;
    Ok(sums.into_iter().find(|sum| sum.range == range(key)))
}
