//! Whose data may be used, among very many people: how many, and who. Beside the least that memory
//! allows, a look at every slot in order, and beside data tools that join two tables in memory.

use std::{
    cell::RefCell,
    hint::black_box,
    io::Write,
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sayso_consent::SubjectId;
use sayso_decision::{Engine, Prepared, Snapshot, Whom};

use crate::{
    Settings,
    crowd::{self, AT, Asked, mix, number_of, subject},
    decide::words,
    peers::{Found, TOOLS, Tables, Tool},
    report::{Row, Section},
    rounds::{Contender, Sample, interleave, spin},
};

/// The activity that is asked about: a consent over a channel.
const ACTIVITY: u64 = 1;
/// How often people are counted in a turn.
const COUNTS: usize = 20;
/// Among more people than this the tools do not join: their tables would need too much memory.
const PEERS_PEOPLE_MAX: u64 = 10_000_000;

/// A question to everybody.
struct Audience<'a> {
    engine: &'a Engine,
    asked: Prepared,
    people: u64,
    /// How many are allowed. Whoever finds another number has no figure.
    allowed: u64,
}

impl<'a> Audience<'a> {
    fn new(engine: &'a Engine, people: u64) -> Result<Self> {
        let question = Asked::about(ACTIVITY);
        let asked = engine.prepare(&question.question()).context("the question is not prepared")?;
        let mut audience = Self { engine, asked, people, allowed: 0 };
        audience.allowed = audience.count()?;
        let is_some = 0 < audience.allowed && audience.allowed < people;
        ensure!(is_some, "every answer is the same: {} of {people}", audience.allowed);
        Ok(audience)
    }

    /// What the rule says of somebody of whom a slot cannot say. The crowd keeps no states: they
    /// are made again from the number, as a store would fetch them.
    fn by_rule(&self, subject: SubjectId) -> bool {
        let told = || {
            let alone = Engine::default();
            alone.bring_into_force(&crowd::catalog().ok()?);
            alone.put(subject, None, Some(&crowd::person(number_of(subject)).ok()?), AT);
            let question = Asked::about(ACTIVITY);
            alone.allows(alone.prepare(&question.question())?, subject, AT)
        };
        told().unwrap_or(false)
    }

    fn count(&self) -> Result<u64> {
        let count = self.engine.reach(self.asked, AT, |subject| self.by_rule(subject));
        count.context("a count needs the rule")
    }

    fn whom(&self) -> Result<Whom> {
        self.engine.whom(self.asked, AT).context("a list needs the rule")
    }

    fn part(&self, whom: &Whom, part: usize, found: &mut Vec<SubjectId>) {
        self.engine.reached(whom, part, AT, |subject| self.by_rule(subject), found);
    }

    /// All of them.
    fn list(&self) -> Result<Vec<SubjectId>> {
        let (whom, mut found) = (self.whom()?, Vec::new());
        (0..Snapshot::PARTS).for_each(|part| self.part(&whom, part, &mut found));
        Ok(found)
    }

