//! What a decision must not depend on: how much was said before, and whether something is said just
//! now. A person with a million choices behind them, and a writer that never rests.

use std::{
    cell::RefCell,
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sayso_consent::{
    Choice, Command, Entry, Event, Position, Request, Scope, SubjectId,
    choice::{Authority, Effect},
    event::VERSION,
};
use sayso_decision::Snapshot;
use sayso_ledger::Clock;

use crate::{
    Settings,
    crowd::{self, AT, Asked, mix, subject},
    report::{Row, Section, grouped},
    rounds::{Contender, Measured, Sample, interleave},
    serve,
    world::{self, World},
};

/// How many decisions for one that is timed: looking at the clock costs as much as a decision.
const BLOCK: usize = 16;
/// How many threads decide.
const THREADS: usize = 2;
/// How many choices go into the ledger at a time.
const TOGETHER: u64 = 1_000;
/// The activity that is asked about: a consent over a channel.
const ACTIVITY: u64 = 1;

/// Decides until a turn is over, and times one of each block.
fn decide(snapshot: &Snapshot, turn: Duration, mut next: impl FnMut(bool) -> Request) -> Sample {
    let begun = Instant::now();
    let (mut count, mut latencies, mut answer) = (0, Vec::new(), false);
    while begun.elapsed() < turn {
        let asked: [Request; BLOCK] = std::array::from_fn(|_| next(answer));
        let (first, rest) = (&asked[0], &asked[1..]);
        let sent = Instant::now();
        answer = snapshot.decide(black_box(first), AT).allow();
        latencies.push(sent.elapsed().as_nanos() as u64);
        for request in rest {
            answer ^= snapshot.decide(black_box(request), AT).allow();
        }
        count += BLOCK as u64;
    }
    Sample { count, seconds: begun.elapsed().as_secs_f64(), latencies, cpu: None }
}

/// Somebody of the sample company who has changed their mind so often.
async fn wavered(world: &World, subject: SubjectId, times: u64) -> Result<()> {
    let scope = Scope {
        purpose: Some("marketing.offers".parse()?),
        channel: Some("email".parse()?),
        ..Scope::default()
    };
    let command = |number: u64| {
        // The last one is a yes.
        let is_grant = (times - number) % 2 == 1;
        let effect = if is_grant { Effect::Grant } else { Effect::Denial };
        let choices = vec![Choice::of_person(effect, scope.clone())];
        Command::Choose { subject, choices, authority: Authority::Strong }
    };
    for begin in (0..times).step_by(TOGETHER as usize) {
        let batch = (begin..times.min(begin + TOGETHER)).map(command).collect();
        let outcomes = world.app.ledger.submit(batch, "bench", None).await?;
        let is_new = |outcome: &Result<sayso_ledger::writer::Written, _>| {
            outcome.as_ref().is_ok_and(|written| written.is_new)
        };
        ensure!(outcomes.iter().all(is_new), "a choice was not recorded");
    }
    Ok(())
}

fn offers(subject: SubjectId) -> Result<Request> {
    Ok(Request {
        subject: Some(subject),
        recipient: "mailer".parse()?,
        purpose: "marketing.offers".parse()?,
        data: "contact.email".parse()?,
        channel: Some("email".parse()?),
        device: None,
    })
}

/// After one choice and after very many.
fn history(settings: &Settings) -> Result<Vec<Row>> {
    let times = settings.either(20_000, 1_000_000);
    let world = World::in_memory(Clock::fixed(AT))?;
    let runtime = serve::runtime("prepare")?;
    let (one, many) = runtime.block_on(async {
        world.apply_catalog().await?;
        world.import(&world::silent(2)).await?;
        let [one, many] = world.subjects()[..] else { anyhow::bail!("two people are needed") };
        wavered(&world, one, 1).await?;
        wavered(&world, many, times).await?;
        Ok((offers(one)?, offers(many)?))
    })?;
    let snapshot = world.app.ledger.snapshot();
    for request in [&one, &many] {
        let answer = snapshot.decide(request, AT);
        ensure!(answer.allow(), "the last yes does not count: {}", answer.reason.code());
    }
    let turn = settings.turn();
    let contender = |request: Request| -> Contender {
        Box::new(move || Ok(decide(snapshot, turn, |_| request.clone())))
    };
    let all = interleave(settings.rounds(), &mut [contender(one), contender(many)])?;
    let [one, many] = &all[..] else { anyhow::bail!("a contender has no figures") };
    let what = |times: &str| format!("decision about somebody with {times}");
    Ok(vec![
        Row::new(what("1 choice behind them"), one),
        Row::new(what(&format!("{} choices behind them", grouped(times as f64))), many)
            .beside(1.0 / many.speed_of(one), "the time with one"),
    ])
}

/// What happens to a person, as an entry.
fn entry(number: u64, person: Option<SubjectId>, events: Vec<Event>) -> Entry {
    let position = Position::at(number);
    Entry { v: VERSION, position, at: AT, subject: person, by: "bench".into(), events }
}

fn chose(effect: Effect, asked: &Asked) -> Result<Event> {
    let scope = Scope { purpose: Some(asked.purpose.parse()?), ..Scope::default() };
    Ok(Event::ChoiceRecorded(Choice::of_person(effect, scope)))
}

/// People who have all said yes.
fn snapshot(people: u64, asked: &Asked) -> Result<Snapshot> {
    let snapshot = Snapshot::default();
    let catalog = Box::new((*crowd::catalog()?.catalog).clone());
    snapshot.apply(&[entry(1, None, vec![Event::CatalogApplied { catalog }])]);
    for number in 0..people {
        let created = Event::SubjectCreated { is_active: true, minor_until: None };
        let events = vec![created, chose(Effect::Grant, asked)?];
        snapshot.apply(&[entry(2 + number, Some(subject(number)), events)]);
    }
    Ok(snapshot)
}

/// Applies one choice after another until it is told to stop.
fn write(snapshot: &Snapshot, people: u64, choices: &[Event; 2], stop: &AtomicBool) -> Sample {
    let begun = Instant::now();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let position = snapshot.head().number + 1;
        let person = subject(mix(position) % people);
        let choice = choices[usize::from(mix(position) & 1 << 40 == 0)].clone();
        snapshot.apply(&[entry(position, Some(person), vec![choice])]);
        count += 1;
    }
    Sample { count, seconds: begun.elapsed().as_secs_f64(), ..Sample::default() }
}

