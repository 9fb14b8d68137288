//! A replica that starts from what its server has saved: it comes to answer as the server does,
//! whatever happens to the snapshot on its way and whoever is killed meanwhile.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::{
    cli::file,
    replica::{CLEO, LEASE, World, ask, choose, ledger_at_ease, offers, question, serve},
    replica_answers::everything,
    world::{ANA, Dice, done, ended, free_port, json as json_of, signal, until},
};

/// What the replica's log says once it has taken a snapshot up.
const TAKEN_UP: &str = "took up the server's saved snapshot";
/// More people than it takes for a snapshot to be saved.
const PEOPLE: usize = 1_100;

/// What is done to a snapshot on its way, after so many bytes of it.
#[derive(Clone, Copy, Debug)]
enum Meddling {
    /// The connection ends.
    Cut(usize),
    /// One bit is another.
    Flip(usize),
    /// Nothing comes any more, until the server is gone.
    Hold(usize),
}

/// Stands between a replica and its server, and passes on what they say, but for the first snapshots.
struct Meddler {
    port: u16,
    /// How many snapshots were asked for.
    asked: watch::Receiver<usize>,
    runs: tokio::task::JoinHandle<()>,
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.runs.abort();
    }
}

/// What is done now on a connection, and to how many bytes it came so far.
type Now = Arc<Mutex<Option<(Meddling, usize)>>>;

