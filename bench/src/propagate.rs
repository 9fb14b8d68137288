//! From a choice to the last of eight systems ([`crate::eight`]) that has applied it, with everything
//! real in between, at 1, 100 and 1,000 choices a second. Beside the bare transports at the same
//! pace: a request of a message's size to a server that answers and does nothing, a message of that
//! size published to a NATS stream until it is acknowledged, and that many bytes put on the disk.

use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use async_nats::jetstream;
use axum::{Router, http::StatusCode, routing::post};
use hearth::people::Effect;
use sayso_consent::{Position, SubjectId};
use sayso_ledger::{Ledger, deliver::Board};
use serde_json::json;
use tokio::{
    runtime::Builder,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use crate::{
    Settings,
    eight::{Company, SYSTEMS, Told},
    load::{self, Connection},
    report::{Row, Section},
    rounds::{Measured, Sample},
    serve::Server,
    world,
};

/// How long anything may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many people make choices, one after the other. Each is told about in less time than it takes
/// until their turn comes again.
const PEOPLE: usize = 1_000;
/// What a message says, in bytes, about.
const BYTES: usize = 2_048;
/// What is late by more than a timer may be is waited for by whoever clicked.
const TIMER: Duration = Duration::from_millis(2);

/// People whom all systems know.
fn lines(count: usize) -> Result<Vec<String>> {
    let fits = |person: &hearth::Person| {
        let known = SYSTEMS.iter().all(|(_, name, _)| person.identifiers.contains_key(name));
        let is_grant = |choice: &hearth::people::Choice| choice.effect == Effect::Grant;
        known && person.choices.iter().all(is_grant)
    };
    let people = hearth::people(world::SEED, 100 * count).filter(fits).take(count);
    people.map(|person| Ok(serde_json::to_string(&person)?)).collect()
}

/// Connections that are kept, as many as are needed at once.
struct Pool {
    address: SocketAddr,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    fn to(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { address, idle: Mutex::default() })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(&self, request: &[u8]) -> Result<Vec<u8>> {
        let known = self.idle().pop();
        let mut connection = match known {
            Some(connection) => connection,
            None => Connection::http(self.address).await?,
        };
        let answer = connection.exchange(request).await?.to_vec();
        self.idle().push(connection);
        Ok(answer)
    }
}

/// A pace: how many a second, and how many in all.
#[derive(Clone, Copy)]
struct Pace {
    per_second: u32,
    count: usize,
}

/// Does something at a pace, whether or not what was begun before has ended, and gives what each
/// came to and when it was due.
async fn paced<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
    pace: Pace,
    mut begin: impl FnMut() -> F,
) -> Result<Vec<(Instant, T)>> {
    let (started, mut running) = (Instant::now(), JoinSet::new());
    for turn in 0..pace.count {
        let due = started + Duration::from_secs(1) * turn as u32 / pace.per_second;
        tokio::time::sleep_until(due.into()).await;
        let now = Instant::now();
        let due = if now > due + TIMER { due } else { now };
        let one = begin();
        running.spawn(async move { Ok::<_, anyhow::Error>((due, one.await?)) });
    }
    let mut done = Vec::new();
    while let Some(ended) = timeout(PATIENCE, running.join_next()).await.context("too slow")? {
        done.push(ended??);
    }
    Ok(done)
}

/// What was clicked: for whom, and when; and that it was on disk and answered.
struct Click {
    due: Instant,
    subject: SubjectId,
    position: Position,
    answered: Instant,
}

/// Notes when nothing is left to apply for a person, from the ledger itself.
async fn watch_settled(
    ledger: Arc<Ledger>,
    settled: UnboundedSender<(SubjectId, Position, Instant)>,
) {
    let mut head = ledger.watch();
    let mut followed = ledger.snapshot().head();
    while head.changed().await.is_ok() {
        let through = ledger.snapshot().head();
        while followed < through
            && let Ok(mut records) = ledger.store().read_after(followed, 1_000)
        {
            // An entry is stored a moment before the snapshot has it.
            records.retain(|record| record.position <= through);
            let Some(last) = records.last() else { break };
            followed = last.position;
            let at = Instant::now();
            for payload in records.iter().filter_map(|record| record.payload.as_ref()) {
                let state = ledger.snapshot().subject(payload.subject);
                if state.is_some_and(|state| state.pending.is_empty())
                    && settled.send((payload.subject, through, at)).is_err()
                {
                    return;
                }
            }
        }
    }
}

/// Where everything is noted that happens after a click.
struct Notes {
    board: Arc<Board>,
    told: UnboundedReceiver<Told>,
    settled: UnboundedReceiver<(SubjectId, Position, Instant)>,
}

