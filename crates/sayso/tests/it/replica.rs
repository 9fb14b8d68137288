//! A replica beside a system: it answers as its server does, never from before what it was asked
//! for, and without a lease it says no.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;

use crate::{
    cli::{file, ledger},
    cli_server::stop,
    world::{
        ANA, Answer, Caller, done, ended, free_port, json as json_of, run, sayso, signal, until,
    },
};

pub(crate) const CLEO: &str = "email:cleo@example.org";
/// How long the replicas of these tests go on without a word.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
const OFFERS: [&str; 4] = ["--purpose", "marketing.offers", "--channel", "email"];

/// A ledger, its server and a replica of it, each at an address that it keeps.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) dir: PathBuf,
    server_port: u16,
    pub(crate) server: Option<Child>,
    pub(crate) replica: Child,
    /// Asks the server, and the replica, with a key that may ask for any recipient.
    pub(crate) at_server: Caller,
    pub(crate) at_replica: Caller,
    secret: String,
    key_id: String,
}

/// A ledger whose systems have no deadline: nobody is late, however long a test takes.
pub(crate) async fn ledger_at_ease() -> (TempDir, PathBuf) {
    let (folder, dir) = ledger().await;
    let lines = hearth::CATALOG.lines().filter(|line| !line.contains("effect_deadline:"));
    let catalog: Vec<&str> = lines.collect();
    done(&dir, &["catalog", "apply", &file(&folder, "ease.yaml", &catalog.join("\n"))]).await;
    (folder, dir)
}

pub(crate) async fn world() -> World {
    let (folder, dir) = ledger_at_ease().await;
    for who in [ANA, CLEO] {
        done(&dir, &["subject", "create", who]).await;
        choose(&dir, who, "grant").await;
    }
    begin(folder, dir).await
}

/// Starts a server on a ledger and a replica of it, and waits until it answers.
pub(crate) async fn begin(folder: TempDir, dir: PathBuf) -> World {
    let server_port = free_port();
    let server = serve(&dir, server_port).await;
    let world = World::through(folder, dir, (server, server_port), server_port).await;
    world.is_ready().await;
    world
}

