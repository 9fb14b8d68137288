//! The snapshot: everyone's state in memory, and the decision that is read from it.
//!
//! A decision is one lock of one shard, one look at one person's few choices, and no I/O. The
//! snapshot is the first follower of the ledger: [`Snapshot::apply`] is the only way in, whether
//! an entry was written a microsecond ago or is replayed at start-up, so live equals replay.
//!
//! This crate is pure. It refuses to know how entries are stored, what time it is, and who asks.
//!
//! Reading order: [`decide`] (the rule over states, held equal to `sayso_consent::oracle` by
//! property test), [`snapshot`], [`audience`], [`permission`], [`staged`].

pub mod audience;
pub mod decide;
mod engine;
mod index;
pub mod permission;
pub mod snapshot;
pub mod staged;

pub use engine::{Engine, Sum, many::Prepared, plan::Question};
pub use permission::Permission;
pub use snapshot::Snapshot;
pub use staged::Staged;
