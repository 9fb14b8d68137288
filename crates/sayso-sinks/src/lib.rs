//! Sinks: how downstream systems are told.
//!
//! A sink is the last step of the way out: one message, one receiver, one answer. It signs, it
//! connects, it sends, and it says what came of it in one of three words: delivered, try again, or
//! refused. It refuses to know what a message means, in which order messages go, how long to wait
//! between attempts, and where the cursor stands; whoever follows the ledger knows that, so that
//! there is one loop and one set of retry rules for every kind of sink.
//!
//! Three rules hold for all of them:
//!
//! - **Nothing is given up here.** A sink answers *refused* only when the receiver itself said that
//!   this very message will never do. Everything that somebody can repair, a wrong key or a missing
//!   page included, is *try again*: a withdrawal that is dropped because of a typing error is a
//!   withdrawal that did not happen.
//! - **Nothing is let in here.** What a receiver answers is read for its status and forgotten. It
//!   is never shown, logged or kept, because it may hold anything, personal data included.
//! - **Nothing is reached by accident.** Where a message goes is configured by people and resolved
//!   by name servers that others run. [`guard`] looks at every address at the moment of connecting
//!   and connects to the address that it looked at.
//!
//! Reading order: [`guard`], then [`webhook`]; [`open`] lists the kinds, one folder each.

#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(test)]
mod conformance;
#[cfg(feature = "exec")]
pub mod exec;
#[cfg(feature = "file")]
pub mod file;
pub mod guard;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "mqtt")]
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
pub mod open;
#[cfg(any(feature = "kafka", feature = "mqtt", feature = "nats"))]
mod readback;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "exec", feature = "webhook"))]
mod results;
#[cfg(feature = "sql")]
pub mod sql;
#[cfg(any(feature = "kafka", feature = "mqtt", feature = "nats", feature = "redis"))]
mod sums;
#[cfg(feature = "suppression")]
pub mod suppression;
#[cfg(feature = "webhook")]
pub mod webhook;
