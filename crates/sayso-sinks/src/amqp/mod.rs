//! The AMQP 0-9-1 sink, as RabbitMQ speaks it: persistent messages to an exchange, each confirmed.
//!
//! The routing key is the person's key, so that an exchange which spreads by it keeps a person's
//! messages in one queue and in order. Messages are mandatory: one that no queue takes is tried
//! again and not taken for delivered. Nothing can be read back from a queue without taking it out,
//! so there is no mirror.
//!
//! Reading order: `config`, `deliver`, `channel`.

mod channel;
mod config;
mod deliver;
#[cfg(test)]
mod tests;

pub use config::{KIND, Settings};
pub use deliver::Amqp;
