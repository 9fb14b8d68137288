//! Real servers for tests: started on free ports of the loopback, in a folder of their own, and
//! gone with the test, also with one that is killed.
//!
//! A server that is not installed is left out with a word on the standard error, so that whoever
//! changes a comma need not install six brokers; with `SAYSO_REQUIRE_ALL=1`, as `cargo xtask test`
//! has it, that is an error.
//!
//! Reading order: [`server`], [`process`], then one file a server; [`tap`] listens on the way.

mod kafka;
mod mariadb;
mod mosquitto;
mod nats;
mod postgres;
mod process;
mod programs;
mod rabbitmq;
mod redis;
mod server;
mod tap;
#[cfg(test)]
mod tests;

pub use kafka::Kafka;
pub use mariadb::MariaDb;
pub use mosquitto::Mosquitto;
pub use nats::Nats;
pub use postgres::Postgres;
pub use programs::is_required;
pub use rabbitmq::RabbitMq;
pub use redis::Redis;
pub use server::{Kind, Login, Place, Server};
pub use tap::Tap;
