//! A downstream system: a mailer, a CRM, an advertising partner, a service cloud.
//!
//! It keeps a table of its own customers, is told by Sayso what it may do with each of them,
//! changes its own rows and says that it did. The way of a message:
//!
//! ```text
//! POST /hook ─▶ verify ─▶ receive ─▶ writer ─▶ table            one transaction:
//!                                      │        rows + outbox   many messages, and what is to
//!                         204 ◀────────┤                        be reported of each
//!                                      └─▶ report ─▶ POST {sayso}/v1/effects
//! ```
//!
//! The service cloud reads the same messages from a NATS stream (`stream`), and two systems take none
//! at all ([`quiet`]).
//!
//! **Invariant:** the report of a change is written in the transaction of the change. A crash
//! leaves both or neither, and what is in the outbox is reported after a restart.
//!
//! **Invariant:** a message never undoes a newer one, however late or often it comes.

pub mod quiet;
mod receive;
mod report;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

use std::{
    future::IntoFuture, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration,
};

use tokio::{net::TcpListener, sync::watch};

use receive::{Reader, Receiver};
use report::{Health, Reporter};
use table::Table;
use verify::Verifier;
use writer::{Handle, Writer};

/// How long requests and reports that are under way at shutdown may take.
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);

/// What a downstream system has to be told to run.
#[derive(Clone)]
pub struct SystemConfig {
    /// Its recipient id in the catalog, such as `mailer`.
    pub name: String,
    /// Where it listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Its own SQLite file; made if it is not there.
    pub database: PathBuf,
    /// Sayso's public key, `whpk_…` (ed25519).
    pub public_key: String,
    /// The secret it shares with Sayso, `whsec_…` (HMAC-SHA256).
    pub secret: String,
    /// Where Sayso is, such as `http://127.0.0.1:8080`.
    pub sayso_url: String,
    /// Its API key, by which it reports what it did.
    pub key: String,
    /// The NATS server that messages come over, if they do not come to `/hook`: `127.0.0.1:4222`, or
    /// `nats://name:password@127.0.0.1:4222`.
    pub stream: Option<String>,
}

/// Why a system could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// A setting cannot be used.
    #[error("{setting}: {problem}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it, and what to write.
        problem: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; is another program using it?")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error("cannot use the database {}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The file is some other program's.
    #[error("{} is no table of customers of this version; name another file", path.display())]
    OtherDatabase {
        /// Which.
        path: PathBuf,
    },
    /// A thread or the server ended by itself.
    #[error("the system stopped by itself")]
    Stopped(#[source] Option<std::io::Error>),
}

/// A system that listens but does not answer yet.
pub struct System {
    listener: TcpListener,
    address: SocketAddr,
    receiver: Receiver,
    reporter: Reporter,
    writer: Writer,
    /// The server and the name of the stream that it reads.
    stream: Option<(String, Reader)>,
}

/// Runs a system until `shutdown`; what is under way is finished first.
pub async fn run(
    config: SystemConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SystemError> {
    System::bind(config).await?.run(shutdown).await
}

impl System {
    /// Checks the settings, opens the database and takes the port.
    pub async fn bind(config: SystemConfig) -> Result<Self, SystemError> {
        let setting = |setting, problem: String| SystemError::Setting { setting, problem };
        let verifier = Verifier::new(&config.public_key, &config.secret)
            .map_err(|key| setting(key.setting(), key.to_string()))?;
        let endpoint =
            report::endpoint(&config.sayso_url).map_err(|problem| setting("sayso_url", problem))?;
        let authorization =
            report::authorization(&config.key).map_err(|problem| setting("key", problem))?;
        let listen = |source| SystemError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let writer = Writer::start(Table::open(&config.database)?)?;
        let health = Arc::new(Health::default());
        let reporter = Reporter::new(writer.handle(), endpoint, authorization, Arc::clone(&health));
        let reader = Reader::of(config.name.clone());
        let stream = config.stream.map(|server| (server, reader));
        let receiver = Receiver::new(config.name, verifier, writer.handle(), health);
        Ok(Self { listener, address, receiver, reporter, writer, stream })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers and reports until `shutdown`; what is under way is finished first.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), SystemError> {
        let (stop, stopped) = watch::channel(false);
        // Neither is a task of its own: whoever drops this future ends both.
        let mut reporting = pin!(self.reporter.run(self.writer.news(), stopped.clone()));
        let mut serving = pin!(
            axum::serve(without_delay(self.listener), self.receiver.into_router())
                .with_graceful_shutdown(until_true(stopped))
                .into_future()
        );
        let mut reading = Box::pin(reading(self.stream, self.writer.handle()));
        tokio::select! {
            () = shutdown => {}
            () = &mut reading => return Err(SystemError::Stopped(None)),
            served = &mut serving => return Err(SystemError::Stopped(served.err())),
            () = &mut reporting => return Err(SystemError::Stopped(None)),
        }
        stop.send_replace(true);
        // It holds on to the table, which ends when nobody does.
        drop(reading);
        let ended = async {
            let _ = tokio::join!(serving, reporting);
            self.writer.end().await;
        };
        // A sender that never finishes its request must not keep the system from ending.
        if tokio::time::timeout(SHUTDOWN_MAX, ended).await.is_err() {
            tracing::warn!("stopped with requests or reports under way; they are taken up again");
        }
        Ok(())
    }
}

/// Reads its stream, if it has one.
async fn reading(stream: Option<(String, Reader)>, table: Handle) {
    match stream {
        Some((server, reader)) => {
            let name = reader.name().to_owned();
            stream::read(&server, &name, reader, table).await;
        }
        None => std::future::pending().await,
    }
}

/// Answers are small and awaited; held back to be sent together, each would cost a sender 40 ms.
fn without_delay(listener: TcpListener) -> impl axum::serve::Listener<Addr = SocketAddr> {
    use axum::serve::ListenerExt;
    listener.tap_io(|stream| {
        // Slower is all that can come of it.
        let _ = stream.set_nodelay(true);
    })
}

async fn until_true(mut flag: watch::Receiver<bool>) {
    // An error means that the other side is gone, which is the end as well.
    let _ = flag.wait_for(|is_true| *is_true).await;
}

/// The time now. A downstream system is the outside world and has a clock of its own.
#[expect(clippy::disallowed_methods, reason = "a downstream system has a clock of its own")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
