//! The receivers of `clients/`, as programs of their own, told by the real sink and read back.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use sayso_ledger::{
    Clock, Secrets,
    deliver::{range, sum},
    sink::{Kept, Message as Told, Outcome, Pace, Sink},
};
use sayso_testkit::servers::is_required;

use super::*;
use crate::conformance::people::Person;

/// A receiver that runs; it is killed with the test, and ends by itself if the test is killed.
struct Running {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Running {
    /// None, with a word, where there is no such language.
    fn start(program: &str, example: &str, known: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients").join(example);
        let mut command = Command::new("timeout");
        command.args(["--kill-after=1", "120", program]).arg(&example).args(["0", known]);
        if program != "node" {
            command.arg(folder.path().join("received.db"));
        }
        let is_there = Command::new(program).arg("--version").output().is_ok();
        if !is_there {
            assert!(!is_required(), "{program} is not installed");
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let url = said.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Some(Self { child, url, _folder: folder })
    }

    fn sink(&self, batch_max: usize, secret: &str) -> Webhook {
        let config = WebhookConfig { secret: secret.parse().unwrap(), ..local(&self.url) };
        let options = Options {
            pace: Pace { batch_max, ..Pace::default() },
            read_back_url: Some(self.url.replace("/in", "/read")),
            ..Options::default()
        };
        Webhook::new(config).unwrap().with(options).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It passes the signal on to the program, and ends with it.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.child.wait();
    }
}

fn python() -> String {
    let own = std::env::var_os("SAYSO_PYTHON").map(PathBuf::from).filter(|path| path.exists());
    own.map_or("python3".into(), |path| path.display().to_string())
}

/// Signed for this moment, as a message that is sent when it was composed.
fn now(told: Told) -> Told {
    Told { at: Clock::system().at(), ..told }
}

fn kept(told: &Told) -> Kept {
    Kept {
        key: told.key.clone(),
        position: Some(told.position),
        names: told.identifiers.len() as u64,
        marks: sum(&told.key, &told.permissions),
    }
}

async fn deliver(sink: &Webhook, told: &[Told]) {
    let told: Arc<[Told]> = told.iter().cloned().map(now).collect();
    for outcome in sink.deliver(told).await {
        let is_taken = matches!(outcome, Outcome::Delivered | Outcome::Applied { detail: None });
        assert!(is_taken, "{outcome:?}");
    }
}

/// Tells it a story, and reads back how it ended.
async fn obeys(receiver: &Running, batch_max: usize) {
    let sink = receiver.sink(batch_max, SECRET);
    assert_eq!(sink.check().await.unwrap(), ["took a signed ping"]);
    let secrets = Secrets::generate().unwrap();
    let people: Vec<Person> = (1..=40).map(|number| Person::new(&secrets, number)).collect();
    let mut told: Vec<Told> = people.iter().map(|person| person.told(9, true)).collect();
    deliver(&sink, &told).await;
    // Later, of the same entry, an older one, a repeat, one who leaves, and a name that does.
    told[0] = people[0].told_later(9, false);
    told[1] = people[1].told(10, false);
    let gone = people[2].leaving(11);
    let parted = people[3].parting(&secrets, 12);
    let story = [
        told[0].clone(),
        people[0].told(8, true),
        told[1].clone(),
        people[1].told(9, true),
        gone,
        parted,
        people[2].told(3, true),
        told[5].clone(),
    ];
    for part in story.chunks(batch_max) {
        deliver(&sink, part).await;
    }
    told.remove(2);
    let mirror = Sink::mirror(&sink).unwrap();
    let sums = mirror.sums().await.unwrap();
    assert_eq!(sums.iter().map(|sum| sum.people).sum::<u64>(), 39);
    assert_eq!(sums.iter().map(|sum| sum.names).sum::<u64>(), 78);
    for expected in told.iter().map(kept) {
        let people = mirror.people(&BTreeSet::from([range(&expected.key)])).await.unwrap();
        assert!(people.contains(&expected), "{expected:?} is not among {people:?}");
        let own = sums.iter().find(|sum| sum.range == range(&expected.key)).unwrap();
        let marks = people.iter().fold(0, |sum: u64, kept| sum.wrapping_add(kept.marks));
        assert_eq!((own.people, own.marks), (people.len() as u64, marks));
    }
    let stranger = receiver.sink(batch_max, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(stranger.check().await.unwrap_err().0, "credentials");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_in_python_obeys() {
    for batch_max in [1, 20] {
        let receiver = Running::start(&python(), "python/example.py", SECRET);
        let Some(receiver) = receiver else { return };
        obeys(&receiver, batch_max).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_in_node_obeys() {
    for batch_max in [1, 20] {
        let receiver = Running::start("node", "typescript/example.js", SECRET);
        let Some(receiver) = receiver else { return };
        obeys(&receiver, batch_max).await;
    }
}

#[tokio::test]
async fn they_know_us_by_our_key_alone() {
    for (program, example) in
        [(python(), "python/example.py"), ("node".into(), "typescript/example.js")]
    {
        let Some(receiver) = Running::start(&program, example, PUBLIC_KEY) else { continue };
        let sink = receiver.sink(1, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(sink.check().await.unwrap(), ["took a signed ping"], "{program}");
    }
}

/// Their own tests, so that whoever changes one side runs both.
#[test]
fn their_own_tests_pass() {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients");
    let python = python();
    for (folder, command) in [
        ("python", vec![python.as_str(), "-m", "unittest", "discover", "-s", "tests"]),
        ("typescript", vec!["node", "--test", "test/"]),
    ] {
        let Ok(output) =
            Command::new(command[0]).args(&command[1..]).current_dir(clients.join(folder)).output()
        else {
            assert!(!is_required(), "{} is not installed", command[0]);
            continue;
        };
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
