//! The derived file: an index of people's entries, and cursors.

use rusqlite::{Connection, OptionalExtension, params};
use sayso_consent::id::{Position, SubjectId};
use sayso_ledger::StoreError;

use super::store::failed;

/// The name under which the index of entries keeps its own cursor.
const INDEX: &str = "index:subject_entries";
/// How many entries are indexed in one transaction.
const STEP: i64 = 10_000;

/// Reads entries' subjects from the ledger into the index until it has caught up.
pub(super) fn index(derived: &mut Connection, ledger: &Connection) -> Result<(), StoreError> {
    loop {
        let from = cursor(derived, INDEX)?;
        let mut rows = ledger
            .prepare_cached(
                "SELECT number, subject FROM payloads WHERE number > ?1 ORDER BY number LIMIT ?2",
            )
            .map_err(failed)?;
        let found: Vec<(i64, Vec<u8>)> = rows
            .query_map(params![from, STEP], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(failed)?;
        let Some((through, _)) = found.last() else { return Ok(()) };
        let write = derived.transaction().map_err(failed)?;
        {
            let mut insert = write
                .prepare_cached(
                    "INSERT OR IGNORE INTO subject_entries (subject, number) VALUES (?1, ?2)",
                )
                .map_err(failed)?;
            for (number, subject) in &found {
                insert.execute(params![subject, number]).map_err(failed)?;
            }
        }
        set_cursor(&write, INDEX, *through)?;
        write.commit().map_err(failed)?;
    }
}

/// The newest positions about a subject before a number.
pub(super) fn entries_about(
    derived: &Connection,
    subject: SubjectId,
    before: i64,
    limit: usize,
) -> Result<Vec<Position>, StoreError> {
    let mut rows = derived
        .prepare_cached(
            "SELECT number FROM subject_entries WHERE subject = ?1 AND number < ?2
             ORDER BY number DESC LIMIT ?3",
        )
        .map_err(failed)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows.query_map(params![subject.0.to_be_bytes(), before, limit], |row| row.get::<_, i64>(0))
        .and_then(|numbers| {
            numbers.map(|number| number.map(|n| Position::at(n.unsigned_abs()))).collect()
        })
        .map_err(failed)
}

/// Forgets where a subject's entries stand.
pub(super) fn forget(derived: &Connection, subject: SubjectId) -> Result<(), StoreError> {
    derived
        .execute("DELETE FROM subject_entries WHERE subject = ?1", params![subject.0.to_be_bytes()])
        .map_err(failed)?;
    Ok(())
}

/// How far the furthest follower has got.
pub(super) fn furthest(derived: &Connection) -> Result<i64, StoreError> {
    let furthest =
        derived.query_row("SELECT coalesce(max(number), 0) FROM cursors", [], |row| row.get(0));
    furthest.map_err(failed)
}

/// How far a follower has got.
pub(super) fn cursor(derived: &Connection, follower: &str) -> Result<i64, StoreError> {
    let found = derived
        .query_row("SELECT number FROM cursors WHERE follower = ?1", [follower], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    Ok(found.unwrap_or(0))
}

/// Notes how far a follower has got.
pub(super) fn set_cursor(
    derived: &Connection,
    follower: &str,
    number: i64,
) -> Result<(), StoreError> {
    derived
        .execute(
            "INSERT INTO cursors (follower, number) VALUES (?1, ?2)
             ON CONFLICT (follower) DO UPDATE SET number = excluded.number",
            params![follower, number],
        )
        .map_err(failed)?;
    Ok(())
}
