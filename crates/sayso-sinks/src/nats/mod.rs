//! The NATS sink: one JetStream message for each message, acknowledged by the stream.
//!
//! A person's messages go to one subject, `<prefix>.<key>`, so they keep their order, and the last
//! message of a subject is what counts about a person. The stream is the operator's: [`check`]
//! says what it lacks, and nothing here makes or changes one.
//!
//! It refuses to reconnect behind the ledger's back: what waits in a client's memory for a server
//! to return would arrive after newer messages.
//!
//! Reading order: `config`, `deliver`, `mirror`.
//!
//! [`check`]: sayso_ledger::sink::Sink::check

mod client;
mod config;
mod deliver;
mod mirror;
#[cfg(test)]
mod tests;

pub use config::{KIND, Settings};
pub use deliver::Nats;
