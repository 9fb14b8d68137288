//! The end of the process, at any moment, loses no report of anything that was done.

use std::process::{Child, Command, Stdio};

use super::*;

const DIR: &str = "HEARTH_TEST_DIR";

/// A system in a process of its own, to be killed. Run by itself it has nothing to test, which is
/// why it is ignored.
#[tokio::test]
#[ignore = "the child process of `a_killed_system_loses_nothing`"]
async fn child() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let sayso_url = std::fs::read_to_string(dir.join("sayso")).unwrap();
    let system = System::bind(config(&dir.join("mailer.db"), &sayso_url)).await.unwrap();
    std::fs::write(dir.join("url.new"), format!("http://{}", system.address())).unwrap();
    std::fs::rename(dir.join("url.new"), dir.join("url")).unwrap();
    system.run(std::future::pending()).await.unwrap();
}

async fn spawn(dir: &Path) -> (Child, String) {
    let url = dir.join("url");
    let _ = std::fs::remove_file(&url);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "system::tests::crash::child", "--ignored"])
        .env(DIR, dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually(|| url.exists()).await;
    (child, std::fs::read_to_string(url).unwrap())
}

/// Sends until the system is gone; says what was answered 204.
async fn tell_until_killed(
    url: String,
    round: usize,
    client_number: usize,
) -> Vec<(String, String)> {
    let (client, mut told) = (client(), Vec::new());
    for number in 0.. {
        let number = (round * 1_000 + number) * 8 + client_number + 1;
        let (position, identifier) =
            (format!("0-{number}"), format!("email:p{number}@example.org"));
        let message = message(&position, &identifier, true);
        let (id, body) = (message["id"].as_str().unwrap(), message.to_string());
        let timestamp = now().as_second().to_string();
        let request = Request::post(format!("{url}/hook"))
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", v1a(&format!("{id}.{timestamp}.{body}")))
            .body(body.into())
            .unwrap();
        match client.request(request).await {
            Ok(answer) if answer.status() == StatusCode::NO_CONTENT => {
                told.push((identifier, position));
            }
            Ok(answer) => panic!("{}", answer.status()),
            Err(_) => break,
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_system_loses_nothing() {
    let (sayso, sayso_url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sayso"), &sayso_url).unwrap();
    let mut acknowledged = HashSet::new();
    for round in 0..4 {
        // In every other round Sayso is away, so that the outbox is full when the end comes.
        let failures = if round % 2 == 0 { usize::MAX } else { 0 };
        sayso.failures_left.store(failures, Ordering::SeqCst);
        let (mut child, url) = spawn(dir.path()).await;
        let clients: Vec<_> = (0..8)
            .map(|client| tokio::spawn(tell_until_killed(url.clone(), round, client)))
            .collect();
        tokio::time::sleep(Duration::from_millis(150 + 37 * round as u64)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        for client in clients {
            acknowledged.extend(client.await.unwrap());
        }
    }
    assert!(acknowledged.len() > 100, "only {} messages were told", acknowledged.len());

    sayso.failures_left.store(0, Ordering::SeqCst);
    let system = Running::start(&dir.path().join("mailer.db"), &sayso_url).await;
    eventually(|| system.count("SELECT count(*) FROM outbox") == 0).await;
    let told: HashSet<_> =
        sayso.told().into_iter().map(|(identifier, position, _)| (identifier, position)).collect();
    for (identifier, position) in &acknowledged {
        assert!(
            system.row(identifier).is_some(),
            "{position} was acknowledged and is not in the table"
        );
        assert!(
            told.contains(&(identifier.clone(), position.clone())),
            "{position} was not reported"
        );
    }
    for (identifier, position) in &told {
        assert!(
            system.row(identifier).is_some(),
            "{position} was reported and is not in the table"
        );
    }
    system.end().await;
}

#[tokio::test]
async fn what_was_not_reported_is_reported_after_a_restart() {
    let (sayso, url) = Sayso::start().await;
    sayso.failures_left.store(usize::MAX, Ordering::SeqCst);
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("mailer.db");
    let system = Running::start(&database, &url).await;
    for number in 1..=3 {
        system.tell(&message(&format!("0-{number}"), ANA, number % 2 == 1)).await;
    }
    eventually(|| sayso.requests.load(Ordering::SeqCst) > 0).await;
    system.end().await;
    assert_eq!(sayso.told(), []);

    sayso.failures_left.store(0, Ordering::SeqCst);
    let system = Running::start(&database, &url).await;
    let told = sayso.told_eventually(3).await;
    let positions: Vec<_> = told.iter().map(|(_, position, _)| &**position).collect();
    assert_eq!(positions, ["0-1", "0-2", "0-3"]);
    assert_eq!(system.flag(ANA), Some(true));
    system.end().await;
}

#[tokio::test]
async fn a_start_that_cannot_succeed_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let good = config(&dir.path().join("mailer.db"), "http://127.0.0.1:9");
    let error = async |config| System::bind(config).await.err().unwrap();

    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap();
    let text = error(SystemConfig { listen, ..good.clone() }).await.to_string();
    assert!(text.contains(&listen.to_string()) && text.contains("cannot listen"), "{text}");

    let foreign = dir.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let database = foreign.clone();
    let text = error(SystemConfig { database, ..good.clone() }).await.to_string();
    assert!(text.contains("no table of customers"), "{text}");
    let tables = "SELECT count(*) FROM sqlite_schema";
    let count: i64 =
        Connection::open(&foreign).unwrap().query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1, "a database of somebody else was changed");

    let damaged = dir.path().join("damaged.db");
    std::fs::write(&damaged, "this is not a database ".repeat(100)).unwrap();
    let text = error(SystemConfig { database: damaged, ..good.clone() }).await.to_string();
    assert!(text.contains("damaged.db"), "{text}");

    for (setting, config) in [
        ("public_key", SystemConfig { public_key: "whpk_".into(), ..good.clone() }),
        ("secret", SystemConfig { secret: "whsec_AAAA".into(), ..good.clone() }),
        ("sayso_url", SystemConfig { sayso_url: "ftp://x".into(), ..good.clone() }),
        ("key", SystemConfig { key: "a key\n".into(), ..good.clone() }),
    ] {
        let error = error(config).await;
        assert!(
            matches!(error, SystemError::Setting { setting: found, .. } if found == setting),
            "{error}"
        );
    }
}
