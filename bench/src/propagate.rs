//! From a withdrawal to the last system that has applied it, with everything real in between: the
//! request over HTTP, the durable write, signed webhooks, and four systems with databases of their
//! own that answer when the change is in them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use axum::{Router, http::StatusCode, routing::post};
use hearth::{
    people::Effect,
    system::{System, SystemConfig},
};
use sayso_consent::{Id, SubjectId};
use sayso_ledger::{
    Ledger,
    deliver::Dispatcher,
    sink::{Answer, Message, Outcome, Sink, Trouble},
};
use sayso_sinks::webhook::{HmacSecret, SigningKey, Webhook, WebhookConfig};
use serde_json::json;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    time::timeout,
};

use crate::{
    Settings,
    load::{self, Connection},
    report::{Row, Section},
    rounds::{Measured, Sample},
    serve::{self, Server},
    world::{self, World},
};

/// The systems that are told, and the names that they know people by.
const SYSTEMS: [(&str, &str); 4] =
    [("mailer", "email"), ("crm", "crm"), ("ad-partner", "ad"), ("service-cloud", "svc")];

/// How long anything may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A delivery that a system has answered: its change is in its database.
struct Told {
    at: Instant,
    bytes: usize,
}

/// The real sink, and a note of when it was answered.
struct Noting {
    inner: Webhook,
    told: UnboundedSender<Told>,
}

impl Sink for Noting {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            let outcomes = self.inner.deliver(Arc::clone(&messages)).await;
            for (message, _) in messages
                .iter()
                .zip(&outcomes)
                .filter(|(_, outcome)| **outcome == Outcome::Delivered)
            {
                // Nobody listens any more when the measurement is over.
                let _ = self.told.send(Told { at: Instant::now(), bytes: message.body.len() });
            }
            outcomes
        })
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        self.inner.check()
    }
}

/// The whole of it, running. Fields are dropped in this order.
struct Company {
    _stop: watch::Sender<bool>,
    _systems: Runtime,
    server: Server,
    told: UnboundedReceiver<Told>,
    key: String,
    world: World,
}

impl Company {
    fn open(dir: &Path, databases: &Path, lines: &[String]) -> Result<Self> {
        let world = World::on_disk(dir)?;
        let server = Server::start("sayso", world.router())?;
        let systems = serve::runtime("systems")?;
        let (stop, stopped) = watch::channel(false);
        let (tell, told) = unbounded_channel();
        let key = systems.block_on(async {
            world.apply_catalog().await?;
            world.key(&["record"], None).await
        })?;
        for (name, _) in SYSTEMS {
            let recipient: Id = name.parse()?;
            let key = systems.block_on(world.key(&["decide", "report"], Some(name)))?;
            let secret = world.app.ledger.secrets().webhook_secret(&recipient);
            let secret = HmacSecret::from_bytes(secret.as_slice())?;
            let signing_key =
                SigningKey::from_seed(world.app.ledger.secrets().webhook().as_bytes());
            let config = SystemConfig {
                name: name.to_owned(),
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                database: databases.join(format!("{name}.db")),
                public_key: signing_key.public().to_string(),
                secret: secret.reveal().to_string(),
                sayso_url: format!("http://{}", server.address()),
                key,
                stream: None,
            };
            let system = systems.block_on(System::bind(config))?;
            let url = format!("http://{}/hook", system.address());
            systems.spawn(system.run(std::future::pending()));
            let config =
                WebhookConfig { url, secret, signing_key, allow_private: true, timeout_ms: 5_000 };
            let sink = Arc::new(Noting { inner: Webhook::new(config)?, told: tell.clone() });
            let (ledger, board) = (Arc::clone(&world.app.ledger), Arc::clone(&world.app.board));
            let dispatcher = Dispatcher::new(ledger, board, recipient, sink);
            server.handle()?.spawn(dispatcher.run(stopped.clone()));
        }
        systems.block_on(world.import(lines))?;
        Ok(Self { _stop: stop, _systems: systems, server, told, key, world })
    }
}

/// Waits until no system has anything to apply for any of these people.
async fn settled(ledger: &Ledger, subjects: &[SubjectId]) -> Result<()> {
    let mut head = ledger.watch();
    let is_pending = |subject: &SubjectId| {
        ledger.snapshot().subject(*subject).is_some_and(|state| !state.pending.is_empty())
    };
    for subject in subjects {
        while is_pending(subject) {
            let changed = timeout(PATIENCE, head.changed()).await;
            changed.context("the systems do not report")?.context("the ledger is closed")?;
        }
    }
    Ok(())
}

