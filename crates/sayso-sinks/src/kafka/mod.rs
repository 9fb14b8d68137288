//! The Kafka sink: a topic of changes, and a compacted topic of what holds now.
//!
//! Both go by the person's key, so a person's messages lie in one partition and in order. In the
//! topic of states the last message of a key is what counts, and nothing is left of who has gone.
//!
//! Kafka's clients go where the brokers send them, and the one used here resolves names by itself.
//! So the guard looks at the addresses that are configured, and at those that the brokers name,
//! before anything but the question for them is sent; what a name stands for a moment later it
//! cannot hold. And there is no TLS: the library has it from OpenSSL alone. Hence this kind is for
//! private networks.
//!
//! Reading order: `config`, `producer`, `deliver`, `mirror`.

mod config;
mod deliver;
mod mirror;
mod producer;
#[cfg(test)]
mod tests;

pub use config::{KIND, Settings};
pub use deliver::Kafka;
