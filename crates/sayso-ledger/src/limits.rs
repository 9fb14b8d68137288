//! Every limit of the ledger, in one place. `docs/reference/limits.md` says the same to people.

/// Most commands in one durable write.
pub const BATCH_COMMANDS_MAX: usize = 2_048;
/// Most submissions that wait for the writer; beyond it a write is asked to come again.
pub const QUEUE_MAX: usize = 16_384;
/// Most entries read from the store at a time while following.
pub const FOLLOW_ENTRIES_MAX: usize = 1_024;
/// Longest identifier value, in bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 256;
/// How long the outcome of an idempotency key is kept, in milliseconds: 7 days.
pub const IDEMPOTENCY_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// Most people about whom a recipient has something to take that are kept in memory; more are found
/// again by going through everybody.
pub const LANES_MAX: usize = 65_536;
/// Most people who are told again one by one after a system was read back; more are told again all.
pub const DRIFTED_MAX: usize = 10_000;
/// About how many people a system that differs is asked about at once, which are then in memory as
/// it has them.
pub const READ_BACK_PEOPLE: u64 = 50_000;
/// The first wait after a failed delivery, in milliseconds.
pub const RETRY_FIRST_MS: u64 = 200;
/// The longest wait between two tries, in milliseconds.
pub const RETRY_MAX_MS: u64 = 30_000;
/// How long a parked delivery rests before it is tried again, in milliseconds.
pub const PARKED_MS: u64 = 15 * 60 * 1_000;
/// Most erasures that are remembered for replicas; one that missed more starts anew.
pub const ERASURES_MAX: usize = 100_000;
/// Most saved snapshots that are sent to replicas at once; who asks beyond them asks again.
pub const OFFERS_AT_ONCE: usize = 8;
/// How many entries are worth saving the snapshot again; an erasure since always is.
pub const SAVE_ENTRIES: u64 = 1_000;
/// How many people for whom something has ended or begun by itself are summed up anew behind a batch.
pub const SETTLE_MORE: usize = 64;
/// How often the writer tries a store that failed, in milliseconds.
pub const STORE_RETRY_MS: u64 = 500;
/// Most withdrawals that are kept in force in memory while the store fails.
pub const HELD_MAX: usize = 100_000;
/// Most lines that are kept in memory for a journal that fails.
pub const UNJOURNALED_MAX: usize = 100_000;
/// How many writes pass a journal that fails before one tries it again; a writer with nothing to do
/// tries it sooner.
pub const UNJOURNALED_RETRY: u32 = 256;
