//! SQLite in the process, bundled. Two files:
//!
//! - `ledger.db`: entries, payloads, wrapped keys, idempotency keys. WAL, `synchronous=FULL`: a
//!   commit that returned is on disk.
//! - `derived.db`: where a person's entries stand, and followers' cursors. Made from the ledger,
//!   may be deleted, never slows an append, and is not synced.

mod derived;
mod files;
mod schema;
mod store;

pub use store::{Embedded, sqlite_version};