impl Meddler {
    async fn start(server: u16, plan: &[Meddling]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Arc::new(Mutex::new(VecDeque::from(plan.to_vec())));
        let (count, asked) = watch::channel(0);
        let count = Arc::new(count);
        let runs = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let now = Now::default();
                let (plan, count) = (Arc::clone(&plan), Arc::clone(&count));
                let theirs = Arc::clone(&now);
                tokio::spawn(async move {
                    let noted = |some: &[u8]| {
                        if some.windows(20).any(|window| window == b"GET /v1/log/snapshot") {
                            let next = plan.lock().unwrap().pop_front();
                            *theirs.lock().unwrap() = next.map(|meddling| (meddling, 0));
                            count.send_modify(|count| *count += 1);
                        }
                    };
                    pass(from_client, to_server, noted).await;
                });
                tokio::spawn(meddle(from_server, to_client, now));
            }
        });
        Self { port, asked, runs }
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, noted: impl Fn(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        noted(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn meddle(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, now: Now) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let (mut meddling, mut begun, mut seen) = (None, 0, 0);
        if let Some((now, so_far)) = &mut *now.lock().unwrap() {
            (meddling, begun, seen) = (Some(*now), *so_far, *so_far + count);
            *so_far = seen;
        }
        match meddling {
            Some(Meddling::Cut(at)) if seen > at => {
                let _ = to.write_all(&buffer[..at - begun]).await;
                return;
            }
            Some(Meddling::Hold(at)) if seen > at => continue,
            Some(Meddling::Flip(at)) if (begun..seen).contains(&at) => buffer[at - begun] ^= 1,
            _ => {}
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// A server on a ledger of many people that it has saved, at a port.
async fn saved() -> (tempfile::TempDir, std::path::PathBuf, tokio::process::Child, u16) {
    let (folder, dir) = ledger_at_ease().await;
    let mut csv = "email,effect,purpose,channel,notice,notice_version,is_active\n".to_owned();
    let mut dice = Dice(7);
    for number in 0..PEOPLE {
        let effect = if dice.below(3) == 0 { "denial" } else { "grant" };
        csv += &format!("p{number}@example.org,{effect},marketing.offers,email,offers,2,true\n");
    }
    done(&dir, &["subject", "import", &file(&folder, "many.csv", &csv)]).await;
    for who in [ANA, CLEO] {
        done(&dir, &["subject", "create", who]).await;
        choose(&dir, who, "grant").await;
    }
    let port = free_port();
    let server = serve(&dir, port).await;
    is_saved(&dir).await;
    (folder, dir, server, port)
}

async fn is_saved(dir: &Path) {
    until("the snapshot is saved", async || dir.join("snapshot.img").exists().then_some(())).await;
}

fn times(log: &str, what: &str) -> usize {
    log.matches(what).count()
}

async fn answers_alike(world: &World) {
    let token = choose(&world.dir, CLEO, "grant").await;
    assert_eq!(offers(&world.at_replica, CLEO, Some(&token)).await, "granted");
    let catalog = world.catalog().await;
    let people = [
        "email:p0@example.org",
        "email:p1@example.org",
        "email:p2@example.org",
        "email:p3@example.org",
        "email:nobody@example.org",
        ANA,
        CLEO,
    ];
    let at_server = everything(&world.at_server, &catalog, &people).await;
    assert_eq!(everything(&world.at_replica, &catalog, &people).await, at_server);
    assert!(at_server.to_string().contains("granted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_starts_from_what_the_server_has_saved_and_goes_on() {
    let (folder, dir, server, port) = saved().await;
    // What is behind what was saved.
    let token = choose(&dir, ANA, "deny").await;
    done(&dir, &["subject", "erase", "email:p1@example.org"]).await;
    let world = World::through(folder, dir, (server, port), port).await;
    world.is_ready().await;
    assert_eq!(times(&world.log(), TAKEN_UP), 1, "{}", world.log());
    assert_eq!(offers(&world.at_replica, ANA, Some(&token)).await, "withdrawn");
    answers_alike(&world).await;
    let future = question("mailer", "marketing.offers", ANA, Some("0-999999"));
    assert_eq!(ask(&world.at_replica, &future).await.status, 503, "nothing older is answered");

    let erased = json_of(&world.dir, &["subject", "erase", "email:p0@example.org"]).await;
    let token = erased["position"].as_str().unwrap();
    let who = "email:p0@example.org";
    assert_eq!(offers(&world.at_replica, who, Some(token)).await, "never_asked");
    let catalog = hearth::CATALOG.replace("Ofengasse 7", "Ofengasse 8");
    let lines = catalog.lines().filter(|line| !line.contains("effect_deadline:"));
    let catalog = lines.collect::<Vec<_>>().join("\n");
    done(&world.dir, &["catalog", "apply", &file(&world.folder, "next.yaml", &catalog)]).await;
    for _ in 0..3 {
        let token = choose(&world.dir, ANA, "grant").await;
        assert_eq!(offers(&world.at_replica, ANA, Some(&token)).await, "granted");
        let token = choose(&world.dir, ANA, "deny").await;
        assert_eq!(offers(&world.at_replica, ANA, Some(&token)).await, "withdrawn");
    }
    answers_alike(&world).await;
    let scratch = world.folder.path().join("scratch");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "its file has no name");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_torn_or_changed_is_asked_for_again() {
    let (folder, dir, server, port) = saved().await;
    let plan = [Meddling::Cut(150_000), Meddling::Flip(220_000)];
    let meddler = Meddler::start(port, &plan).await;
    let world = World::through(folder, dir, (server, port), meddler.port).await;
    world.is_ready().await;
    assert_eq!((*meddler.asked.borrow(), times(&world.log(), TAKEN_UP)), (3, 1));
    assert!(world.log().contains("broke off"), "{}", world.log());
    answers_alike(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_never_gets_a_whole_snapshot_follows_from_the_beginning() {
    let (folder, dir, server, port) = saved().await;
    let plan = [Meddling::Flip(120_000), Meddling::Cut(1_000), Meddling::Flip(220_000)];
    let meddler = Meddler::start(port, &plan).await;
    let world = World::through(folder, dir, (server, port), meddler.port).await;
    world.is_ready().await;
    assert_eq!((*meddler.asked.borrow(), times(&world.log(), TAKEN_UP)), (3, 0));
    answers_alike(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_sends_is_asked_again() {
    let (folder, dir, server, port) = saved().await;
    let mut meddler = Meddler::start(port, &[Meddling::Hold(150_000)]).await;
    let mut world = World::through(folder, dir, (server, port), meddler.port).await;
    meddler.asked.wait_for(|asked| *asked == 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = ask(&world.at_replica, &question("mailer", "marketing.offers", ANA, None)).await;
    assert_eq!(refused.status, 503, "it has not begun");
    let mut server = world.server.take().unwrap();
    signal(&server, "KILL").await;
    ended(&mut server).await;
    choose(&world.dir, ANA, "deny").await;
    world.start_server().await;
    world.is_ready().await;
    assert_eq!(offers(&world.at_replica, ANA, None).await, "withdrawn");
    answers_alike(&world).await;
    // One that is killed itself leaves nothing behind.
    signal(&world.replica, "KILL").await;
    ended(&mut world.replica).await;
    let scratch = world.folder.path().join("scratch");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    world.stop_server().await;
}

/// While the replica stands still somebody is erased, and the server forgets that it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_missed_what_nobody_can_tell_it_starts_from_a_snapshot_again() {
    let (folder, dir, server, port) = saved().await;
    let mut world = World::through(folder, dir, (server, port), port).await;
    world.is_ready().await;
    assert_eq!(offers(&world.at_replica, ANA, None).await, "granted");
    signal(&world.replica, "STOP").await;
    // The question that it has asked already is answered with this; it asks no other.
    choose(&world.dir, CLEO, "grant").await;
    tokio::time::sleep(LEASE).await;
    done(&world.dir, &["subject", "erase", ANA]).await;
    world.stop_server().await;
    world.start_server().await;
    choose(&world.dir, CLEO, "deny").await;
    signal(&world.replica, "CONT").await;
    until("it has started anew", async || {
        let reason = offers_or_none(&world, ANA).await;
        assert_ne!(reason.as_deref(), Some("granted"), "from before the erasure");
        (reason.as_deref() == Some("never_asked")).then_some(())
    })
    .await;
    world.is_ready().await;
    assert_eq!(times(&world.log(), TAKEN_UP), 2, "{}", world.log());
    assert!(world.log().contains("starting anew"));
    assert_eq!(offers(&world.at_replica, CLEO, None).await, "withdrawn");
    answers_alike(&world).await;
    world.end().await;
}

/// The reason, if it is answered at all.
async fn offers_or_none(world: &World, who: &str) -> Option<String> {
    let answer = ask(&world.at_replica, &question("mailer", "marketing.offers", who, None)).await;
    let is_answered = answer.status == 200;
    is_answered.then(|| answer.json()["context"]["reason"].as_str().unwrap().to_owned())
}
