//! `/v1/sinks`: how recipients are told, from declaring a sink to removing it.
//!
//! Everything here is a command on the ledger, so it is the same whoever asks, and recorded. What may
//! not be shown goes in and never comes out.

pub(crate) mod declare;
pub(crate) mod kinds;
pub(crate) mod list;
pub(crate) mod orders;