/// People whom all systems know, and who have allowed something that they can take back.
fn lines(count: usize) -> Result<Vec<String>> {
    let fits = |person: &hearth::Person| {
        let known = SYSTEMS.iter().all(|(_, name)| person.identifiers.contains_key(name));
        let is_grant = |choice: &hearth::people::Choice| choice.effect == Effect::Grant;
        known && !person.choices.is_empty() && person.choices.iter().all(is_grant)
    };
    let people = hearth::people(world::SEED, 100 * count).filter(fits).take(count);
    people.map(|person| Ok(serde_json::to_string(&person)?)).collect()
}

/// What one withdrawal came to, in nanoseconds.
#[derive(Default)]
struct Times {
    /// Until it was on disk and answered.
    answered: Vec<u64>,
    /// Until the last system had it in its database and had answered.
    applied: Vec<u64>,
    /// Until all of them had reported and that was on the ledger.
    reported: Vec<u64>,
    /// A bare request with as many bytes as a message.
    bare: Vec<u64>,
}

fn since(begun: Instant, ended: Instant) -> u64 {
    ended.saturating_duration_since(begun).as_nanos() as u64
}

async fn withdraw(company: &mut Company, bare: &Server) -> Result<Times> {
    let subjects = company.world.subjects();
    let ledger = Arc::clone(&company.world.app.ledger);
    settled(&ledger, &subjects).await?;
    // What the import told is no longer of interest but for its size.
    let mut bytes = 0;
    while let Ok(told) = company.told.try_recv() {
        bytes = told.bytes;
    }
    let body = "x".repeat(bytes);
    let bare_request = load::post("/hook", None, &body);
    let mut to_bare = Connection::http(bare.address()).await?;
    let mut to_sayso = Connection::http(company.server.address()).await?;
    let choice = json!({"effect": "denial", "scope": {"purpose": "marketing"}});
    let body = json!({"choices": [choice]}).to_string();
    let mut times = Times::default();
    for subject in subjects {
        let path = format!("/v1/subjects/{subject}/choices");
        let request = load::post(&path, Some(&company.key), &body);
        let begun = Instant::now();
        to_sayso.exchange(&request).await?;
        times.answered.push(since(begun, Instant::now()));
        let mut last = begun;
        for _ in SYSTEMS {
            let told = timeout(PATIENCE, company.told.recv()).await;
            let told = told.context("a system does not answer")?.context("nobody tells")?;
            last = last.max(told.at);
        }
        times.applied.push(since(begun, last));
        settled(&ledger, &[subject]).await?;
        times.reported.push(since(begun, Instant::now()));
        ensure!(company.told.try_recv().is_err(), "a system was told twice");
        let begun = Instant::now();
        to_bare.exchange(&bare_request).await?;
        times.bare.push(since(begun, Instant::now()));
    }
    Ok(times)
}

fn one_round(latencies: Vec<u64>) -> Measured {
    let count = latencies.len() as u64;
    let seconds = latencies.iter().sum::<u64>() as f64 / 1e9;
    Measured(vec![Sample { count, seconds, latencies, cpu: None }])
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let folder = world::folder(&settings.dir)?;
    let lines = lines(settings.either(30, 400))?;
    let mut company = Company::open(&settings.dir, folder.path(), &lines)?;
    let hook = post(|_: axum::body::Bytes| async { StatusCode::NO_CONTENT });
    let bare = Server::start("bare", Router::new().route("/hook", hook))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let times = runtime.block_on(withdraw(&mut company, &bare))?;
    let Times { answered, applied, reported, bare } = times;
    let bare = one_round(bare);
    let row = |what: &str, latencies| {
        let own = one_round(latencies);
        let ratio = own.latency(0.5).zip(bare.latency(0.5)).map(|(own, bare)| own / bare);
        Row::waited(what, &own).beside(ratio.unwrap_or(f64::NAN), "a bare round trip")
    };
    Ok(Section {
        name: "propagate",
        title: "From a withdrawal to the last system",
        unit: "withdrawals",
        rows: vec![
            row("withdrawal over HTTP: on disk, in force, answered", answered),
            row("… the last of 4 systems has it in its database", applied),
            row("… all 4 have reported, and that is on the ledger", reported),
            Row::waited("floor: a bare HTTP request and its answer", &bare),
        ],
    })
}
