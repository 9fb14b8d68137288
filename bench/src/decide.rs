//! One decision among very many people, beside the least that memory allows: a read of a table of
//! the same size at a place that depends on the read before. And beside what people would write
//! otherwise, a hash map with a row for each person, purpose and kind of data.

use std::{collections::HashMap, hash::BuildHasherDefault, hint::black_box, time::Instant};

use anyhow::{Context, Result, ensure};
use sayso_consent::SubjectId;
use sayso_decision::{Engine, Prepared};
use siphasher::sip::SipHasher13;

use crate::{
    Settings,
    crowd::{self, AT, Asked, mix, subject},
    peers::Told,
    report::{Row, Section},
    rounds::{Contender, Measured, Sample, interleave, spin},
};

/// How many decisions between two looks at the clock.
const BLOCK: usize = 4_096;
/// How many people are lined up: their slots are many times what the processor's cache holds.
const LINED_UP: usize = 1 << 20;
/// How many are asked at once.
const TOGETHER: usize = 16;
/// The activity that is asked about: a consent over a channel.
const ACTIVITY: u64 = 1;
/// More rows than this the map does not get: it would need more memory than there is.
const MAP_PEOPLE_MAX: u64 = 10_000_000;

/// A place in a table of `len`, from a random number.
fn place(random: u64, len: u64) -> u64 {
    ((u128::from(random) * u128::from(len)) >> 64) as u64
}

/// Does a step over and over, each with the number that the step before has left (1 at first), so that
/// none can begin before the last has ended. `each` is how many decisions a step is.
fn chain<'a>(
    settings: &Settings,
    block: usize,
    each: usize,
    mut step: impl FnMut(u64) -> u64 + 'a,
) -> Contender<'a> {
    let (turn, mut random) = (settings.turn(), 1);
    Box::new(move || {
        Ok(spin(turn, || {
            for _ in 0..block / each {
                random = step(random);
            }
            black_box(random);
            block as u64
        }))
    })
}

/// People in no order, as questions about them come in: their ids are there before the clock starts.
fn lined_up(people: u64) -> Vec<SubjectId> {
    (0..LINED_UP as u64).map(|turn| subject(place(mix(turn), people))).collect()
}

fn one_by_one<'a>(
    engine: &'a Engine,
    asked: Prepared,
    whom: &'a [SubjectId],
    settings: &Settings,
) -> Contender<'a> {
    let mut next = 0;
    chain(settings, BLOCK, 1, move |before| {
        next = (next + 2) % LINED_UP;
        let answer = engine.allows(asked, whom[next + before as usize], AT);
        u64::from(answer == Some(true))
    })
}

fn together<'a>(
    engine: &'a Engine,
    asked: Prepared,
    whom: &'a [SubjectId],
    settings: &Settings,
) -> Contender<'a> {
    let mut next = 0;
    chain(settings, BLOCK, TOGETHER, move |before| {
        next = (next + 2 * TOGETHER) % LINED_UP;
        let mut allowed = 0;
        let some = &whom[next + before as usize..][..TOGETHER];
        engine.allows_each(asked, some, AT, |_, answer| allowed ^= u64::from(answer == Some(true)));
        allowed
    })
}

/// A table as large as the engine's, and nothing to it.
fn floor_one<'a>(table: &'a [[u64; 2]], settings: &Settings) -> Contender<'a> {
    chain(settings, BLOCK, 1, move |random| {
        let [one, other] = table[place(random, table.len() as u64) as usize];
        mix(random ^ (one & other & 1))
    })
}

fn floor_together<'a>(table: &'a [[u64; 2]], settings: &Settings) -> Contender<'a> {
    chain(settings, BLOCK, TOGETHER, move |mut random| {
        let some: [usize; TOGETHER] = std::array::from_fn(|_| {
            random = mix(random);
            place(random, table.len() as u64) as usize
        });
        random ^ some.iter().map(|at| table[*at][0] & table[*at][1] & 1).sum::<u64>()
    })
}

/// Another program, asked about people in no order as well.
fn elsewhere<'a>(told: &'a mut Told, settings: &Settings) -> Contender<'a> {
    let people = told.people;
    let (turn, mut random) = (settings.turn(), 1);
    Box::new(move || {
        let mut failed = None;
        let sample = spin(turn, || {
            match told.peer.allows(place(random, people)) {
                Ok(answer) => random = mix(random ^ u64::from(answer)),
                Err(error) => failed = Some(error),
            }
            1
        });
        failed.map_or(Ok(sample), Err)
    })
}

type Hasher = BuildHasherDefault<SipHasher13>;

/// What people would write otherwise: a row for each person, purpose and kind of data that was
/// spoken of, and a walk up both trees from what is asked.
struct Map(HashMap<(u64, u8, u8), bool, Hasher>);

impl Map {
    fn of(people: u64) -> Result<Self> {
        let mut map = HashMap::default();
        for number in 0..people {
            for (purpose, data, is_grant) in crowd::rows(number)? {
                map.insert((number, purpose, data), is_grant);
            }
        }
        Ok(Self(map))
    }

