//! Whoever is owed a word is told it, whatever the store and the snapshot are doing meanwhile.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use sayso_consent::Position;
use sayso_ledger::{
    deliver::{Board, Dispatcher},
    sink::{Answer, Message, Outcome, Sink, Trouble},
};
use sayso_stores::Embedded;
use tokio::sync::watch;

use crate::{
    rigged::RiggedStore,
    world::{PEOPLE, deny, fill, id, offers, open, open_with, person},
};

/// A system that takes everything, and remembers through which entry it was told about anyone.
#[derive(Default)]
struct Taking(Mutex<Vec<u64>>);

impl Sink for Taking {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        let told = messages.iter().map(|message| {
            let event: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
            event["data"]["position"].as_str().unwrap().parse::<Position>().unwrap().number
        });
        self.0.lock().unwrap().extend(told);
        Box::pin(std::future::ready(vec![Outcome::Delivered; messages.len()]))
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// An entry can be read from the store a moment before the snapshot has it. A dispatcher that
/// looks in between must not conclude that nothing is owed.
#[test]
fn an_entry_that_the_snapshot_does_not_have_yet_is_told_later() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(never_told(folder.path())), Vec::<u64>::new());
}

/// Objects for many people over a store that lags; says through which entries nobody was told.
async fn never_told(folder: &Path) -> Vec<u64> {
    let inner = Embedded::open(folder).unwrap();
    let store = RiggedStore { inner, fails: Arc::default(), is_damaged: false, lags: true };
    let ledger = Arc::new(open_with(folder, Arc::new(store)));
    let taking = Arc::new(Taking::default());
    let (stop, stopped) = watch::channel(false);
    let dispatcher =
        Dispatcher::new(Arc::clone(&ledger), Arc::new(Board::default()), id("mailer"), {
            Arc::clone(&taking) as Arc<dyn Sink>
        });
    let running = tokio::spawn(dispatcher.run(stopped));
    let mut told = Vec::new();
    for n in (20..PEOPLE).map(person) {
        let written = ledger.command(deny(n, offers(None)), "test").await.unwrap().unwrap();
        told.push(written.position.number);
    }
    let missing = || -> Vec<u64> {
        let taken = taking.0.lock().unwrap();
        told.iter().copied().filter(|number| !taken.contains(number)).collect()
    };
    for _ in 0..200 {
        if missing().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    stop.send(true).unwrap();
    running.await.unwrap();
    missing()
}
