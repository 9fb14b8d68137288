use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_ledger::sink::{Answer, Kept, Message, Outcome, Sink, Told};
use serde_json::{Value, json};

use super::*;
use crate::conformance::{
    self,
    people::{LEDGER, Person, recipient},
    rig::{Able, Cannot, Hands, Rig, fold},
};

/// A program of a company: it keeps lines in a file, and refuses what is too long.
const PROGRAM: &str = r#"#!/usr/bin/python3 -SE
import json, os, sys, time
folder = sys.argv[1]
if os.path.exists(folder + "/silent"):
    time.sleep(60)
if os.path.exists(folder + "/closed") or os.environ.get("SAYSO_SECRET") != "open sesame":
    sys.exit(77)
if os.path.exists(folder + "/bare"):
    sys.exit(1)
results = []
with open(folder + "/lines", "ab") as lines:
    for line in sys.stdin.buffer:
        is_long = len(line) > 100000
        if not is_long:
            lines.write(line)
        event = json.loads(line)
        results.append({"id": event["id"], "status": "refused" if is_long else "applied", "detail": "1 line"})
    lines.flush()
    os.fsync(lines.fileno())
for result in results:
    print(json.dumps(result))
"#;

struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self { folder: tempfile::tempdir().unwrap() };
        write_program(&room.path("receive"), PROGRAM);
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let lines = fs::read(self.path("lines")).unwrap_or_default();
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(<[u8]>::to_vec).collect()
    }

    fn sink(&self, secret: &str) -> Arc<dyn Sink> {
        let settings = json!({
            "program": self.path("receive"), "arguments": [self.folder.path()],
            "timeout_ms": 2_000, "batch_max": 500,
        });
        let settings = serde_json::from_value(settings).unwrap();
        Arc::new(Exec::new(settings, Some(secret.to_owned().into())).unwrap())
    }

    fn flag<'a>(&self, name: &str, is_up: bool) -> Answer<'a, Able> {
        match is_up {
            true => fs::write(self.path(name), "").unwrap(),
            false => fs::remove_file(self.path(name)).unwrap(),
        }
        Box::pin(async { Ok(()) })
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Hands for Room {
    fn break_off(&self) -> Answer<'_, Able> {
        self.dismantle()
    }

    fn mend(&self) -> Answer<'_, ()> {
        self.assemble()
    }

    fn stall(&self) -> Answer<'_, Able> {
        // A check runs nothing, so it cannot see this.
        Box::pin(async { Err(Cannot("a program that does not answer looks like any other")) })
    }

    fn revoke(&self) -> Answer<'_, Able> {
        self.flag("closed", true)
    }

    fn admit(&self) -> Answer<'_, ()> {
        drop(self.flag("closed", false));
        Box::pin(async {})
    }
}

impl Rig for Room {
    fn open(&self) -> Arc<dyn Sink> {
        self.sink("open sesame")
    }

