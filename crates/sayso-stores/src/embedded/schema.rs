//! The tables.

/// `ledger.db`. Append-only but for erasure; the hot table has a sequential key and no index.
pub(super) const LEDGER: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        number     INTEGER PRIMARY KEY,
        commitment BLOB NOT NULL,
        chain      BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS payloads (
        number     INTEGER PRIMARY KEY,
        subject    BLOB NOT NULL,
        sealed     BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS subject_keys (
        subject    BLOB PRIMARY KEY,
        wrapped    BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS answers (
        key        BLOB PRIMARY KEY,
        request    BLOB NOT NULL,
        outcome    BLOB NOT NULL,
        at_ms      INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS meta (
        name       TEXT PRIMARY KEY,
        value      TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// `derived.db`.
pub(super) const DERIVED: &str = "
    CREATE TABLE IF NOT EXISTS subject_entries (
        subject    BLOB NOT NULL,
        number     INTEGER NOT NULL,
        PRIMARY KEY (subject, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cursors (
        follower   TEXT PRIMARY KEY,
        number     INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The version of both, kept in `PRAGMA user_version`.
pub(super) const VERSION: i64 = 1;
