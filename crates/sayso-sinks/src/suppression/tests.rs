use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use sayso_consent::{Timestamp, id::Position};
use sayso_ledger::{
    Clock, Secrets,
    sink::{Message, Outcome, Sink, Told},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::conformance::people::Person;

const BEGIN: i64 = 1_800_000_000_000;

struct Room {
    folder: tempfile::TempDir,
    clock: Clock,
    secrets: Secrets,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("exports")).unwrap();
        let clock = Clock::fixed(Timestamp(BEGIN));
        Self { folder, clock, secrets: Secrets::generate().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sink(&self, settings: &Value) -> Arc<dyn Sink> {
        let mut all = json!({
            "folder": self.path("state"), "exports": self.path("exports"), "every_seconds": 60,
        });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let told = Told { recipient: "mailer".parse().unwrap(), ledger: "c0ffee".into() };
        let settings = serde_json::from_value(all).unwrap();
        Arc::new(Suppression::new(settings, &told, self.clock.clone()).unwrap())
    }

    fn later(&self, seconds: i64) {
        self.clock.set(self.clock.at().plus_ms(seconds * 1_000));
    }

    /// The names of the files that the partner sees.
    fn exports(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("exports")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn list(&self, number: u64) -> Vec<String> {
        let path = self.path(&format!("exports/mailer-{number:06}.csv"));
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    fn person(&self, number: u64) -> Person {
        Person::new(&self.secrets, number)
    }
}

async fn deliver(sink: &Arc<dyn Sink>, told: &[Message]) {
    assert_eq!(sink.deliver(told.into()).await, vec![Outcome::Delivered; told.len()]);
}

async fn applied(sink: &Arc<dyn Sink>) -> Vec<Position> {
    sink.applied().await.into_iter().map(|(_, position)| position).collect()
}

fn one_name(name: &str, mut message: Message) -> Message {
    message.identifiers = vec![name.into()];
    message
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_list_is_applied_once_it_was_taken_and_not_before() {
    for take in ["remove", "move", "mark"] {
        let room = Room::new();
        let sink = room.sink(&json!({ "purpose": "marketing", "channel": "email" }));
        let ana = one_name("email: Ana@Example.org ", room.person(1).told(1, false));
        let ben = one_name("email:ben@example.org", room.person(2).told(2, true));
        deliver(&sink, &[ana.clone(), ben]).await;
        assert_eq!(applied(&sink).await, []);
        assert_eq!(room.exports(), ["mailer-000001.csv", "mailer-000001.json"]);
        assert_eq!(
            room.list(1),
            ["sha256,leaving".into(), format!("{},0", sha256("ana@example.org"))]
        );
        assert_eq!(applied(&sink).await, [], "nobody took it");
        let list = room.path("exports/mailer-000001.csv");
        match take {
            "remove" => fs::remove_file(list).unwrap(),
            "move" => fs::rename(list, room.path("elsewhere")).unwrap(),
            _ => fs::write(room.path("exports/mailer-000001.csv.taken"), "").unwrap(),
        }
        let both = [Position::at(1), Position::at(2)];
        let mut found = applied(&sink).await;
        found.sort_unstable();
        assert_eq!(found, both, "{take}");
        assert_eq!(sink.applied().await.len(), 0, "once");
        assert_eq!(room.exports(), [""; 0], "{take}");
        // The same again needs no new list, and is applied as it is.
        let mut again = ana.clone();
        again.at = again.at.plus_ms(1);
        deliver(&sink, &[again]).await;
        room.later(3_600);
        assert_eq!(applied(&sink).await, [Position::at(1)]);
        assert_eq!(room.exports(), [""; 0], "{take}");
    }
}

#[tokio::test]
async fn what_was_reported_is_said_again_after_a_crash() {
    let room = Room::new();
    let sink = room.sink(&json!({}));
    deliver(&sink, &[room.person(1).told(7, false)]).await;
    applied(&sink).await;
    fs::remove_file(room.path("exports/mailer-000001.csv")).unwrap();
    assert_eq!(applied(&sink).await, [Position::at(7)]);
    drop(sink);
    let sink = room.sink(&json!({}));
    assert_eq!(applied(&sink).await, [Position::at(7)]);
    assert_eq!(applied(&sink).await, []);
}

#[tokio::test]
async fn a_newer_list_replaces_one_that_nobody_took() {
    let room = Room::new();
    let sink = room.sink(&json!({ "form": "plain" }));
    let ana = one_name("email:a,\"na\"@example.org", room.person(1).told(1, false));
    deliver(&sink, std::slice::from_ref(&ana)).await;
    applied(&sink).await;
    assert_eq!(
        room.list(1),
        [
            "identifier,purpose,data,channel,leaving",
            "\"a,\"\"na\"\"@example.org\",marketing.offers,contact.email,email,0",
            "\"a,\"\"na\"\"@example.org\",service.news,contact.email,,0",
        ]
    );
    let ben = one_name("email:ben@example.org", room.person(2).told(2, true));
    deliver(&sink, &[ben]).await;
    applied(&sink).await;
    assert_eq!(
        room.exports(),
        ["mailer-000001.csv", "mailer-000001.json"],
        "not before it is time"
    );
    room.later(60);
    applied(&sink).await;
    assert_eq!(room.exports(), ["mailer-000002.csv", "mailer-000002.json"]);
    assert_eq!(room.list(2).len(), 4, "complete");
    assert_eq!(sink.check().await.unwrap(), ["no list was taken for 60 seconds"]);
    fs::remove_file(room.path("exports/mailer-000002.csv")).unwrap();
    assert_eq!(applied(&sink).await.len(), 2, "a list has what those before it had");
    assert_eq!(sink.check().await.unwrap(), ["no list waits to be taken"]);
}

#[tokio::test]
async fn who_is_leaving_is_listed_until_a_list_was_taken_and_then_forgotten() {
    let room = Room::new();
    let sink = room.sink(&json!({ "form": "plain", "purpose": "marketing", "channel": "email" }));
    let ana = room.person(1);
    deliver(&sink, &[one_name("email:ana", ana.told(1, true))]).await;
    deliver(&sink, &[one_name("email:ana", ana.leaving(2))]).await;
    applied(&sink).await;
    assert_eq!(room.list(1), ["identifier,leaving", "ana,1"]);
    fs::remove_file(room.path("exports/mailer-000001.csv")).unwrap();
    assert_eq!(applied(&sink).await, [Position::at(2)]);
    assert_eq!(applied(&sink).await, []);
    deliver(&sink, &[one_name("email:ben", room.person(2).told(3, false))]).await;
    // Late and older: it brings nobody back.
    deliver(&sink, &[one_name("email:ana", ana.told(1, true))]).await;
    room.later(60);
    applied(&sink).await;
    assert_eq!(room.list(2), ["identifier,leaving", "ben,0"]);
    drop(sink);
    let state = fs::read(room.path("state/state.db")).unwrap();
    assert!(!state.windows(9).any(|part| part == b"email:ana"), "the name is gone from the file");
}

#[tokio::test]
async fn a_name_that_is_somebody_elses_by_now_is_listed_as_theirs() {
    let room = Room::new();
    let sink = room.sink(&json!({ "form": "plain", "purpose": "marketing", "channel": "email" }));
    let (ana, ben) = (room.person(1), room.person(2));
    let parted = ana.parting(&room.secrets, 2);
    let name = parted.identifiers[0].clone();
    deliver(&sink, &[one_name(&name, ana.told(1, false)), parted]).await;
    deliver(&sink, &[one_name(&name, ben.told(3, true))]).await;
    applied(&sink).await;
    assert_eq!(room.list(1), ["identifier,leaving"], "its new holder allows it");
}

#[tokio::test]
async fn the_manifest_says_what_the_list_is() {
    let room = Room::new();
    let sink = room.sink(&json!({ "purpose": "marketing" }));
    deliver(&sink, &[room.person(1).told(5, true), room.person(2).told(9, true)]).await;
    applied(&sink).await;
    let manifest = fs::read(room.path("exports/mailer-000001.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let list = fs::read_to_string(room.path("exports/mailer-000001.csv")).unwrap();
    // Part of marketing is denied, by post: then it is not allowed.
    let expected = json!({
        "file": "mailer-000001.csv", "number": 1, "at": Timestamp(BEGIN), "rows": 4,
        "columns": ["sha256", "leaving"], "sha256": sha256(&list), "position": "0-9",
        "purpose": "marketing",
    });
    assert_eq!(manifest, expected);
    assert_eq!(list.lines().count(), 5);
    let mode = |path| fs::metadata(room.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("exports/mailer-000001.csv")), (0o700, 0o640));
}

#[tokio::test]
async fn a_list_that_was_not_finished_is_never_seen() {
    let room = Room::new();
    let sink = room.sink(&json!({}));
    deliver(&sink, &[room.person(1).told(1, false)]).await;
    // Somebody took the folder of the lists away, and the disk is back later.
    fs::rename(room.path("exports"), room.path("away")).unwrap();
    assert_eq!(applied(&sink).await, []);
    assert_eq!(sink.check().await.unwrap_err().0, "no_folder");
    fs::rename(room.path("away"), room.path("exports")).unwrap();
    fs::write(room.path("exports/mailer-000001.csv.new"), "half a li").unwrap();
    applied(&sink).await;
    assert_eq!(room.exports(), ["mailer-000001.csv", "mailer-000001.json"]);
    assert_eq!(room.list(1).len(), 5);
}

#[test]
fn settings_are_checked() {
    let told = Told { recipient: "mailer".parse().unwrap(), ledger: "c0ffee".into() };
    for (settings, needle) in [
        (json!({ "folder": "/a" }), "exports"),
        (json!({ "folder": "a", "exports": "/b" }), "folder"),
        (json!({ "folder": "/a", "exports": "b" }), "exports"),
        (json!({ "folder": "/b/a", "exports": "/b" }), "folder"),
        (json!({ "folder": "/a", "exports": "/b", "every_seconds": 0 }), "every_seconds"),
        (json!({ "folder": "/a", "exports": "/b", "form": "md5" }), "form"),
        (json!({ "folder": "/a", "exports": "/b", "name": "x/y" }), "name"),
    ] {
        let opened = crate::open::open("suppression", &settings, &Default::default(), &told);
        let error = opened.err().unwrap().to_string();
        assert!(error.contains(needle), "{settings}: {error}");
    }
}