    /// Lists them a part at a time, as whoever writes them into a file would; each thread takes the
    /// next part that nobody has taken. How many there are.
    fn list_by_parts(&self, threads: usize) -> Result<u64> {
        let whom = self.whom()?;
        let next = AtomicUsize::new(0);
        let some = || {
            let (mut count, mut found) = (0, Vec::new());
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= Snapshot::PARTS {
                    return count;
                }
                found.clear();
                self.part(&whom, part, &mut found);
                count += black_box(&found).len() as u64;
            }
        };
        if threads == 1 {
            return Ok(some());
        }
        thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
            let counts = all.into_iter().map(|thread| thread.join().ok());
            counts.sum::<Option<u64>>().context("a thread has failed")
        })
    }

    /// Has them found until a turn is over. What is counted is everybody, as many as are looked at.
    fn spent(&self, turn: Duration, mut find: impl FnMut() -> Result<Found>) -> Result<Sample> {
        let (begun, mut sample) = (Instant::now(), Sample::default());
        while begun.elapsed() < turn {
            let Found { people, seconds } = find()?;
            ensure!(people == self.allowed, "{people} people were found, not {}", self.allowed);
            sample.seconds += seconds;
            sample.count += self.people;
        }
        Ok(sample)
    }

    fn counted(&self) -> Contender<'_> {
        Box::new(|| {
            let mut sample = Sample::default();
            for _ in 0..COUNTS {
                let begun = Instant::now();
                black_box(self.count()?);
                let passed = begun.elapsed();
                sample.latencies.push(u64::try_from(passed.as_nanos())?);
                sample.seconds += passed.as_secs_f64();
                sample.count += 1;
            }
            Ok(sample)
        })
    }

    fn listed(&self, turn: Duration, threads: usize) -> Contender<'_> {
        Box::new(move || {
            self.spent(turn, || {
                let begun = Instant::now();
                let people = self.list_by_parts(threads)?;
                Ok(Found { people, seconds: begun.elapsed().as_secs_f64() })
            })
        })
    }

    fn joined<'b>(
        &'b self,
        turn: Duration,
        tables: &'b RefCell<Tables>,
        tool: &'b Tool,
    ) -> Contender<'b> {
        Box::new(move || self.spent(turn, || tables.borrow_mut().join(tool)))
    }

    /// The same people and answers as two tables.
    fn tables(&self, settings: &Settings) -> Result<Tables> {
        // Half of an id is enough to tell people apart, and is what the tools are fastest with.
        let half = |subject: SubjectId| (subject.0 >> 64) as u64;
        let everybody = (0..self.people).map(|number| half(subject(number)));
        let mut allowed: Vec<u64> = self.list()?.into_iter().map(half).collect();
        // In an order that says nothing about the other table's.
        allowed.sort_unstable_by_key(|id| mix(*id));
        Tables::new(everybody.collect(), allowed, &settings.dir)
    }
}

/// Reads as much memory as there are slots, in order.
fn streamed(turn: Duration, table: &[[u64; 2]], people: u64) -> Contender<'_> {
    Box::new(move || {
        Ok(spin(turn, || {
            let sum = black_box(table).iter();
            black_box(sum.fold(0u64, |sum, [one, other]| sum.wrapping_add(one ^ other)));
            people
        }))
    })
}

/// One size, and whether the data tools were measured with it.
fn measure_size(people: u64, settings: &Settings, rows: &mut Vec<Row>) -> Result<bool> {
    let engine = crowd::engine(people)?;
    let audience = Audience::new(&engine, people)?;
    let (needed, _) = engine.bytes();
    let table: Vec<[u64; 2]> = (0..needed as u64 / 16).map(|at| [mix(at), mix(at ^ 1)]).collect();
    let turn = settings.turn();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut tables = None;
    if settings.has_peers && people <= PEERS_PEOPLE_MAX {
        match audience.tables(settings) {
            Ok(all) => tables = Some(RefCell::new(all)),
            Err(error) => {
                writeln!(std::io::stderr(), "Polars and DuckDB are left out: {error:#}")?;
            }
        }
    }
    let mut contenders = vec![
        audience.counted(),
        streamed(turn, &table, people),
        audience.listed(turn, 1),
        audience.listed(turn, cores),
    ];
    if let Some(tables) = &tables {
        contenders.extend(TOOLS.iter().map(|tool| audience.joined(turn, tables, tool)));
    }
    let all = interleave(settings.rounds(), &mut contenders)?;
    let [count, floor, one, many, peers @ ..] = &all[..] else {
        anyhow::bail!("a contender has no figures");
    };
    let size = words(people);
    let share = 100 * audience.allowed / people;
    rows.extend([
        Row::waited(format!("how many of {size}"), count).aside(),
        Row::new(format!("which of {size} ({share} %), one thread"), one)
            .beside(1.0 / one.speed_of(floor), "the time of the floor"),
        Row::new(format!("floor: the slots of {size} read in order, one thread"), floor),
        Row::new(format!("which of {size}, all cores"), many),
    ]);
    rows.extend(TOOLS.iter().zip(peers).map(|(Tool { name, .. }, own)| {
        Row::new(format!("peer: {name} joins two tables of {size}, all cores"), own)
            .beside(many.speed_of(own), "slower than all cores")
    }));
    Ok(tables.is_some())
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let (mut rows, mut has_peers) = (Vec::new(), false);
    for people in settings.crowds() {
        has_peers |= measure_size(people, settings, &mut rows)?;
    }
    if !has_peers {
        rows.push(Row::note(
            "peers: left out; `--peers` installs Polars and DuckDB, up to 10 M people",
        ));
    }
    Ok(Section { name: "audience", title: "Whose data may be used", unit: "people", rows })
}