/// Starts a server, which saves its snapshot whenever there is reason to.
pub(crate) async fn serve(dir: &Path, port: u16) -> Child {
    let listen = format!("127.0.0.1:{port}");
    let config = dir.with_file_name("sayso.toml");
    std::fs::write(&config, "[store]\nsave_seconds = 1\n").unwrap();
    let mut command = sayso(dir);
    command.args(["serve", "--config", config.to_str().unwrap(), "--listen", &listen]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let caller = Caller::new(&format!("http://{listen}"));
    until("the server answers", async || caller.attempt(Method::GET, "/readyz", &[], "").await)
        .await;
    child
}

/// A replica that reaches its server at a port, and keeps what it must in a folder of its own.
fn replica(folder: &TempDir, server_port: u16, key_file: &str, port: u16) -> Child {
    let server = format!("http://127.0.0.1:{server_port}");
    let listen = format!("127.0.0.1:{port}");
    let mut command = sayso(&folder.path().join("no-folder"));
    command.args(["replica", "--server", &server, "--key-file", key_file, "--listen", &listen]);
    command.args(["--lease", &format!("{}s", LEASE.as_secs())]);
    let scratch = folder.path().join("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    let log = std::fs::File::create(folder.path().join("replica.log")).unwrap();
    command.env("TMPDIR", scratch).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

pub(crate) async fn choose(dir: &Path, who: &str, word: &str) -> String {
    let written = json_of(dir, &[&["choose", who, word][..], &OFFERS].concat()).await;
    written["position"].as_str().unwrap().to_owned()
}

/// A question about contact data by e-mail.
pub(crate) fn question(recipient: &str, purpose: &str, who: &str, token: Option<&str>) -> Value {
    let mut asked = json!({
        "subject": {"type": "recipient", "id": recipient},
        "action": {"name": purpose},
        "resource": {"type": "contact.email", "id": who},
        "context": {"channel": "email"},
    });
    if let Some(token) = token {
        asked["context"]["at_least_as_fresh"] = json!(token);
    }
    asked
}

pub(crate) async fn ask(caller: &Caller, asked: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    caller.send(Method::POST, "/access/v1/evaluation", &headers, asked.to_string()).await
}

/// May the mailer send somebody offers? The reason.
pub(crate) async fn offers(caller: &Caller, who: &str, token: Option<&str>) -> String {
    let answer = ask(caller, &question("mailer", "marketing.offers", who, token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["context"]["reason"].as_str().unwrap().to_owned()
}

impl World {
    /// Starts a replica of a server that runs, which it reaches at a port that may be another's.
    pub(crate) async fn through(
        folder: TempDir,
        dir: PathBuf,
        (server, server_port): (Child, u16),
        reached: u16,
    ) -> Self {
        let made = json_of(&dir, &["key", "create", "--role", "follow"]).await;
        let key_file = file(&folder, "follow.key", made["key"].as_str().unwrap());
        let made = json_of(&dir, &["key", "create", "--role", "decide"]).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let port = free_port();
        let replica = replica(&folder, reached, &key_file, port);
        let (secret, key_id) = (text("key"), text("id"));
        let caller = |port| Caller::new(&format!("http://127.0.0.1:{port}")).with_key(&secret);
        let (at_server, at_replica) = (caller(server_port), caller(port));
        let server = Some(server);
        Self { folder, dir, server_port, server, replica, at_server, at_replica, secret, key_id }
    }

    async fn ready(&self) -> Answer {
        self.at_replica.attempt(Method::GET, "/readyz", &[], "").await.unwrap_or_else(|| Answer {
            status: hyper::StatusCode::BAD_GATEWAY,
            headers: hyper::HeaderMap::new(),
            text: String::new(),
        })
    }

    pub(crate) async fn is_ready(&self) {
        until("the replica is ready", async || (self.ready().await.status == 200).then_some(()))
            .await;
    }

    pub(crate) async fn lapses(&self) {
        until("the lease lapses", async || (self.ready().await.status == 503).then_some(())).await;
    }

    pub(crate) async fn start_server(&mut self) {
        self.server = Some(serve(&self.dir, self.server_port).await);
    }

    pub(crate) async fn stop_server(&mut self) {
        stop(self.server.take().unwrap()).await;
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("replica.log")).unwrap()
    }

    /// Ends both as an operator does.
    pub(crate) async fn end(self) {
        if let Some(server) = self.server {
            stop(server).await;
        }
        let mut replica = self.replica;
        signal(&replica, "TERM").await;
        assert!(ended(&mut replica).await.success());
    }
}

impl World {
    async fn admin(&self) -> Caller {
        self.at_server.with_key(&std::fs::read_to_string(self.dir.join("admin.key")).unwrap())
    }

    pub(crate) async fn catalog(&self) -> Value {
        self.admin().await.get("/v1/catalog").await["catalog"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_with_its_token_is_denied_at_the_replica() {
    let world = world().await;
    for _ in 0..10 {
        let token = choose(&world.dir, ANA, "deny").await;
        assert_eq!(offers(&world.at_replica, ANA, Some(&token)).await, "withdrawn");
        let token = choose(&world.dir, ANA, "grant").await;
        assert_eq!(offers(&world.at_replica, ANA, Some(&token)).await, "granted");
    }
    let future = question("mailer", "marketing.offers", ANA, Some("0-999999"));
    assert_eq!(ask(&world.at_replica, &future).await.status, 503, "nothing older is answered");

    done(&world.dir, &["key", "revoke", &world.key_id]).await;
    until("the key is refused", async || {
        let asked = question("mailer", "marketing.offers", ANA, None);
        (ask(&world.at_replica, &asked).await.status == 401).then_some(())
    })
    .await;
    assert!(!world.log().contains(&world.secret) && !world.log().contains("ana@"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lease_there_is_no_yes_until_the_server_is_back() {
    let mut world = world().await;
    assert_eq!(offers(&world.at_replica, ANA, None).await, "granted");
    let answer = ask(&world.at_replica, &question("mailer", "marketing.offers", ANA, None)).await;
    assert!(answer.json()["context"]["lease"].is_string());
    let mut server = world.server.take().unwrap();
    signal(&server, "KILL").await;
    ended(&mut server).await;
    let killed = Instant::now();
    let mut last_yes = killed;
    until("it denies", async || {
        let is_yes = offers(&world.at_replica, ANA, None).await == "granted";
        if is_yes {
            last_yes = Instant::now();
        }
        (!is_yes).then_some(())
    })
    .await;
    assert!(last_yes - killed < LEASE, "a yes {:?} after the server was gone", last_yes - killed);
    assert_eq!(offers(&world.at_replica, ANA, None).await, "no_lease");
    assert_eq!(offers(&world.at_replica, "email:nobody@example.org", None).await, "never_asked");
    let recall = ask(&world.at_replica, &question("mailer", "safety.recall", ANA, None)).await;
    assert_eq!(recall.json()["decision"], true, "the law has it: {recall:?}");
    let ready = world.ready().await;
    assert_eq!((ready.status.as_u16(), ready.text.contains("lapsed")), (503, true), "{ready:?}");
    until("the log says so", async || world.log().contains("no lease").then_some(())).await;

    // Ana takes it back meanwhile: the replica must not say yes again before it knows.
    choose(&world.dir, ANA, "deny").await;
    world.start_server().await;
    until("it answers again", async || {
        let reason = offers(&world.at_replica, ANA, None).await;
        assert_ne!(reason, "granted");
        (reason == "withdrawn").then_some(())
    })
    .await;
    world.is_ready().await;
    assert_eq!(offers(&world.at_replica, CLEO, None).await, "granted");
    world.end().await;
}

/// A machine that slept knows nothing of what was said meanwhile, and must not answer as if it did.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stood_still_catches_up_before_it_says_yes() {
    let world = world().await;
    signal(&world.replica, "STOP").await;
    for number in 0..40 {
        let who = format!("email:p{number}@example.org");
        let made = json!({"identifiers": [who], "is_active": true});
        world.admin().await.post("/v1/subjects", &made).await;
    }
    choose(&world.dir, ANA, "deny").await;
    tokio::time::sleep(LEASE).await;
    signal(&world.replica, "CONT").await;
    let reason = offers(&world.at_replica, ANA, None).await;
    assert!(["no_lease", "withdrawn"].contains(&&*reason), "{reason}");
    until("it has caught up", async || {
        (offers(&world.at_replica, ANA, None).await == "withdrawn").then_some(())
    })
    .await;
    world.end().await;
}

/// Nobody can read an erased entry, not even the one that says so; the replica is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_erased_is_forgotten_whether_or_not_the_replica_was_there() {
    let (folder, dir) = ledger_at_ease().await;
    let mut people = Vec::new();
    for who in [ANA, CLEO] {
        let made = json_of(&dir, &["subject", "create", who]).await;
        people.push(made["subject"].as_str().unwrap().to_owned());
        choose(&dir, who, "grant").await;
    }
    let mut world = begin(folder, dir).await;
    let [ana, cleo] = people.as_slice() else { panic!("two people") };
    for person in [ana, cleo] {
        assert_eq!(offers(&world.at_replica, person, None).await, "granted");
    }
    let erased = json_of(&world.dir, &["subject", "erase", ana]).await;
    let token = erased["position"].as_str().unwrap();
    assert_eq!(offers(&world.at_server, ana, Some(token)).await, "never_asked");
    assert_eq!(offers(&world.at_replica, ana, Some(token)).await, "never_asked");
    assert!(!world.log().contains("starting anew"), "{}", world.log());

    world.stop_server().await;
    world.lapses().await;
    done(&world.dir, &["subject", "erase", cleo]).await;
    world.start_server().await;
    until("the server is followed again", async || {
        let reason = offers(&world.at_replica, cleo, None).await;
        assert_ne!(reason, "granted");
        (reason == "never_asked").then_some(())
    })
    .await;
    world.is_ready().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_a_restored_ledger_starts_anew() {
    let mut world = world().await;
    let copy = world.folder.path().join("copy").to_str().unwrap().to_owned();
    done(&world.dir, &["backup", &copy]).await;
    let ben = "email:ben@example.org";
    done(&world.dir, &["subject", "create", ben]).await;
    let token = choose(&world.dir, ben, "grant").await;
    assert_eq!(offers(&world.at_replica, ben, Some(&token)).await, "granted");
    world.stop_server().await;
    done(&world.dir, &["restore", &copy]).await;
    // As long as before and longer: only what is in it differs.
    for number in 0..10 {
        done(&world.dir, &["subject", "create", &format!("email:p{number}@example.org")]).await;
    }
    world.start_server().await;
    until("the restored ledger is followed", async || {
        (offers(&world.at_replica, ben, None).await == "never_asked").then_some(())
    })
    .await;
    assert!(world.log().contains("starting anew"), "{}", world.log());
    world.is_ready().await;
    assert_eq!(offers(&world.at_replica, ANA, None).await, "granted");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_may_not_follow_answers_nobody() {
    let (folder, dir) = ledger().await;
    let server_port = free_port();
    let server = serve(&dir, server_port).await;
    let made = json_of(&dir, &["key", "create", "--role", "decide"]).await;
    let secret = made["key"].as_str().unwrap();
    let port = free_port();
    let mut replica = replica(&folder, server_port, &file(&folder, "key", secret), port);
    let caller = Caller::new(&format!("http://127.0.0.1:{port}")).with_key(secret);
    let lives = async || caller.attempt(Method::GET, "/healthz", &[], "").await;
    assert_eq!(until("it lives", lives).await.status, 200);
    let log = folder.path().join("replica.log");
    until("the log says why", async || {
        std::fs::read_to_string(&log).unwrap().contains("role `follow`").then_some(())
    })
    .await;
    let ready = caller.send(Method::GET, "/readyz", &[], "").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    let asked = question("mailer", "marketing.offers", ANA, None);
    assert_eq!(ask(&caller, &asked).await.status, 503, "its key is neither known nor wrong");
    signal(&replica, "TERM").await;
    assert!(ended(&mut replica).await.success());
    stop(server).await;
    let nowhere =
        run(&dir, &["replica", "--server", "http://127.0.0.1:1", "--key-file", "gone"]).await;
    assert!(nowhere.code == 1 && nowhere.err.contains("cannot read `gone`"), "{nowhere:?}");
}
