//! Drivers of the [`sayso_ledger::Store`] port: [`embedded`] (SQLite in the process) is what
//! Sayso runs on, [`memory`] is a real store for tests.
//!
//! A driver is done when [`conformance::check`] passes. No driver knows another, and nothing
//! outside a driver's folder knows its SQL.

pub mod conformance;
pub mod embedded;
pub mod memory;

pub use embedded::Embedded;
pub use memory::Memory;
