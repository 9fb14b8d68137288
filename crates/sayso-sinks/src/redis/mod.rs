//! The Redis sink: a hash for each name of a person, which an application asks before it acts.
//!
//! One script does all of one message or nothing: it compares with what was applied before, writes
//! the hashes, and adds the message to a stream for whoever wants to follow. So what it takes is
//! applied. How durable that is, is the server's setting; `check` says it.
//!
//! Reading order: `config`, `apply.lua`, `deliver`, `mirror`.

mod config;
mod connection;
mod deliver;
mod mirror;
#[cfg(test)]
mod tests;

pub use config::{KIND, Settings};
pub use deliver::Redis;
