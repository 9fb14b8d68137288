//! Every limit of the API, in one place.

/// Longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest body of a batch of evaluations or of an import, in bytes.
pub const BATCH_BYTES_MAX: usize = 8 << 20;
/// Most evaluations in one request.
pub const EVALUATIONS_MAX: usize = 10_000;
/// Most effects in one report.
pub const EFFECTS_MAX: usize = 1_000;
/// Most lines in one import request.
pub const IMPORT_LINES_MAX: usize = 10_000;
/// Results on a page unless asked otherwise.
pub const PAGE: usize = 100;
/// Most results on a page.
pub const PAGE_MAX: usize = 1_000;
/// How long a decision waits for a token that this node has not reached, in milliseconds.
pub const FRESHNESS_MS: u64 = 2_000;
/// Longest that a replica's question waits for news, in milliseconds.
pub const TAIL_WAIT_MS_MAX: u64 = 10_000;
/// Longest `Idempotency-Key` and `X-Request-ID`, in bytes.
pub const HEADER_BYTES_MAX: usize = 255;
