//! What tests stand on: a ledger in memory, and the golden examples with their runner.
//!
//! Reading order:
//!
//! 1. [`world`]: the write lane without disk, key or network. Property tests drive it.
//! 2. [`golden`]: Markdown that a lawyer can read, run against anything that answers "may I?".
//! 3. [`servers`]: brokers and databases on the loopback, for what sends or stores.
//!
//! A development dependency only. It knows the pure crates and the catalog reader and nothing that
//! stores, sends or serves, so every crate above may test with it.

pub mod golden;
pub mod servers;
pub mod world;
