use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use sayso_consent::Timestamp;
use sayso_ledger::{
    Clock,
    sink::{Answer, Kept, Message, Outcome, Sink, Told},
};
use serde_json::{Value, json};

use super::*;
use crate::conformance::{
    self,
    people::{LEDGER, Person, recipient},
    rig::{Able, Cannot, Hands, Rig, fold},
};

const BEGIN: i64 = 1_767_268_800_000;

struct Room {
    folder: tempfile::TempDir,
    clock: Clock,
    open: Mutex<Vec<std::sync::Weak<File>>>,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        Self { folder, clock: Clock::fixed(Timestamp(BEGIN)), open: Mutex::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    fn sink(&self, settings: &Value) -> File {
        let mut all = json!({ "folder": self.folder.path().join("out") });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let told = Told { recipient: recipient(), ledger: LEDGER.into() };
        File::new(serde_json::from_value(all).unwrap(), &told, self.clock.clone()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "mailer.lock");
        names.sort();
        names
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        loop {
            let Ok(entries) = fs::read_dir(self.path("")) else { return Vec::new() };
            let read = entries.map(|entry| fs::read(entry?.path()));
            // A file may be finished, and have another name, between listing and reading.
            let Ok(files) = read.collect::<std::io::Result<Vec<_>>>() else { continue };
            let lines = files.concat();
            let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            return lines.map(<[u8]>::to_vec).collect();
        }
    }
}

impl Hands for Room {
    fn break_off(&self) -> Answer<'_, Able> {
        self.dismantle()
    }

    fn mend(&self) -> Answer<'_, ()> {
        self.assemble()
    }

    fn stall(&self) -> Answer<'_, Able> {
        Box::pin(async { Err(Cannot("a disk answers")) })
    }

    fn revoke(&self) -> Answer<'_, Able> {
        Box::pin(async { Err(Cannot("the owner of a folder may always write to it")) })
    }
}

