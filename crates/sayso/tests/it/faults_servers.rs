//! The servers of the fault test: a database, a Redis and a NATS, as far as they are installed, each
//! killed and started again, and each asked itself what it holds and in which order it got there.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use sayso_consent::Position;
use sayso_sinks::sql::{Dialect, ddl};
use sayso_testkit::servers::{Kind, Nats, Postgres, Redis, Server};
use tokio::{sync::watch, task::block_in_place};

use crate::{
    crash_systems::{Company, identifier},
    faults_held::Event,
    faults_nats::{Reader, STREAM},
    world::{Caller, done},
};

const REDIS_PREFIX: &str = "s:";
/// Writes down whatever is applied, in the order of it.
const HEARD: [&str; 3] = [
    "create table heard (nth bigserial primary key, key text, epoch integer, position bigint)",
    "create function hear() returns trigger language plpgsql as $$ begin
       insert into heard (key, epoch, position) values (new.key, new.epoch, new.position);
       return null; end $$",
    "create trigger hear after insert or update on sayso_people
       for each row execute function hear()",
];

/// A broker, whoever reads from it, and the pulse by which the reader is told to go on.
type Broker = (Arc<Server<Nats>>, Arc<Reader>, watch::Sender<u64>);

/// All of them.
#[derive(Default)]
pub(crate) struct Servers {
    postgres: Option<Arc<Server<Postgres>>>,
    redis: Option<Arc<Server<Redis>>>,
    nats: Option<Broker>,
    /// What was counted when they last answered.
    pub(crate) counted: HashMap<&'static str, u64>,
}

/// What a system holds, and how often it applied something older than what it had.
#[derive(Debug)]
pub(crate) struct Holding {
    pub(crate) recipient: &'static str,
    pub(crate) namespace: &'static str,
    pub(crate) allowed: HashMap<String, bool>,
    pub(crate) backwards: usize,
}

impl Servers {
    /// Starts them and declares them as sinks; nothing is served yet.
    pub(crate) async fn start(company: &Company, reporter: &Caller) -> Self {
        let mut servers = Self::default();
        if let Some(server) = block_in_place(Server::<Postgres>::start).unwrap() {
            for statement in
                ddl(Dialect::Postgres, "sayso_").iter().map(String::as_str).chain(HEARD)
            {
                server.query("sayso", &format!("set role sayso; {statement}")).unwrap();
            }
            let url = format!("url=postgres://sayso@{}/sayso", server.address());
            let password = &server.place().login.password;
            declare(company, "crm", "sql", &[&url], password).await;
            servers.postgres = Some(Arc::new(server));
        }
        if let Some(server) = block_in_place(Server::<Redis>::start).unwrap() {
            let address = format!("address={}", server.address());
            let prefix = format!("prefix={REDIS_PREFIX}");
            let login = &server.place().login;
            let username = format!("username={}", login.name);
            let settings = [address.as_str(), &prefix, &username, "stream_length=50000"];
            declare(company, "ad-partner", "redis", &settings, &login.password).await;
            servers.redis = Some(Arc::new(server));
        }
        if let Some(server) = block_in_place(Server::<Nats>::start).unwrap() {
            let server = Arc::new(server);
            let (starts, started) = watch::channel(0);
            let reader = Reader::start(&server, reporter.clone(), started).await;
            let address = format!("address={}", server.address());
            let stream = format!("stream={STREAM}");
            let login = &server.place().login;
            let username = format!("username={}", login.name);
            let settings = [address.as_str(), &stream, &username];
            declare(company, "service-cloud", "nats", &settings, &login.password).await;
            servers.nats = Some((server, reader, starts));
        }
        servers
    }