    fn allows(&self, number: u64, purposes: &[u8], data: &[u8]) -> bool {
        for purpose in purposes {
            for kind in data {
                if let Some(is_grant) = self.0.get(&(number, *purpose, *kind)) {
                    return *is_grant;
                }
            }
        }
        false
    }

    /// A row, what the table keeps beside it, and the share of it that is empty.
    fn bytes(&self) -> usize {
        self.0.capacity() * 8 / 7 * (size_of::<((u64, u8, u8), bool)>() + 1)
    }
}

fn walk<'a>(map: &'a Map, people: u64, settings: &Settings) -> Contender<'a> {
    let (purposes, data) = crowd::above(ACTIVITY);
    chain(settings, BLOCK, 1, move |random| {
        let answer = map.allows(place(random, people), &purposes, &data);
        mix(random ^ u64::from(answer))
    })
}

/// So many people.
pub(crate) fn words(people: u64) -> String {
    match people {
        people if people < 1_000_000 => format!("{} k people", people / 1_000),
        people => format!("{} M people", people / 1_000_000),
    }
}

/// One size. The other programs run beside it, each among as many people as it can hold.
fn measure_size(
    people: u64,
    settings: &Settings,
    others: &mut [Told],
    rows: &mut Vec<Row>,
) -> Result<()> {
    let begun = Instant::now();
    let engine = crowd::engine(people)?;
    let seconds = begun.elapsed().as_secs_f64();
    let asked = Asked::about(ACTIVITY);
    let prepared = engine.prepare(&asked.question()).context("the question is not prepared")?;
    let sample = (0..1_000).map(|number| engine.allows(prepared, subject(number), AT));
    let allowed = sample.filter(|answer| *answer == Some(true)).count();
    ensure!(0 < allowed && allowed < 1_000, "every answer is the same: {allowed}");
    let (needed, beside) = engine.bytes();
    let table: Vec<[u64; 2]> = (0..needed as u64 / 16).map(|at| [mix(at), mix(at ^ 1)]).collect();
    let map = if people <= MAP_PEOPLE_MAX { Some(Map::of(people)?) } else { None };
    let size = words(people);
    let each = |bytes: usize| bytes as f64 / people as f64;
    let mut names: Vec<String> = others.iter().map(Told::name).collect();
    let whom = lined_up(people);
    let mut contenders = vec![
        one_by_one(&engine, prepared, &whom, settings),
        floor_one(&table, settings),
        together(&engine, prepared, &whom, settings),
        floor_together(&table, settings),
    ];
    contenders.extend(others.iter_mut().map(|told| elsewhere(told, settings)));
    if let Some(map) = &map {
        let bytes = each(map.bytes());
        names.push(format!("peer: hash map with a walk, {size}, {bytes:.0} bytes each"));
        contenders.push(walk(map, people, settings));
    }
    let all = interleave(settings.rounds(), &mut contenders)?;
    let [one, one_floor, many, many_floor, peers @ ..] = &all[..] else {
        anyhow::bail!("a contender has no figures");
    };
    let floor = |own: &Measured, floor| 1.0 / own.speed_of(floor);
    let (beside_floor, slower) = ("the time of the floor", "slower than one decision");
    rows.extend([
        Row::new(format!("one decision, {size}"), one).beside(floor(one, one_floor), beside_floor),
        Row::new(format!("floor: a dependent random read, {size}"), one_floor),
        Row::new(format!("{TOGETHER} at a time, {size}"), many)
            .beside(floor(many, many_floor), beside_floor),
        Row::new(format!("floor: independent random reads, {size}"), many_floor),
    ]);
    let peers = names.into_iter().zip(peers);
    rows.extend(peers.map(|(name, own)| Row::new(name, own).beside(one.speed_of(own), slower)));
    let put_in = Row::new(
        format!(
            "people put in, {size}: {:.1} bytes each to decide, {:.1} more to list them",
            each(needed),
            each(beside)
        ),
        &Measured(vec![Sample { count: people, seconds, ..Sample::default() }]),
    );
    rows.push(put_in.aside());
    Ok(())
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let mut rows = Vec::new();
    // Before the crowd is there: what they take in memory is seen from outside.
    #[cfg(feature = "peers")]
    let mut others = crate::peers::told(settings)?;
    #[cfg(not(feature = "peers"))]
    let mut others = Vec::<Told>::new();
    for told in &mut others {
        told.peer.prepare(&Asked::about(ACTIVITY), told.people)?;
    }
    // Beside other programs among as many people as the largest of them holds.
    let theirs = others.iter().map(|told| told.people).max();
    for people in theirs.into_iter().chain(settings.crowds()) {
        measure_size(people, settings, &mut others, &mut rows)?;
        // A larger crowd needs their memory.
        others.clear();
    }
    Ok(Section {
        name: "decide",
        title: "Decisions among very many people",
        unit: "decisions",
        rows,
    })
}