/// What clicks came to, in nanoseconds.
#[derive(Default)]
struct Times {
    answered: Vec<u64>,
    taken: Vec<u64>,
    applied: Vec<u64>,
}

fn since(begun: Instant, ended: Instant) -> u64 {
    ended.saturating_duration_since(begun).as_nanos() as u64
}

impl Notes {
    /// Why nothing more is heard of a system.
    fn why(&self, system: usize) -> String {
        let (name, ..) = SYSTEMS[system];
        let standing = name.parse().map(|id| self.board.standing(&id)).unwrap_or_default();
        let failure = standing.last_failure.unwrap_or_else(|| "no failure".to_owned());
        format!("{name} is not told: {} people wait, {failure}", standing.waiting)
    }

    /// Waits until each click has reached all systems and was reported by them.
    async fn times(&mut self, clicks: &[Click]) -> Result<Times> {
        let (mut taken, mut settled) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        let mut times = Times::default();
        for click in clicks {
            times.answered.push(since(click.due, click.answered));
            let mut last = click.due;
            for system in 0..SYSTEMS.len() {
                let at = loop {
                    let all = taken.entry((click.subject, system)).or_default();
                    if let Some(at) = first(all, click.position) {
                        break at;
                    }
                    let told = timeout(PATIENCE, self.told.recv()).await;
                    let told: Told = told.with_context(|| self.why(system))?.context("it ended")?;
                    let own = taken.entry((told.subject, told.system)).or_default();
                    own.push((told.position, told.at));
                };
                last = last.max(at);
            }
            times.taken.push(since(click.due, last));
            let at = loop {
                let all = settled.entry(click.subject).or_default();
                if let Some(at) = first(all, click.position) {
                    break at;
                }
                let one = timeout(PATIENCE, self.settled.recv()).await;
                let (subject, through, at) =
                    one.context("a system does not report")?.context("it ended")?;
                settled.entry(subject).or_default().push((through, at));
            };
            times.applied.push(since(click.due, at));
        }
        Ok(times)
    }
}

/// When the first of these was that was through a position.
fn first(all: &[(Position, Instant)], position: Position) -> Option<Instant> {
    let through = all.iter().filter(|(through, _)| *through >= position);
    through.map(|(_, at)| *at).min()
}

/// Clicks: everybody in turn takes back what they gave, or gives it again.
struct Clicking {
    people: Vec<SubjectId>,
    key: String,
    pool: Arc<Pool>,
    next: AtomicUsize,
}

impl Clicking {
    fn click(&self) -> impl Future<Output = Result<Click>> + Send + 'static {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let subject = self.people[turn % self.people.len()];
        let is_denial = (turn / self.people.len()).is_multiple_of(2);
        let effect = if is_denial { "denial" } else { "grant" };
        let choice = json!({"effect": effect, "scope": {"purpose": "marketing.offers"}});
        let body = json!({"choices": [choice]}).to_string();
        let path = format!("/v1/subjects/{subject}/choices");
        let (request, pool) = (load::post(&path, Some(&self.key), &body), Arc::clone(&self.pool));
        async move {
            let due = Instant::now();
            let answer = pool.exchange(&request).await?;
            let answered = Instant::now();
            let answer: serde_json::Value = serde_json::from_slice(&answer)?;
            let position = answer["position"].as_str().context("no position in the answer")?;
            Ok(Click { due, subject, position: position.parse()?, answered })
        }
    }
}

fn one_round(latencies: Vec<u64>) -> Measured {
    let count = latencies.len() as u64;
    let seconds = latencies.iter().sum::<u64>() as f64 / 1e9;
    Measured(vec![Sample { count, seconds, latencies, cpu: None }])
}

/// The bare transports, and the disk.
struct Bare {
    http: Arc<Pool>,
    nats: jetstream::Context,
    file: Arc<File>,
}

const BARE: &str = "bare";

impl Bare {
    async fn connect(company: &Company, http: &Server, folder: &Path) -> Result<Self> {
        let login = company.nats.place().operator.clone();
        let options =
            async_nats::ConnectOptions::with_user_and_password(login.name, login.password);
        let client = options.connect(company.nats.address().to_string()).await?;
        let nats = jetstream::new(client);
        let subjects = vec![BARE.to_owned()];
        let config =
            jetstream::stream::Config { name: BARE.into(), subjects, ..Default::default() };
        nats.create_stream(config).await?;
        let file = Arc::new(File::create(folder.join("bare"))?);
        Ok(Self { http: Pool::to(http.address()), nats, file })
    }

