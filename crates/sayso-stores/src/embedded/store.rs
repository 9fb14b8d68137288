//! The driver.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, backup::Backup,
    params,
};
use sayso_consent::id::{Position, SubjectId};
use sayso_ledger::{
    Store, StoreError,
    record::{Hash, NOBODY, Payload, Record},
    store::{Answer, Batch, Head},
};

use super::{
    derived,
    files::{BUSY, make_private, migrate, open_derived, open_ledger, remove_derived},
    schema,
};

/// Pages copied between two breaths of a backup.
const BACKUP_PAGES: i32 = 512;

/// The ledger in one folder.
pub struct Embedded {
    folder: PathBuf,
    is_read_only: bool,
    connections: Mutex<Connections>,
    /// Reads go over a connection of their own, so that history never waits for a sync.
    reader: Mutex<Connection>,
}

struct Connections {
    ledger: Connection,
    derived: Connection,
    /// People whose erasure has not been cleared from the write-ahead log and the index yet.
    to_clear: Vec<SubjectId>,
}

/// The version of the bundled SQLite.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Sorts SQLite's errors by what the caller should do.
#[expect(clippy::needless_pass_by_value, reason = "this is what `map_err` hands over")]
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    let code = error.sqlite_error_code();
    match code {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt(error.to_string())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(position: Position) -> i64 {
    i64::try_from(position.number).unwrap_or(i64::MAX)
}

impl Embedded {
    /// Opens the ledger in a folder, or begins one.
    ///
    /// # Errors
    /// The files cannot be opened or are damaged.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let ledger = open_ledger(folder)?;
        begin(&ledger)?;
        // A crash may have come between an erasure and its clearing.
        truncate_wal(&ledger).map_err(failed)?;
        let reader = open_ledger(folder)?;
        let mut derived = open_derived(folder)?;
        if derived::furthest(&derived)? > number(head(&ledger)?.position) {
            // The ledger was restored from a backup. What was derived from the entries that are
            // gone would hide those that take their places: from followers, and from erasure.
            drop(derived);
            remove_derived(folder);
            derived = open_derived(folder)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            is_read_only: false,
            connections: Mutex::new(Connections { ledger, derived, to_clear: Vec::new() }),
            reader: Mutex::new(reader),
        })
    }

    /// Opens one file of a ledger only for reading, such as a copy: nothing beside it is touched.
    ///
    /// # Errors
    /// The file cannot be opened or is no ledger.
    pub fn open_file(path: &Path) -> Result<Self, StoreError> {
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            // `immutable` keeps SQLite from looking for a journal beside a copy that has none.
            let mut wal = path.as_os_str().to_owned();
            wal.push("-wal");
            let has_wal = Path::new(&wal).exists();
            let mode = if has_wal { "mode=ro" } else { "mode=ro&immutable=1" };
            let escaped =
                path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            Connection::open_with_flags(format!("file:{escaped}?{mode}"), flags).map_err(failed)
        };
        let (ledger, reader) = (open()?, open()?);
        let derived = Connection::open_in_memory().map_err(failed)?;
        migrate(&derived, schema::DERIVED)?;
        let connections = Mutex::new(Connections { ledger, derived, to_clear: Vec::new() });
        let store = Self {
            folder: path.to_owned(),
            is_read_only: true,
            connections,
            reader: Mutex::new(reader),
        };
        store.ledger_id()?;
        Ok(store)
    }
}

/// Gives a new ledger its name.
fn begin(ledger: &Connection) -> Result<(), StoreError> {
    let mut id = [0_u8; 8];
    getrandom::fill(&mut id).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    ledger
        .execute(
            "INSERT OR IGNORE INTO meta (name, value) VALUES ('ledger_id', ?1)",
            [hex::encode(id)],
        )
        .map_err(failed)?;
    Ok(())
}

fn hash(bytes: Vec<u8>) -> Hash {
    // A hash of another length is damage; as zeros it fails the chain, which says where.
    bytes.try_into().unwrap_or_default()
}

fn head(connection: &Connection) -> Result<Head, StoreError> {
    let newest = connection
        .prepare_cached("SELECT number, chain FROM entries ORDER BY number DESC LIMIT 1")
        .and_then(|mut row| {
            row.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()
        })
        .map_err(failed)?;
    Ok(newest.map_or_else(Head::default, |(number, chain)| Head {
        position: Position::at(number.unsigned_abs()),
        chain: hash(chain),
    }))
}

fn append(connections: &mut Connections, batch: &Batch) -> Result<(), StoreError> {
    let Connections { ledger, derived, to_clear } = connections;
    if !batch.erased.is_empty() {
        derived::index(derived, ledger)?;
    }
    let write = ledger.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    if head(&write)? != batch.expected {
        return Err(StoreError::Conflict);
    }
    write_batch(&write, batch).map_err(failed)?;
    for subject in &batch.erased {
        erase(&write, derived, *subject)?;
    }
    write.commit().map_err(failed)?;
    // The batch is on disk, so nothing from here on may fail the append.
    let is_again = !to_clear.is_empty();
    to_clear.extend(&batch.erased);
    if !to_clear.is_empty() && clear(ledger, derived, to_clear, is_again).unwrap_or(false) {
        to_clear.clear();
    }
    Ok(())
}