    /// The recipients that are told through them.
    pub(crate) fn recipients(&self) -> Vec<&'static str> {
        let there =
            [self.postgres.is_some(), self.redis.is_some(), self.nats.is_some()].into_iter();
        let names = ["crm", "ad-partner", "service-cloud"].into_iter();
        names.zip(there).filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }

    /// Ends one where it stands. Whether it is there.
    pub(crate) fn kill(&self, which: &str) -> bool {
        fn end<K: Kind>(server: &Server<K>) {
            block_in_place(|| server.kill());
        }
        match (which, &self.postgres, &self.redis, &self.nats) {
            ("crm", Some(server), ..) => end(server),
            ("ad-partner", _, Some(server), _) => end(server),
            ("service-cloud", .., Some((server, ..))) => end(server),
            _ => return false,
        }
        true
    }

    /// Starts it again on what it had kept.
    pub(crate) fn revive(&self, which: &str) {
        fn begin<K: Kind>(server: &Server<K>) {
            block_in_place(|| server.restart()).unwrap();
        }
        match (which, &self.postgres, &self.redis, &self.nats) {
            ("crm", Some(server), ..) => begin(server),
            ("ad-partner", _, Some(server), _) => begin(server),
            ("service-cloud", .., Some((server, _, starts))) => {
                begin(server);
                starts.send_modify(|count| *count += 1);
            }
            _ => {}
        }
    }

    /// How many messages each has applied or taken so far. All of them have to run.
    pub(crate) async fn count(&mut self) -> HashMap<&'static str, u64> {
        if let Some(server) = &self.postgres {
            let count = "select count(*) from heard";
            let count = block_in_place(|| server.query("sayso", count)).unwrap();
            self.note("crm", count.trim().parse().unwrap());
        }
        if let Some(server) = &self.redis {
            let mut asked = redis::cmd("XINFO");
            asked.arg("STREAM").arg(format!("{REDIS_PREFIX}changes"));
            // Before the first message there is no stream.
            let info: HashMap<String, redis::Value> =
                asked.query_async(&mut operator(server).await).await.unwrap_or_default();
            let added = info.get("entries-added").cloned().unwrap_or(redis::Value::Int(0));
            self.note("ad-partner", redis::from_redis_value(added).unwrap());
        }
        if let Some((_, reader, _)) = &self.nats {
            let newest = reader.newest.load(Ordering::Relaxed);
            self.note("service-cloud", newest);
        }
        self.counted.clone()
    }

    /// What was once counted stays so: a server that has just started again may not know yet.
    fn note(&mut self, which: &'static str, count: u64) {
        let counted = self.counted.entry(which).or_default();
        *counted = count.max(*counted);
    }

    /// What each holds.
    pub(crate) async fn holdings(&self, people: usize) -> Vec<Holding> {
        let mut all = Vec::new();
        if let Some(server) = &self.postgres {
            all.push(block_in_place(|| rows(server)));
        }
        if let Some(server) = &self.redis {
            all.push(hashes(server, people).await);
        }
        if let Some((_, reader, _)) = &self.nats {
            let held = reader.held.lock().unwrap();
            let (allowed, backwards) = (held.allowed(), held.backwards());
            all.push(Holding { recipient: "service-cloud", namespace: "svc", allowed, backwards });
        }
        all
    }

    /// How far the reader of the stream has come.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.nats.as_ref().map(|(_, reader, _)| reader.newest.load(Ordering::Relaxed))
    }

    /// How many messages of the stream came after newer ones, or again: its reader left them.
    pub(crate) fn stale(&self) -> u64 {
        self.nats.as_ref().map_or(0, |(_, reader, _)| reader.held.lock().unwrap().stale)
    }
}

/// Declares a sink that is on this machine and has a password.
async fn declare(company: &Company, name: &str, kind: &str, settings: &[&str], password: &str) {
    let secret = company.file(&format!("{name}.password"));
    std::fs::write(&secret, password).unwrap();
    let secret = format!("password={}", secret.to_str().unwrap());
    let mut args = vec!["sink", "add", name, kind, "--unchecked", "--watch", "10"];
    args.extend(["--secret-file", &secret]);
    let on_this_machine = ["allow_private=true", "tls=false", "timeout_ms=3000"];
    for setting in on_this_machine.iter().chain(settings) {
        args.extend(["--set", setting]);
    }
    done(Path::new(&company.dir()), &args).await;
}

fn rows(server: &Server<Postgres>) -> Holding {
    let allowed = "select n.namespace || ':' || n.identifier, p.allow
        from sayso_names n join sayso_permissions p on p.key = n.key
        where p.purpose = 'marketing.offers' and p.data = 'contact' and p.channel = 'email'";
    let allowed = server.query("sayso", allowed).unwrap();
    let row = |line: &str| line.rsplit_once('|').map(|(name, may)| (name.to_owned(), may == "t"));
    let backwards = "select count(*) from (select position < lag(position)
        over (partition by key, epoch order by nth) as is_back from heard) as steps where is_back";
    let backwards = server.query("sayso", backwards).unwrap().trim().parse().unwrap();
    let allowed = allowed.lines().filter_map(row).collect();
    Holding { recipient: "crm", namespace: "crm", allowed, backwards }
}

async fn operator(server: &Server<Redis>) -> redis::aio::MultiplexedConnection {
    let place = server.place();
    let login = format!("{}:{}", place.operator.name, place.operator.password);
    let client = redis::Client::open(format!("redis://{login}@127.0.0.1:{}/", place.port));
    client.unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn hashes(server: &Server<Redis>, people: usize) -> Holding {
    let mut operator = operator(server).await;
    let names: Vec<String> =
        (0..people).map(|number| format!("ad:{}", identifier("ad", number))).collect();
    let mut asked = redis::pipe();
    for name in &names {
        asked.hget(format!("{REDIS_PREFIX}name:{name}"), "marketing.offers|contact|email");
    }
    let said: Vec<Option<String>> = asked.query_async(&mut operator).await.unwrap();
    let word = |(name, said): (String, Option<String>)| Some((name, said?.starts_with("1|")));
    let allowed = names.into_iter().zip(said).filter_map(word).collect();
    Holding { recipient: "ad-partner", namespace: "ad", allowed, backwards: stream(operator).await }
}

/// How often the stream of changes goes back for somebody.
async fn stream(mut operator: redis::aio::MultiplexedConnection) -> usize {
    let (mut newest, mut backwards) = (HashMap::<String, Position>::new(), 0);
    let mut after = "-".to_owned();
    loop {
        let mut asked = redis::cmd("XRANGE");
        asked.arg(format!("{REDIS_PREFIX}changes")).arg(&after).arg("+").arg("COUNT").arg(1_000);
        let some: Vec<(String, HashMap<String, String>)> =
            asked.query_async(&mut operator).await.unwrap();
        let Some((last, _)) = some.last() else { return backwards };
        after = format!("({last}");
        for (_, fields) in &some {
            let event: Event = serde_json::from_str(&fields["event"]).unwrap();
            let before = newest.insert(event.key().to_owned(), event.position());
            backwards += usize::from(before.is_some_and(|before| before > event.position()));
        }
    }
}
