//! What is read back is what the system holds, and a system that let go of something is found.

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
    for message in &told {
        let range = range(&message.key);
        let found = read(mirror.people(range)).await?;
        let sum = sums.iter().find(|sum| sum.range == range).copied();
        must(sum == sum_over(range, &found), "the sums are not those of the people")?;
        let own = found.into_iter().find(|kept| kept.key == message.key);
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
    for kept in people {
        sum.people += 1;
        sum.names += kept.names;
        sum.marks = sum.marks.wrapping_add(kept.marks);
    }
    (!people.is_empty()).then_some(sum)
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
    Ok(read(mirror.people(range(key))).await?.iter().any(|kept| kept.key == key))
}

async fn sum_of(mirror: &dyn Mirror, key: &str) -> Result<Option<Sum>, String> {
    let sums = read(mirror.sums()).await?;
    Ok(sums.into_iter().find(|sum| sum.range == range(key)))
}
