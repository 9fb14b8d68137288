//! The ledger: append, follow, deliver, verify. And the two ports, [`Store`] and [`Sink`].
//!
//! The ledger is the only truth. A command goes through one writer: it is decided on the newest
//! state, sealed, appended together with whatever else is waiting in one durable write, and only
//! then applied to the snapshot and acknowledged. Nothing is told to the outside except by
//! following what was appended, so there are no dual writes to fall apart.
//!
//! Reading order: [`keys`], [`record`] (canonical bytes, commitment, chain, sealing), [`tree`],
//! [`store`] (the port), [`writer`] (the write lane; `plan` is a batch of it), [`ledger`] (the
//! whole; [`reader`] is it without the write lane), [`receipt`], [`checkpoint`], [`verify`],
//! [`journal`] (`scribe` writes it, `replay` reads it back), [`tail`] (what a replica is sent;
//! `erasures`), `image` (the
//! snapshot on disk); then [`sink`] (the other port) and [`deliver`].
//!
//! This crate refuses to know which database or which transport is behind its ports.

pub mod checkpoint;
pub mod clock;
pub mod deliver;
pub mod door;
mod erasures;
pub mod find;
mod formers;
pub mod image;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod normalise;
mod parallel;
mod plan;
pub mod pulse;
pub mod reader;
pub mod receipt;
pub mod record;
mod replay;
mod scribe;
mod shared;
pub mod sink;
pub mod store;
pub mod tail;
pub mod tree;
pub mod verify;
pub mod writer;

pub use clock::Clock;
pub use keys::Secrets;
pub use ledger::Ledger;
pub use reader::Reader;
pub use store::{Store, StoreError};
pub use writer::{WriteError, Written};