/// All threads decide for one turn. What the writer did is noted if there is one.
fn everybody(
    snapshot: &Snapshot,
    people: u64,
    request: &Request,
    turn: Duration,
    writer: Option<&[Event; 2]>,
) -> Result<(Sample, Option<Sample>)> {
    let stop = AtomicBool::new(false);
    let decider = |seed: usize| {
        let mut random = mix(seed as u64);
        decide(snapshot, turn, |answer| {
            random = mix(random ^ u64::from(answer));
            Request { subject: Some(subject(random % people)), ..request.clone() }
        })
    };
    std::thread::scope(|threads| {
        let writer = writer.map(|choices| {
            let stop = &stop;
            threads.spawn(move || write(snapshot, people, choices, stop))
        });
        let deciders: Vec<_> =
            (0..THREADS).map(|seed| threads.spawn(move || decider(seed))).collect();
        let mut all = Sample::default();
        for thread in deciders {
            let own = thread.join().ok().context("a thread panicked")?;
            all.count += own.count;
            all.seconds = own.seconds.max(all.seconds);
            all.latencies.extend(own.latencies);
        }
        stop.store(true, Ordering::Relaxed);
        let written = writer.map(|writer| writer.join().ok().context("the writer panicked"));
        Ok((all, written.transpose()?))
    })
}

/// Alone, and while choices are applied.
fn beside_a_writer(settings: &Settings) -> Result<Vec<Row>> {
    let people = settings.either(10_000, 1_000_000);
    let asked = Asked::about(ACTIVITY);
    let snapshot = snapshot(people, &asked)?;
    let choices = [chose(Effect::Grant, &asked)?, chose(Effect::Denial, &asked)?];
    let request = Request {
        subject: None,
        recipient: asked.recipient.parse()?,
        purpose: asked.purpose.parse()?,
        data: asked.data.parse()?,
        channel: asked.channel.map(str::parse).transpose()?,
        device: None,
    };
    let (turn, written) = (settings.turn(), RefCell::new(Vec::new()));
    let run = |writer| everybody(&snapshot, people, &request, turn, writer);
    let mut contenders: [Contender; 2] = [
        Box::new(|| Ok(run(None)?.0)),
        Box::new(|| {
            let (decided, own) = run(Some(&choices))?;
            written.borrow_mut().extend(own);
            Ok(decided)
        }),
    ];
    let all = interleave(settings.rounds(), &mut contenders)?;
    drop(contenders);
    let [alone, beside] = &all[..] else { anyhow::bail!("a contender has no figures") };
    let slower = beside.waits_of(alone, 0.99);
    Ok(vec![
        Row::new(format!("{THREADS} threads decide, nothing is written"), alone),
        Row::new(format!("{THREADS} threads decide while choices are applied"), beside)
            .beside(slower, "the p99 when nothing is written"),
        Row::new("choices applied meanwhile", &Measured(written.into_inner())).aside(),
    ])
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let mut rows = history(settings)?;
    rows.extend(beside_a_writer(settings)?);
    Ok(Section {
        name: "steady",
        title: "Much said before, and more being said",
        unit: "decisions",
        rows,
    })
}