/// Clears the remains of people who were erased from the write-ahead log and the index. `false` if
/// a reader, such as a backup, still needs them; the next append then tries again, without waiting.
fn clear(
    ledger: &Connection,
    derived: &Connection,
    erased: &[SubjectId],
    is_again: bool,
) -> Result<bool, StoreError> {
    for subject in erased {
        derived::forget(derived, *subject)?;
    }
    if is_again {
        ledger.busy_timeout(Duration::ZERO).map_err(failed)?;
    }
    let cleared = truncate_wal(ledger).map_err(failed);
    ledger.busy_timeout(BUSY).map_err(failed)?;
    Ok(cleared? && truncate_wal(derived).map_err(failed)?)
}

/// Moves the write-ahead log into the file and empties it; `false` if a reader still needs it.
fn truncate_wal(ledger: &Connection) -> rusqlite::Result<bool> {
    ledger
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map(|busy: i64| busy == 0)
}

fn write_batch(write: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut key =
        write.prepare_cached("INSERT INTO subject_keys (subject, wrapped) VALUES (?1, ?2)")?;
    for (subject, wrapped) in &batch.new_keys {
        key.execute(params![subject.0.to_be_bytes(), wrapped])?;
    }
    let mut entry = write
        .prepare_cached("INSERT INTO entries (number, commitment, chain) VALUES (?1, ?2, ?3)")?;
    let mut payload = write
        .prepare_cached("INSERT INTO payloads (number, subject, sealed) VALUES (?1, ?2, ?3)")?;
    for record in &batch.records {
        let at = number(record.position);
        entry.execute(params![at, record.commitment, record.chain])?;
        if let Some(own) =
            record.payload.as_ref().filter(|own| !batch.erased.contains(&own.subject))
        {
            payload.execute(params![at, own.subject.0.to_be_bytes(), own.sealed])?;
        }
    }
    let mut answer = write.prepare_cached(
        "INSERT OR REPLACE INTO answers (key, request, outcome, at_ms) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for own in &batch.answers {
        answer.execute(params![own.key, own.request, own.outcome, own.at_ms])?;
    }
    write
        .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES ('checkpoint', ?1)")?
        .execute([&batch.checkpoint])?;
    Ok(())
}

/// Deletes what ties entries to a person: payloads with their salts, the key, and outcomes that
/// name the person.
fn erase(write: &Connection, derived: &Connection, subject: SubjectId) -> Result<(), StoreError> {
    for position in derived::entries_about(derived, subject, i64::MAX, usize::MAX)? {
        write
            .execute("DELETE FROM payloads WHERE number = ?1", [number(position)])
            .map_err(failed)?;
    }
    let id = subject.0.to_be_bytes();
    write.execute("DELETE FROM subject_keys WHERE subject = ?1", params![id]).map_err(failed)?;
    write
        .execute(
            "DELETE FROM answers WHERE instr(outcome, ?1) > 0",
            params![subject.to_string().into_bytes()],
        )
        .map_err(failed)?;
    Ok(())
}

fn record(row: &rusqlite::Row) -> rusqlite::Result<Record> {
    let subject: Option<Vec<u8>> = row.get(3)?;
    let sealed: Option<Vec<u8>> = row.get(4)?;
    let wrapped: Option<Vec<u8>> = row.get(5)?;
    let payload = subject.zip(sealed).map(|(subject, sealed)| Payload {
        subject: subject.try_into().map_or(NOBODY, |id| SubjectId(u128::from_be_bytes(id))),
        sealed,
        wrapped_key: wrapped.unwrap_or_default(),
    });
    Ok(Record {
        position: Position::at(row.get::<_, i64>(0)?.unsigned_abs()),
        commitment: hash(row.get(1)?),
        chain: hash(row.get(2)?),
        payload,
    })
}

impl Store for Embedded {
    fn head(&self) -> Result<Head, StoreError> {
        head(&lock(&self.reader))
    }

    fn append(&self, batch: &Batch) -> Result<(), StoreError> {
        append(&mut lock(&self.connections), batch)
    }