    async fn http(&self, pace: Pace) -> Result<Measured> {
        let request: Arc<[u8]> = load::post("/hook", None, &"x".repeat(BYTES)).into();
        let ended = paced(pace, || {
            let (pool, request) = (Arc::clone(&self.http), Arc::clone(&request));
            async move { pool.exchange(&request).await.map(|_| Instant::now()) }
        });
        Ok(spans(ended.await?))
    }

    async fn nats(&self, pace: Pace) -> Result<Measured> {
        let ended = paced(pace, || {
            let nats = self.nats.clone();
            async move {
                nats.publish(BARE, vec![b'x'; BYTES].into()).await?.await?;
                Ok(Instant::now())
            }
        });
        Ok(spans(ended.await?))
    }

    async fn sync(&self, pace: Pace) -> Result<Measured> {
        let ended = paced(pace, || {
            let file = Arc::clone(&self.file);
            async move {
                let synced = spawn_blocking(move || {
                    (&*file).write_all(&[b'x'; BYTES])?;
                    file.sync_data()
                });
                synced.await??;
                Ok(Instant::now())
            }
        });
        Ok(spans(ended.await?))
    }
}

fn spans(ended: Vec<(Instant, Instant)>) -> Measured {
    one_round(ended.into_iter().map(|(due, ended)| since(due, ended)).collect())
}

/// Measures one pace.
async fn at_pace(
    pace: Pace,
    clicking: &Clicking,
    notes: &mut Notes,
    bare: &Bare,
) -> Result<Vec<Row>> {
    let http = bare.http(pace).await?;
    let nats = bare.nats(pace).await?;
    let sync = bare.sync(pace).await?;
    let clicks = paced(pace, || clicking.click()).await?;
    let mut clicks: Vec<Click> =
        clicks.into_iter().map(|(due, click)| Click { due: due.min(click.due), ..click }).collect();
    clicks.sort_by_key(|click| click.due);
    let times = notes.times(&clicks).await?;
    let Pace { per_second, .. } = pace;
    let slower = http.latency(0.99).into_iter().chain(nats.latency(0.99)).fold(f64::NAN, f64::max);
    let row = |what: &str, latencies| {
        let own = one_round(latencies);
        let ratio = own.latency(0.99).map_or(f64::NAN, |own| own / slower);
        Row::waited(format!("{what}, {per_second} a second"), &own)
            .beside(ratio, "the slower transport's p99")
    };
    let count = SYSTEMS.len();
    Ok(vec![
        row("a choice over HTTP: on disk, in force, answered", times.answered),
        row(&format!("… the last of {count} systems has it"), times.taken),
        row(&format!("… all {count} have applied it, and that is on the ledger"), times.applied),
        Row::waited(format!("floor: a bare HTTP request, {per_second} a second"), &http),
        Row::waited(
            format!("floor: published to NATS and acknowledged, {per_second} a second"),
            &nats,
        ),
        Row::waited(format!("floor: one sync of the disk, {per_second} a second"), &sync),
    ])
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let folder = world::folder(&settings.dir)?;
    let mut company = Company::open(&settings.dir, folder.path(), &lines(PEOPLE)?)?;
    let hook = post(|_: axum::body::Bytes| async { StatusCode::NO_CONTENT });
    let server = Server::start("bare", Router::new().route("/hook", hook))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (note, settled) = unbounded_channel();
    let ledger = Arc::clone(&company.world.app.ledger);
    company.server.handle()?.spawn(watch_settled(ledger, note));
    let bare = runtime.block_on(Bare::connect(&company, &server, folder.path()))?;
    let clicking = Clicking {
        people: company.world.subjects(),
        key: company.key.clone(),
        pool: Pool::to(company.server.address()),
        next: AtomicUsize::new(0),
    };
    let told = company.told.take().context("nobody tells")?;
    let board = Arc::clone(&company.world.app.board);
    let mut notes = Notes { board, told, settled };
    let mut rows = Vec::new();
    let warm_up = Pace { per_second: 50, count: 50 };
    runtime.block_on(at_pace(warm_up, &clicking, &mut notes, &bare))?;
    for (per_second, count) in [
        (1, settings.either(3, 20)),
        (100, settings.either(100, 1_000)),
        (1_000, settings.either(500, 5_000)),
    ] {
        let pace = Pace { per_second, count };
        rows.extend(runtime.block_on(at_pace(pace, &clicking, &mut notes, &bare))?);
    }
    Ok(Section {
        name: "propagate",
        title: "From a choice to the last of eight systems",
        unit: "choices",
        rows,
    })
}
