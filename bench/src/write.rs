//! Durable choices: beside what the disk does at best with one row, or one write, at a time, and
//! beside the same ledger when nobody shares a sync with anybody.

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rusqlite::params;
use sayso_consent::{
    Choice, Command, Position, Scope, SubjectId,
    choice::{Authority, Effect},
};
use sayso_ledger::Ledger;
use serde_json::json;
use tokio::{runtime::Runtime, sync::Mutex, task::JoinSet};

use crate::{
    Settings,
    load::{self, Clients},
    report::{Row, Section},
    rounds::{Contender, Measured, Sample, interleave},
    serve::{self, Server},
    world::{self, World},
};

/// How many write at once where many do.
const MANY: usize = 64;

/// Somebody who changes their mind with every command.
struct Wavering {
    subject: SubjectId,
    last: Effect,
}

impl Wavering {
    fn next(&mut self) -> Command {
        self.last = if self.last == Effect::Grant { Effect::Denial } else { Effect::Grant };
        let choice = Choice::of_person(self.last, scope());
        let (subject, choices) = (self.subject, vec![choice]);
        Command::Choose { subject, choices, authority: Authority::Strong }
    }
}

fn scope() -> Scope {
    let id = |text: &str| text.parse().ok();
    Scope { purpose: id("marketing.offers"), channel: id("email"), ..Scope::default() }
}

/// A lock that all clients take, if each of them is to have a sync of its own.
type Turnstile = Option<Arc<Mutex<()>>>;

struct Writers<'a> {
    runtime: &'a Runtime,
    ledger: Arc<Ledger>,
    people: Vec<Wavering>,
    turnstile: Turnstile,
}

impl<'a> Writers<'a> {
    fn new(
        runtime: &'a Runtime,
        ledger: Arc<Ledger>,
        people: Vec<SubjectId>,
        turnstile: Turnstile,
    ) -> Self {
        let person = |subject| Wavering { subject, last: Effect::Denial };
        Self { runtime, ledger, people: people.into_iter().map(person).collect(), turnstile }
    }

    fn into_contender(mut self, turn: Duration) -> Contender<'a> {
        Box::new(move || self.run(turn))
    }

    fn run(&mut self, turn: Duration) -> Result<Sample> {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for person in std::mem::take(&mut self.people) {
            let (ledger, turnstile) = (Arc::clone(&self.ledger), self.turnstile.clone());
            let task = write(ledger, person, turnstile, begun + turn);
            running.spawn_on(task, self.runtime.handle());
        }
        let mut latencies = Vec::new();
        while let Some(ended) = self.runtime.block_on(running.join_next()) {
            let (person, own) = ended??;
            self.people.push(person);
            latencies.extend(own);
        }
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Sample { count: latencies.len() as u64, seconds, latencies, cpu: None })
    }
}

async fn write(
    ledger: Arc<Ledger>,
    mut person: Wavering,
    turnstile: Turnstile,
    until: Instant,
) -> Result<(Wavering, Vec<u64>)> {
    let mut latencies = Vec::new();
    loop {
        let sent = Instant::now();
        if sent >= until {
            return Ok((person, latencies));
        }
        let _turn = match &turnstile {
            Some(turnstile) => Some(turnstile.lock().await),
            None => None,
        };
        let written = ledger.command(person.next(), "bench").await??;
        ensure!(written.is_new, "a choice was known already");
        latencies.push(sent.elapsed().as_nanos() as u64);
    }
}

/// One row a commit, as durable as the ledger's.
fn sqlite(folder: &Path, bytes: usize, turn: Duration) -> Result<Contender<'static>> {
    let database = world::database(folder)?;
    let row = vec![0x5a_u8; bytes];
    Ok(one_by_one(turn, move || {
        database.prepare_cached("INSERT INTO rows (body) VALUES (?1)")?.execute(params![row])?;
        Ok(())
    }))
}

/// The least that is durable at all.
fn append(folder: &Path, bytes: usize, turn: Duration) -> Result<Contender<'static>> {
    let path = folder.join("append");
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let row = vec![0x5a_u8; bytes];
    Ok(one_by_one(turn, move || {
        file.write_all(&row)?;
        Ok(file.sync_data()?)
    }))
}

