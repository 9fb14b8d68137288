//! The port to what keeps the ledger. A driver is done when the conformance suite of
//! `sayso-stores` passes.

use sayso_consent::id::{Position, SubjectId};

use crate::record::{Hash, Record};

/// The newest entry and the chain up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its place.
    pub position: Position,
    /// The chain.
    pub chain: Hash,
}

/// What goes wrong with a store, grouped by what the caller should do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Try again later: the disk is full, the file is locked, the machine is going down.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// Somebody else appended; read on and decide again.
    #[error("somebody else has appended")]
    Conflict,
    /// What is stored cannot be right. Nothing must be built on it.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

/// The outcome of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The digest of the key and of whose it is.
    pub key: Hash,
    /// The digest of what was asked.
    pub request: Hash,
    /// What was answered, as the writer encodes it.
    pub outcome: Vec<u8>,
    /// When, in milliseconds.
    pub at_ms: i64,
}

/// What is written in one durable step, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The head that it was decided on.
    pub expected: Head,
    /// The entries.
    pub records: Vec<Record>,
    /// The wrapped keys of people who are new.
    pub new_keys: Vec<(SubjectId, Vec<u8>)>,
    /// The outcomes of idempotency keys.
    pub answers: Vec<Answer>,
    /// Who is erased by the end of it: payloads, keys and answers go.
    pub erased: Vec<SubjectId>,
    /// The signed head after it.
    pub checkpoint: String,
}

/// What keeps the ledger.
///
/// Methods block; the callers that must not be held up have threads of their own.
pub trait Store: Send + Sync {
    /// The newest entry.
    ///
    /// # Errors
    /// As [`StoreError`] says; so for all below.
    fn head(&self) -> Result<Head, StoreError>;

    /// Appends a batch if the head is still the expected one. When it returns, the batch is on
    /// disk; when it fails, nothing of it is. A record's payload carries its wrapped key, but
    /// only `new_keys` are stored. Entries of erased people before the batch lose their payloads,
    /// as do those in it.
    fn append(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Up to `limit` entries after a position, in order. Erased ones come without a payload.
    fn read_after(&self, position: Position, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// The commitments of the entries after a position, in order.
    fn commitments_after(&self, position: Position, limit: usize) -> Result<Vec<Hash>, StoreError>;

    /// The wrapped keys of subjects, in their order.
    fn subject_keys(&self, subjects: &[SubjectId]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// Up to `limit` positions of entries about a subject, newest first, before a position.
    fn entries_about(
        &self,
        subject: SubjectId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError>;

    /// The outcome of an idempotency key.
    fn answer(&self, key: &Hash) -> Result<Option<Answer>, StoreError>;

    /// Forgets outcomes from before a moment.
    fn forget_answers(&self, before_ms: i64) -> Result<(), StoreError>;

    /// How far a follower has got; the start if it never said.
    fn cursor(&self, follower: &str) -> Result<Position, StoreError>;

    /// Notes how far a follower has got. May be lost in a crash: followers tolerate repeats.
    fn set_cursor(&self, follower: &str, position: Position) -> Result<(), StoreError>;

    /// The signed head of the last append.
    fn checkpoint(&self) -> Result<Option<String>, StoreError>;

    /// A name that the store was given at its creation, and keeps.
    fn ledger_id(&self) -> Result<String, StoreError>;

    /// How many payloads belong to no entry and keys to no payload. None, unless the store was
    /// changed from outside: a payload that was moved leaves an entry that looks erased.
    fn strays(&self) -> Result<u64, StoreError>;

    /// Writes a copy that is whole as of some entry, while appends go on.
    fn back_up(
        &self,
        to: &std::path::Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), StoreError>;

    /// Where the snapshot may be saved beside the store; nowhere, unless the store says so.
    fn folder(&self) -> Option<&std::path::Path> {
        None
    }

    /// Starts afresh after a failure: drops every handle and opens again, so that nothing is
    /// believed that a failed write left in memory.
    fn reopen(&self) -> Result<(), StoreError>;
}
