//! All recipients that are told: each sink that is declared on the ledger runs, from the moment it is
//! declared until it is removed, and anew when its settings change.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{
    id::{Id, Position},
    sink::{Declared, SinkState},
};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Ledger,
    deliver::{board::Board, dispatcher::Dispatcher, overseer::Overseer},
    sink::{Kind, Sink},
};

/// How often a sink that could not be made is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Makes a sink as it was declared. Whoever knows drivers gives it.
pub type Open = Arc<dyn Fn(&Id, &Declared) -> Result<Arc<dyn Sink>, String> + Send + Sync>;

/// What can make sinks: given by whoever knows the drivers.
#[derive(Clone)]
pub struct Drivers {
    /// Makes one.
    pub open: Open,
    /// The kinds that there are.
    pub kinds: Vec<Kind>,
}

impl Drivers {
    /// None at all.
    pub fn none() -> Self {
        Self { open: Arc::new(|_, _| Err("there are no drivers".to_owned())), kinds: Vec::new() }
    }
}

/// What runs for one recipient.
struct Running {
    changed: Position,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    async fn end(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// One that could not be made.
struct Failed {
    changed: Position,
    retry_at: Instant,
}

/// Runs all sinks.
pub struct Deliveries {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    open: Open,
    running: BTreeMap<Id, Running>,
    failed: BTreeMap<Id, Failed>,
}

impl Deliveries {
    /// For the sinks that a ledger declares.
    pub fn new(ledger: Arc<Ledger>, board: Arc<Board>, open: Open) -> Self {
        Self { ledger, board, open, running: BTreeMap::new(), failed: BTreeMap::new() }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut head = self.ledger.watch();
        while !*stop.borrow() {
            head.mark_unchanged();
            self.attend().await;
            let retry_at = self.failed.values().map(|failed| failed.retry_at).min();
            let rest = retry_at.map_or(RETRY, |at| at.duration_since(Instant::now()));
            tokio::select! {
                _ = head.changed() => {}
                () = tokio::time::sleep(rest) => {}
                _ = stop.changed() => {}
            }
        }
        for (_, running) in std::mem::take(&mut self.running) {
            running.end().await;
        }
    }

    async fn attend(&mut self) {
        let sinks = self.ledger.snapshot().sinks();
        let is_over = |(recipient, running): &(&Id, &Running)| {
            sinks.get(*recipient).is_none_or(|sink| sink.changed != running.changed)
        };
        let over: Vec<Id> = self.running.iter().filter(is_over).map(|(id, _)| id.clone()).collect();
        for recipient in over {
            if let Some(running) = self.running.remove(&recipient) {
                running.end().await;
            }
            if !sinks.contains_key(&recipient) {
                self.board.remove(&recipient);
            }
        }
        let now = Instant::now();
        self.failed.retain(|recipient, failed| {
            let is_same = |sink: &SinkState| sink.changed == failed.changed;
            now < failed.retry_at && sinks.get(recipient).is_some_and(is_same)
        });
        for (recipient, sink) in sinks.iter() {
            if !self.running.contains_key(recipient) && !self.failed.contains_key(recipient) {
                self.start(recipient, sink);
            }
        }
    }

    fn start(&mut self, recipient: &Id, state: &SinkState) {
        let sink = match (self.open)(recipient, &state.declared) {
            Ok(sink) => sink,
            Err(why) => {
                tracing::error!(%recipient, why, "its sink cannot be made");
                self.board.update(recipient, |standing| {
                    standing.failed += 1;
                    standing.last_failure = Some("settings".to_owned());
                });
                let failed = Failed { changed: state.changed, retry_at: Instant::now() + RETRY };
                self.failed.insert(recipient.clone(), failed);
                return;
            }
        };
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (ledger, board) = (Arc::clone(&self.ledger), Arc::clone(&self.board));
        let dispatcher = Dispatcher::new(ledger, board, recipient.clone(), Arc::clone(&sink));
        tasks.spawn(dispatcher.run(stopped.clone()));
        let (ledger, board) = (Arc::clone(&self.ledger), Arc::clone(&self.board));
        tasks.spawn(Overseer::new(ledger, board, recipient.clone(), sink).run(stopped));
        let changed = state.changed;
        self.running.insert(recipient.clone(), Running { changed, stop, tasks });
    }
}