    fn read_after(&self, position: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        let reader = lock(&self.reader);
        let mut rows = reader
            .prepare_cached(
                "SELECT entries.number, commitment, chain, payloads.subject, sealed, wrapped
                 FROM entries
                 LEFT JOIN payloads ON payloads.number = entries.number
                 LEFT JOIN subject_keys ON subject_keys.subject = payloads.subject
                 WHERE entries.number > ?1 ORDER BY entries.number LIMIT ?2",
            )
            .map_err(failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        rows.query_map(params![number(position), limit], record)
            .and_then(Iterator::collect)
            .map_err(failed)
    }

    fn commitments_after(&self, position: Position, limit: usize) -> Result<Vec<Hash>, StoreError> {
        let reader = lock(&self.reader);
        let mut rows = reader
            .prepare_cached(
                "SELECT commitment FROM entries WHERE number > ?1 ORDER BY number LIMIT ?2",
            )
            .map_err(failed)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        rows.query_map(params![number(position), limit], |row| row.get(0).map(hash))
            .and_then(Iterator::collect)
            .map_err(failed)
    }

    fn subject_keys(&self, subjects: &[SubjectId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let reader = lock(&self.reader);
        // One transaction for all: with one for each, most of the time goes into SQLite's locks.
        let read = reader.unchecked_transaction().map_err(failed)?;
        let mut row = read
            .prepare_cached("SELECT wrapped FROM subject_keys WHERE subject = ?1")
            .map_err(failed)?;
        let mut key = |subject: &SubjectId| {
            row.query_row(params![subject.0.to_be_bytes()], |row| row.get(0)).optional()
        };
        subjects.iter().map(|subject| key(subject).map_err(failed)).collect()
    }

    fn entries_about(
        &self,
        subject: SubjectId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let mut connections = lock(&self.connections);
        let Connections { ledger, derived, .. } = &mut *connections;
        derived::index(derived, ledger)?;
        derived::entries_about(derived, subject, number(before), limit)
    }

    fn answer(&self, key: &Hash) -> Result<Option<Answer>, StoreError> {
        lock(&self.reader)
            .prepare_cached("SELECT request, outcome, at_ms FROM answers WHERE key = ?1")
            .and_then(|mut row| {
                let read = |row: &rusqlite::Row| {
                    Ok(Answer {
                        key: *key,
                        request: hash(row.get(0)?),
                        outcome: row.get(1)?,
                        at_ms: row.get(2)?,
                    })
                };
                row.query_row([key], read).optional()
            })
            .map_err(failed)
    }

    fn forget_answers(&self, before_ms: i64) -> Result<(), StoreError> {
        if self.is_read_only {
            return Ok(());
        }
        let connections = lock(&self.connections);
        connections
            .ledger
            .execute("DELETE FROM answers WHERE at_ms < ?1", [before_ms])
            .map_err(failed)?;
        Ok(())
    }

    fn cursor(&self, follower: &str) -> Result<Position, StoreError> {
        let cursor = derived::cursor(&lock(&self.connections).derived, follower)?;
        Ok(Position::at(cursor.unsigned_abs()))
    }

    fn set_cursor(&self, follower: &str, position: Position) -> Result<(), StoreError> {
        derived::set_cursor(&lock(&self.connections).derived, follower, number(position))
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        meta(&lock(&self.reader), "checkpoint")
    }

    fn ledger_id(&self) -> Result<String, StoreError> {
        let id = meta(&lock(&self.reader), "ledger_id")?;
        id.ok_or_else(|| StoreError::Corrupt("the file is no ledger: it has no name".into()))
    }

    fn strays(&self) -> Result<u64, StoreError> {
        let strays: i64 = lock(&self.reader)
            .query_row(
                "SELECT (SELECT count(*) FROM payloads WHERE number NOT IN (SELECT number FROM entries))
                      + (SELECT count(*) FROM subject_keys WHERE subject NOT IN (SELECT subject FROM payloads))
                      + (SELECT count(*) FROM entries WHERE number < 1)",
                [],
                |row| row.get(0),
            )
            .map_err(failed)?;
        Ok(strays.unsigned_abs())
    }

    fn back_up(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        make_private(to)?;
        let mut copy = Connection::open(to).map_err(failed)?;
        // A connection of its own: a copy of many pages must not hold up readers.
        let source = open_ledger(&self.folder)?;
        // One read transaction for the whole copy: without it every append would start it over.
        source.execute_batch("BEGIN; SELECT count(*) FROM meta;").map_err(failed)?;
        {
            let backup = Backup::new(&source, &mut copy).map_err(failed)?;
            loop {
                let step = backup.step(BACKUP_PAGES).map_err(failed)?;
                let pages = backup.progress();
                let total = u64::from(pages.pagecount.unsigned_abs());
                progress(total - u64::from(pages.remaining.unsigned_abs()), total);
                if step == rusqlite::backup::StepResult::Done {
                    break;
                }
            }
        }
        copy.execute_batch("PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;")
            .map_err(failed)?;
        copy.close().map_err(|(_, error)| failed(error))?;
        let file = std::fs::File::open(to).and_then(|file| file.sync_all());
        file.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    fn folder(&self) -> Option<&Path> {
        (!self.is_read_only).then_some(&*self.folder)
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let (ledger, derived) = (open_ledger(&self.folder)?, open_derived(&self.folder)?);
        let reader = open_ledger(&self.folder)?;
        let mut connections = lock(&self.connections);
        let to_clear = std::mem::take(&mut connections.to_clear);
        *connections = Connections { ledger, derived, to_clear };
        drop(connections);
        *lock(&self.reader) = reader;
        Ok(())
    }
}

fn meta(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")
        .and_then(|mut row| row.query_row([name], |row| row.get(0)).optional())
        .map_err(failed)
}
