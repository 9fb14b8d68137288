//! The files: made so that only their owner reads them, opened, and brought to this version.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rusqlite::{Connection, config::DbConfig};
use sayso_ledger::StoreError;

use super::{schema, store::failed};

/// How long a lock that somebody else holds is waited for.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Makes a file that only its owner can read, if it is missing. SQLite would let others read it, and
/// gives the files beside it the same rights.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| StoreError::Unavailable(error.to_string()))
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // Or a statement is compiled anew for each place that is read from, which is most of its cost.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    Ok(connection)
}

pub(super) fn open_ledger(folder: &Path) -> Result<Connection, StoreError> {
    let path = folder.join("ledger.db");
    make_private(&path)?;
    let connection = connect(&path)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;
             PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;",
        )
        .map_err(failed)?;
    migrate(&connection, schema::LEDGER)?;
    Ok(connection)
}

pub(super) fn open_derived(folder: &Path) -> Result<Connection, StoreError> {
    let path = folder.join("derived.db");
    let open = || -> Result<Connection, StoreError> {
        make_private(&path)?;
        let connection = connect(&path)?;
        // The newest of it may be lost, but not the order: with OFF, after a power cut, the index
        // could say that it has entries that it lacks, and an erasure would leave them behind.
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON;",
            )
            .map_err(failed)?;
        migrate(&connection, schema::DERIVED)?;
        Ok(connection)
    };
    open().or_else(|error| match error {
        // It can be made again from the ledger, so damage here is no reason to stop.
        StoreError::Corrupt(_) => {
            remove_derived(folder);
            open()
        }
        other => Err(other),
    })
}

pub(super) fn remove_derived(folder: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("derived.db{end}")));
    }
}

pub(super) fn migrate(connection: &Connection, tables: &str) -> Result<(), StoreError> {
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    match version {
        0 => {
            connection.execute_batch(tables).map_err(failed)?;
            connection.pragma_update(None, "user_version", schema::VERSION).map_err(failed)
        }
        schema::VERSION => Ok(()),
        newer => Err(StoreError::Corrupt(format!(
            "the file is of version {newer}, this program knows version {}; use a newer program",
            schema::VERSION
        ))),
    }
}
