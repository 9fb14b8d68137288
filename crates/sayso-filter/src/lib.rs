//! Keeps of a file of people what may be used, and blanks the rest.
//!
//! A table comes in as record batches. One column says whom a row is about, and a map says which
//! category of data each other column is. For every row and column the rule is asked; what it does
//! not allow leaves no trace in what goes out.
//!
//! Reading order: [`spec`] (what is asked for), [`layout`] (that, held against the columns that are
//! there), [`answers`] (who decides), [`sieve`] (one batch), [`run`] (all of them, on all cores),
//! [`report`], `source` and [`file`] (Parquet and CSV).
//!
//! This crate refuses to know where decisions come from: [`Answers`] is its port, and a snapshot
//! ([`Live`]) is what stands behind it. It knows no ledger and no command line. The work goes by
//! columns and not by rows: a row at a time is the obvious design, and an order of magnitude slower.

pub mod answers;
pub mod fault;
pub mod file;
pub mod layout;
pub mod report;
pub mod run;
pub mod sieve;
mod source;
pub mod spec;

pub use answers::{Answers, Live};
pub use fault::Fault;
pub use report::Report;
pub use sieve::Sieve;
pub use spec::Spec;
