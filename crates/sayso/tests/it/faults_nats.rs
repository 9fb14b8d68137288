//! A system that reads its messages from a NATS stream, and begins anew whenever the server does.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};
use std::time::Duration;

use async_nats::{
    ConnectOptions,
    jetstream::{
        self, Context,
        consumer::{DeliverPolicy, pull::OrderedConfig},
        stream::Config,
    },
};
use futures_util::StreamExt;
use sayso_testkit::servers::{Nats, Server};
use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        watch,
    },
    time::{sleep, timeout},
};

use crate::{
    faults_held::{Applied, Event, Habit, Held},
    faults_receiver::report,
    world::Caller,
};

/// The stream.
pub(crate) const STREAM: &str = "PERMISSIONS";
const SUBJECTS: &str = "sayso.service-cloud.*";
const PATIENCE: Duration = Duration::from_secs(5);

/// A reader.
pub(crate) struct Reader {
    pub(crate) held: Mutex<Held>,
    /// The newest place in the stream that was read.
    pub(crate) newest: AtomicU64,
    reports: UnboundedSender<Applied>,
}

/// The stream, as the operator reaches it.
async fn stream(server: &Server<Nats>) -> Option<Context> {
    let login = server.place().operator.clone();
    let options = ConnectOptions::with_user_and_password(login.name, login.password);
    let connecting = options.connect(server.address().to_string());
    Some(jetstream::new(timeout(PATIENCE, connecting).await.ok()?.ok()?))
}

impl Reader {
    /// Makes the stream and reads it; `starts` changes when the server was started again.
    pub(crate) async fn start(
        server: &Arc<Server<Nats>>,
        reporter: Caller,
        starts: watch::Receiver<u64>,
    ) -> Arc<Self> {
        // All messages are kept, and not the newest of everybody alone: NATS 2.9 that is killed while
        // it lets go of older ones may from then on give nobody what is published after.
        let config =
            Config { name: STREAM.into(), subjects: vec![SUBJECTS.into()], ..Config::default() };
        stream(server).await.unwrap().create_stream(config).await.unwrap();
        let (reports, waiting) = unbounded_channel();
        let (held, newest) = (Mutex::new(Held::new(Habit::Right)), AtomicU64::new(0));
        let reader = Arc::new(Self { held, newest, reports });
        tokio::spawn(report(reporter, waiting));
        tokio::spawn(Arc::clone(&reader).read(Arc::clone(server), starts));
        reader
    }

    async fn read(self: Arc<Self>, server: Arc<Server<Nats>>, mut starts: watch::Receiver<u64>) {
        loop {
            starts.mark_unchanged();
            tokio::select! {
                _ = self.read_on(&server) => {}
                changed = starts.changed() => if changed.is_err() { return },
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Reads from the newest of everybody until something breaks. Not from where it was: a server
    /// that was killed may give a place in the stream twice.
    async fn read_on(&self, server: &Server<Nats>) -> Option<()> {
        let context = stream(server).await?;
        let stream = timeout(PATIENCE, context.get_stream(STREAM)).await.ok()?.ok()?;
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::LastPerSubject,
            filter_subject: SUBJECTS.into(),
            ..OrderedConfig::default()
        };
        let consumer = timeout(PATIENCE, stream.create_consumer(config)).await.ok()?.ok()?;
        let mut messages = consumer.messages().await.ok()?;
        loop {
            let message = messages.next().await?.ok()?;
            let place = message.info().ok()?.stream_sequence;
            let event: Event = serde_json::from_slice(&message.payload).unwrap();
            self.newest.fetch_max(place, Ordering::Relaxed);
            let applied = self.held.lock().unwrap().take(&event);
            self.reports.send(applied).ok()?;
        }
    }
}