fn one_by_one(
    turn: Duration,
    mut step: impl FnMut() -> Result<()> + 'static,
) -> Contender<'static> {
    Box::new(move || {
        let begun = Instant::now();
        let mut latencies = Vec::new();
        while begun.elapsed() < turn {
            let sent = Instant::now();
            step()?;
            latencies.push(sent.elapsed().as_nanos() as u64);
        }
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Sample { count: latencies.len() as u64, seconds, latencies, cpu: None })
    })
}

/// For each client a denial and a grant, in turn.
fn requests(people: &[SubjectId], key: &str) -> Vec<Vec<Vec<u8>>> {
    let request = |subject: &SubjectId, effect: &str| {
        let choice = json!({"effect": effect, "scope": scope()});
        let body = json!({"choices": [choice]}).to_string();
        load::post(&format!("/v1/subjects/{subject}/choices"), Some(key), &body)
    };
    let client = |subject| ["grant", "denial"].map(|effect| request(subject, effect)).into();
    people.iter().map(client).collect()
}

/// How many bytes the ledger seals for a choice.
async fn bytes_of_a_choice(ledger: &Ledger, subject: SubjectId) -> Result<usize> {
    let command = Wavering { subject, last: Effect::Denial }.next();
    let written = ledger.command(command, "bench").await??;
    let before = Position { number: written.position.number - 1, ..written.position };
    let records = ledger.store().read_after(before, 1)?;
    let payload = records.first().and_then(|record| record.payload.as_ref());
    payload.map(|payload| payload.sealed.len()).context("a choice has left no record")
}

async fn prepare(world: &World) -> Result<(String, usize, Vec<SubjectId>)> {
    world.apply_catalog().await?;
    world.import(&world::silent(1 + 1 + 8 + 3 * MANY)).await?;
    let key = world.key(&["record"], None).await?;
    let mut people = world.subjects();
    let first = people.pop().context("nobody was imported")?;
    Ok((key, bytes_of_a_choice(&world.app.ledger, first).await?, people))
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let folder = world::folder(&settings.dir)?;
    let world = World::on_disk(&settings.dir)?;
    let runtime = serve::runtime("writers")?;
    let (key, bytes, mut people) = runtime.block_on(prepare(&world))?;
    let server = Server::start("sayso", world.router())?;
    let over_http = people.split_off(people.len() - MANY);
    let mut clients = Clients::connect(server.address(), requests(&over_http, &key))?;
    let turn = settings.turn();
    let mut writers = |count: usize, turnstile: Turnstile| {
        let people = people.split_off(people.len() - count);
        let ledger = Arc::clone(&world.app.ledger);
        Writers::new(&runtime, ledger, people, turnstile).into_contender(turn)
    };
    let mut contenders: [Contender; 7] = [
        writers(1, None),
        writers(8, None),
        writers(MANY, None),
        writers(MANY, Some(Arc::default())),
        Box::new(|| clients.run(turn)),
        sqlite(folder.path(), bytes, turn)?,
        append(folder.path(), bytes, turn)?,
    ];
    let all = interleave(settings.rounds(), &mut contenders)?;
    rows(&all).context("a contender has no figures")
}

fn rows(all: &[Measured]) -> Option<Section> {
    let [one, eight, many, alone, http, sqlite, append] = all else { return None };
    let peer = "SQLite";
    Some(Section {
        name: "write",
        title: "Durable choices",
        unit: "choices",
        rows: vec![
            Row::new("durable choice, 1 client", one).beside(one.speed_of(sqlite), peer),
            Row::new("durable choice, 8 clients", eight).beside(eight.speed_of(sqlite), peer),
            Row::new("durable choice, 64 clients", many).beside(many.speed_of(sqlite), peer),
            Row::new("durable choice over HTTP, 64 clients", http)
                .beside(http.speed_of(sqlite), peer),
            Row::new("the same 64 clients, one sync for each choice", alone)
                .beside(many.speed_of(alone), "by sharing syncs"),
            Row::new("peer: SQLite, one row a commit, WAL, synchronous=FULL", sqlite),
            Row::new("floor: append and fdatasync", append).beside(append.speed_of(sqlite), peer),
        ],
    })
}