    fn hands(&self) -> &dyn Hands {
        self
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async { fold(self.lines()) })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        Box::pin(async { self.lines() })
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Err(Cannot("nothing leaves the machine"))
    }

    fn poison(&self, good: Message) -> Able<Message> {
        let mut event: Value = serde_json::from_slice(&good.body).unwrap();
        event["padding"] = " ".repeat(100_000).into();
        Ok(Message { body: event.to_string().into_bytes(), ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Err(Cannot("a check runs nothing, and cannot see that a secret is wrong"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        fs::rename(self.path("receive"), self.path("away")).unwrap();
        Box::pin(async { Ok(()) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        fs::rename(self.path("away"), self.path("receive")).unwrap();
        Box::pin(async {})
    }

    fn lose<'a>(&'a self, _: &'a str) -> Answer<'a, Able> {
        Box::pin(async { Err(Cannot("programs are not read back")) })
    }

    fn backfill(&self) -> usize {
        2_000
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_keep_every_rule() {
    conformance::run::run(&Room::new()).await;
}

/// A program that is written for one test.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_program(&folder.path().join("script"), &format!("#!/bin/sh\n{text}"));
        Self { folder }
    }

    fn sink(&self, settings: &Value) -> Exec {
        let mut all = json!({
            "program": self.folder.path().join("script"), "folder": self.folder.path(),
            "timeout_ms": 5_000,
        });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        Exec::new(serde_json::from_value(all).unwrap(), None).unwrap()
    }

    async fn deliver(&self, told: &[Message]) -> Vec<Outcome> {
        self.sink(&json!({})).deliver(told.into()).await
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

fn told(count: u64) -> Vec<Message> {
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    (1..=count).map(|number| Person::new(&secrets, number).told(number, true)).collect()
}

#[tokio::test]
async fn an_exit_status_counts_for_all() {
    let applied = Outcome::Applied { detail: None };
    for (text, expected) in [
        ("cat > lines", applied),
        ("cat > /dev/null; exit 65", Outcome::Refused { why: "exit_65".into() }),
        ("cat > /dev/null; exit 75", Outcome::again("exit_75")),
        ("cat > /dev/null; exit 77", Outcome::again("credentials")),
        ("cat > /dev/null; exit 1", Outcome::again("exit_1")),
        ("cat > /dev/null; kill -9 $$", Outcome::again("signal")),
    ] {
        let script = Script::new(text);
        assert_eq!(script.deliver(&told(2)).await, [expected.clone(), expected], "{text}");
    }
}

#[tokio::test]
async fn what_it_says_of_a_message_counts_for_that_one() {
    let told = told(5);
    let say =
        |place: usize, rest: &str| format!("echo '{{\"id\":\"{}\",{rest}}}'\n", told[place].id);
    let said = [
        say(1, r#""status":"again","detail":"ana@example.org""#),
        say(0, r#""status":"applied","detail":"2 rows""#),
        say(3, r#""status":"applied","detail":"row of ana@example.org""#),
        say(2, r#""status":"refused""#),
        "echo 'not a result'\n".to_owned(),
    ];
    let applied = |detail: Option<&str>| Outcome::Applied { detail: detail.map(str::to_owned) };
    for (end, unsaid) in [("", applied(None)), ("exit 1", Outcome::again("exit_1"))] {
        let script = Script::new(&format!("cat > /dev/null\n{}{end}", said.concat()));
        let expected = [
            applied(Some("2 rows")),
            Outcome::again("receiver_again"),
            Outcome::Refused { why: "receiver_refused".into() },
            applied(None),
            unsaid,
        ];
        assert_eq!(script.deliver(&told).await, expected);
    }
}

#[tokio::test]
async fn it_is_given_lines_and_nothing_of_ours() {
    let script = Script::new("cat > lines; printf '%s\\n' \"$@\" > arguments; env > environment");
    let told = told(3);
    let sink = script.sink(&json!({
        "arguments": ["a b", "$HOME", "; touch oops", "*"], "environment": { "REGION": "eu" },
    }));
    sink.deliver(told.clone().into()).await;
    let expected: String =
        told.iter().map(|told| String::from_utf8(told.body.clone()).unwrap() + "\n").collect();
    assert_eq!(script.read("lines"), expected);
    assert_eq!(script.read("arguments"), "a b\n$HOME\n; touch oops\n*\n");
    let environment = script.read("environment");
    let mut names: Vec<&str> =
        environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // The shell adds these to every environment.
    names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name));
    assert_eq!(names, ["REGION"]);
}

#[tokio::test]
async fn one_that_takes_too_long_is_killed_with_all_that_it_started() {
    let script = Script::new("sleep 30 & echo $! > child; echo $$ > own; wait");
    let sink = script.sink(&json!({ "timeout_ms": 400 }));
    let begun = Instant::now();
    assert_eq!(sink.deliver(told(1).into()).await, [Outcome::again("timeout")]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    for name in ["own", "child"] {
        is_gone(script.read(name).trim()).await;
    }
}

#[tokio::test]
async fn one_that_nobody_waits_for_any_more_is_killed() {
    let script = Script::new("sleep 30 & echo $! > child; echo $$ > own; wait");
    let sink = script.sink(&json!({}));
    let cut = tokio::time::timeout(Duration::from_millis(400), sink.deliver(told(1).into())).await;
    assert!(cut.is_err());
    for name in ["own", "child"] {
        is_gone(script.read(name).trim()).await;
    }
}

/// Whether a process has ended, or is about to: a killed one may still wait to be buried.
async fn is_gone(id: &str) {
    assert!(!id.is_empty());
    for _ in 0..100 {
        let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if status.is_empty() || status.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{id} still runs");
}

#[tokio::test]
async fn one_that_says_too_much_or_reads_too_little_did_not_do_it() {
    for (text, why) in [
        ("cat > /dev/null; yes", "too_much_output"),
        // More than fits between the two is never read.
        ("exit 0", "unread"),
    ] {
        let begun = Instant::now();
        let outcomes = Script::new(text).deliver(&told(300)).await;
        assert_eq!(outcomes, vec![Outcome::again(why); 300], "{text}");
        assert!(begun.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_as_a_whole_goes_one_by_one() {
    let script = Script::new("if grep -q person-2-; then exit 65; fi");
    let outcomes = script.deliver(&told(3)).await;
    let applied = Outcome::Applied { detail: None };
    let refused = Outcome::Refused { why: "exit_65".into() };
    assert_eq!(outcomes, [applied.clone(), refused, applied]);
}

#[tokio::test]
async fn what_cannot_be_run_is_found() {
    let script = Script::new("cat > /dev/null");
    assert_eq!(script.sink(&json!({})).check().await.unwrap(), ["the program is there"]);
    for (settings, class) in [
        (json!({ "program": script.folder.path().join("none") }), "no_program"),
        (json!({ "program": script.folder.path() }), "not_executable"),
        (json!({ "folder": "/nowhere" }), "no_folder"),
    ] {
        assert_eq!(script.sink(&settings).check().await.unwrap_err().0, class);
    }
    let told = Told { recipient: recipient(), ledger: LEDGER.into() };
    for (settings, needle) in [
        (json!({}), "program"),
        (json!({ "program": "script" }), "absolute"),
        (json!({ "program": "/a", "folder": "b" }), "folder"),
        (json!({ "program": "/a", "arguments": "x y" }), "arguments"),
        (json!({ "program": "/a", "arguments": ["x\u{0}"] }), "zero byte"),
        (json!({ "program": "/a", "environment": { "a=b": "c" } }), "environment"),
        (json!({ "program": "/a", "timeout_ms": 0 }), "timeout_ms"),
        (json!({ "program": "/a", "batch_max": 0 }), "batch_max"),
        (json!({ "program": "/a", "at_once": 99 }), "at_once"),
        (json!({ "program": "/a", "shell": true }), "no setting"),
    ] {
        let opened = crate::open::open("exec", &settings, &Default::default(), &told);
        let error = opened.err().unwrap().to_string();
        assert!(error.contains(needle), "{settings}: {error}");
    }
}
