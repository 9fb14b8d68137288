//! The nouns of consent, what may be asked for, what happened, and the rule that answers "may I?".
//!
//! This crate is pure: no clock, no randomness, no I/O, no async, no logging, no JSON value. Time,
//! ids and digests come in as arguments, so everything here can be tested as a table and would run
//! in a browser. It refuses to know how entries are stored, sealed or sent.
//!
//! Reading order:
//!
//! 1. [`id`], [`time`]: names and moments.
//! 2. [`catalog`]: what the company declares.
//! 3. [`scope`], [`choice`]: what a person says.
//! 4. [`subject`]: what is known about one person, folded from events by [`apply`]; [`sink`]: how
//!    recipients are told.
//! 5. [`command`] → [`handle`] → [`event`] or [`refusal`]: the write lane.
//! 6. [`request`] → [`oracle`] → [`request::Decision`]: the read lane, written once, naively.
//!    The fast one lives in `sayso-decision`; property tests hold the two equal.
//!
//! Why not a policy language: a person's choice is data with five dimensions, not a program. A
//! closed rule can be explained on one page, checked exhaustively and answered in nanoseconds.

pub mod apply;
pub mod catalog;
pub mod choice;
pub mod command;
pub mod event;
pub mod handle;
pub mod id;
pub mod oracle;
pub mod refusal;
pub mod request;
pub mod scope;
pub mod sink;
pub mod subject;
pub mod time;

pub use catalog::Catalog;
pub use choice::Choice;
pub use command::Command;
pub use event::{Entry, Event};
pub use handle::handle;
pub use id::{Id, Position, SubjectId};
pub use refusal::Refusal;
pub use request::{Decision, Reason, Request};
pub use scope::Scope;
pub use subject::SubjectState;
pub use time::Timestamp;