impl Rig for Room {
    /// After a restart the program before it is gone, and with it its lock.
    fn open(&self) -> Arc<dyn Sink> {
        let sink = Arc::new(self.sink(&json!({ "rotate_bytes": 20_000 })));
        for before in self.open.lock().unwrap().drain(..).filter_map(|before| before.upgrade()) {
            before.close();
        }
        self.open.lock().unwrap().push(Arc::downgrade(&sink));
        sink
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
        let body = [&*good.body, b"\n"].concat();
        Ok(Message { body, ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Err(Cannot("a folder asks nobody who they are"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        fs::rename(self.path(""), self.folder.path().join("away")).unwrap();
        Box::pin(async { Ok(()) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        fs::rename(self.folder.path().join("away"), self.path("")).unwrap();
        Box::pin(async {})
    }

    fn lose<'a>(&'a self, _: &'a str) -> Answer<'a, Able> {
        Box::pin(async { Err(Cannot("files are not read back")) })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_keep_every_rule() {
    conformance::run::run(&Room::new()).await;
}

async fn deliver(sink: &File, told: &[Message]) {
    assert_eq!(sink.deliver(told.into()).await, vec![Outcome::Delivered; told.len()]);
}

fn told(position: u64) -> Message {
    Person::new(&sayso_ledger::Secrets::generate().unwrap(), position).told(position, true)
}

#[tokio::test]
async fn a_file_is_finished_by_size_and_by_age_and_never_touched_again() {
    let room = Room::new();
    let sink = room.sink(&json!({ "rotate_bytes": 1_500, "rotate_seconds": 100 }));
    let first = told(1);
    room.clock.set(first.at);
    deliver(&sink, std::slice::from_ref(&first)).await;
    assert_eq!(room.names(), ["mailer-000001.part"]);
    let mode = fs::metadata(room.path("mailer-000001.part")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    deliver(&sink, &[told(2)]).await;
    assert_eq!(room.names(), ["mailer-000001.ndjson", "mailer-000002.part"], "by size");
    let finished = fs::read_to_string(room.path("mailer-000001.ndjson")).unwrap();
    assert_eq!(finished.lines().next().unwrap().as_bytes(), first.body);
    assert_eq!(finished.lines().count(), 2);
    sink.applied().await;
    assert_eq!(room.names().len(), 2, "an empty file does not grow old");
    let third = told(3);
    deliver(&sink, std::slice::from_ref(&third)).await;
    room.clock.set(third.at.plus_ms(99_000));
    sink.applied().await;
    assert_eq!(room.names().len(), 2);
    room.clock.set(third.at.plus_ms(100_000));
    sink.applied().await;
    let names = ["mailer-000001.ndjson", "mailer-000002.ndjson", "mailer-000003.part"];
    assert_eq!(room.names(), names, "by age");
}

#[tokio::test]
async fn numbers_go_on_though_everything_was_fetched() {
    let room = Room::new();
    let settings = json!({ "rotate_bytes": 1 });
    for number in 1..=3 {
        deliver(&room.sink(&settings), &[told(number)]).await;
        fs::remove_file(room.path(&format!("mailer-{number:06}.ndjson"))).unwrap();
    }
    assert_eq!(room.names(), ["mailer-000004.part"]);
}

#[tokio::test]
async fn a_line_without_an_end_was_not_delivered() {
    let room = Room::new();
    deliver(&room.sink(&json!({})), &[told(1)]).await;
    let part = room.path("mailer-000001.part");
    let whole = fs::read(&part).unwrap();
    fs::write(&part, [&whole, &whole[..whole.len() / 2]].concat()).unwrap();
    let second = told(2);
    deliver(&room.sink(&json!({})), std::slice::from_ref(&second)).await;
    assert_eq!(fs::read(&part).unwrap(), [&whole, &*second.body, b"\n"].concat());
}

#[tokio::test]
async fn a_program_that_ended_while_it_finished_a_file_goes_on() {
    // What is there after each step of finishing the first file.
    for step in 1..=3 {
        let room = Room::new();
        deliver(&room.sink(&json!({})), &[told(1)]).await;
        let (part, finished) = (room.path("mailer-000001.part"), room.path("mailer-000001.ndjson"));
        if step >= 1 {
            fs::write(room.path("mailer-000002.part"), "").unwrap();
        }
        if step >= 2 {
            fs::hard_link(&part, &finished).unwrap();
        }
        if step >= 3 {
            fs::remove_file(&part).unwrap();
        }
        deliver(&room.sink(&json!({})), &[told(2)]).await;
        assert_eq!(room.names(), ["mailer-000001.ndjson", "mailer-000002.part"], "{step}");
        assert_eq!(room.lines().len(), 2);
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_not_overwritten() {
    let room = Room::new();
    let sink = room.sink(&json!({ "rotate_bytes": 1 }));
    fs::write(room.path("mailer-000001.ndjson"), "somebody's").unwrap();
    deliver(&sink, &[told(1)]).await;
    assert_eq!(room.names()[..2], ["mailer-000001.ndjson", "mailer-000002.ndjson"]);
    assert_eq!(fs::read_to_string(room.path("mailer-000001.ndjson")).unwrap(), "somebody's");
}

#[tokio::test]
async fn two_programs_do_not_write_to_one_file() {
    let room = Room::new();
    let sink = room.sink(&json!({}));
    deliver(&sink, &[told(1)]).await;
    let second = room.sink(&json!({})).deliver(Arc::new([told(2)])).await;
    assert_eq!(second, [Outcome::again("in_use")]);
    drop(sink);
    deliver(&room.sink(&json!({})), &[told(2)]).await;
    assert_eq!(room.lines().len(), 2);
}

#[tokio::test]
async fn a_full_disk_leaves_no_half_a_batch() {
    // The one device that is always full.
    let room = Room::new();
    deliver(&room.sink(&json!({})), &[told(1)]).await;
    let part = room.path("mailer-000001.part");
    let before = fs::read(&part).unwrap();
    fs::rename(&part, room.path("kept")).unwrap();
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let sink = room.sink(&json!({}));
    let outcomes = sink.deliver(Arc::new([told(2)])).await;
    assert!(matches!(&outcomes[..], [Outcome::RetryAfter { .. }]), "{outcomes:?}");
    fs::rename(room.path("kept"), &part).unwrap();
    assert_eq!(fs::read(&part).unwrap(), before);
    deliver(&sink, &[told(2)]).await;
    assert_eq!(room.lines().len(), 2);
}

#[test]
fn settings_are_checked() {
    let told = Told { recipient: recipient(), ledger: LEDGER.into() };
    for (settings, needle) in [
        (json!({}), "folder"),
        (json!({ "folder": "out" }), "absolute"),
        (json!({ "folder": "/out", "name": "a/b" }), "name"),
        (json!({ "folder": "/out", "rotate_bytes": 0 }), "rotate_bytes"),
        (json!({ "folder": "/out", "rotate_seconds": 0 }), "rotate_seconds"),
        (json!({ "folder": "/out", "mode": 0 }), "no setting"),
    ] {
        let opened = crate::open::open("file", &settings, &Default::default(), &told);
        let error = opened.err().unwrap().to_string();
        assert!(error.contains(needle), "{settings}: {error}");
    }
}
