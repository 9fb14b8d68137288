//! A system that takes no messages. Sayso writes into the database of the customer records itself, and
//! the advertising partner fetches lists of whom it must leave alone. Both only show how they are.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::get};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::SystemError;

/// How often the partner looks for a new list.
const LOOK: Duration = Duration::from_millis(500);

const CONTACTS: &str = "
CREATE TABLE IF NOT EXISTS contacts (
  crm_id TEXT PRIMARY KEY, may_email_offers INTEGER NOT NULL
) STRICT;";

const SUPPRESSED: &str = "
CREATE TABLE IF NOT EXISTS suppressed (
  sha256 TEXT NOT NULL, purpose TEXT NOT NULL, data TEXT NOT NULL, channel TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS suppressed_by_name ON suppressed (sha256, purpose, channel);";

/// Who takes no messages.
#[derive(Clone, Debug)]
pub enum Quiet {
    /// Sayso writes into its database.
    Written,
    /// It fetches lists from a folder.
    Lists {
        /// Where they are put.
        folder: PathBuf,
    },
}

/// What a quiet system has to be told.
#[derive(Clone, Debug)]
pub struct QuietConfig {
    /// Its recipient id.
    pub name: String,
    /// Where it shows how it is.
    pub listen: SocketAddr,
    /// Its own SQLite file.
    pub database: PathBuf,
    /// How it learns what it may do.
    pub how: Quiet,
}

/// Makes its database, as a company has one before Sayso comes.
///
/// # Errors
/// It cannot be made.
pub fn prepare(path: &Path, how: &Quiet) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch(match how {
        Quiet::Written => CONTACTS,
        Quiet::Lists { .. } => SUPPRESSED,
    })
}

/// Runs it until `shutdown`.
///
/// # Errors
/// The address is taken, or the database cannot be used.
pub async fn run(
    config: QuietConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), SystemError> {
    let failed = |source| SystemError::Database { path: config.database.clone(), source };
    prepare(&config.database, &config.how).map_err(failed)?;
    let listen = |source| SystemError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let shared = Arc::new(config);
    let router = Router::new().route("/", get(status)).with_state(Arc::clone(&shared));
    tokio::select! {
        served = axum::serve(listener, router) => Err(SystemError::Stopped(served.err())),
        () = fetch(&shared) => Err(SystemError::Stopped(None)),
        () = shutdown => Ok(()),
    }
}

async fn status(State(config): State<Arc<QuietConfig>>) -> Json<Value> {
    let count = || {
        let connection = Connection::open(&config.database)?;
        let sql = match config.how {
            Quiet::Written => "SELECT count(*), sum(may_email_offers) FROM contacts",
            Quiet::Lists { .. } => "SELECT count(DISTINCT sha256), count(*) FROM suppressed",
        };
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?)))
    };
    let (people, rows): (i64, Option<i64>) = count().unwrap_or_default();
    let (one, other) = match config.how {
        Quiet::Written => ("customers", "may_email_offers"),
        Quiet::Lists { .. } => ("people_left_alone", "rows"),
    };
    Json(json!({"name": config.name, one: people, other: rows.unwrap_or(0)}))
}

async fn fetch(config: &QuietConfig) {
    loop {
        if let Quiet::Lists { folder } = &config.how
            && let Err(error) = take_lists(folder, &config.database)
        {
            tracing::warn!(%error, "a list could not be taken; trying again");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Takes the newest list whole, and says so by a file beside each that there was.
fn take_lists(folder: &Path, database: &Path) -> io::Result<()> {
    let is_list = |path: &PathBuf| path.extension().is_some_and(|end| end == "csv");
    let entries = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let taken = |path: &Path| path.with_extension("csv.taken");
    let mut lists: Vec<PathBuf> =
        entries.filter(is_list).filter(|path| !taken(path).exists()).collect();
    lists.sort();
    let Some(newest) = lists.last() else { return Ok(()) };
    replace(newest, database).map_err(io::Error::other)?;
    lists.iter().try_for_each(|list| fs::write(taken(list), b""))
}

fn replace(list: &Path, database: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut connection = Connection::open(database)?;
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM suppressed", [])?;
    let mut insert = transaction.prepare("INSERT INTO suppressed VALUES (?1, ?2, ?3, ?4)")?;
    for row in csv::Reader::from_path(list)?.records() {
        let row = row?;
        let field = |place: usize| row.get(place).unwrap_or_default();
        insert.execute([field(0), field(1), field(2), field(3)])?;
    }
    drop(insert);
    Ok(transaction.commit()?)
}
