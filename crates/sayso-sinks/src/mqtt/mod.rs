//! The MQTT sink: what a recipient may do with a person is a retained message.
//!
//! MQTT 5 and nothing older: its acknowledgements can say no. A broker that speaks 3.1.1 confirms
//! a message that it throws away for being too long or not permitted in the same words as one that
//! it keeps.
//!
//! Only the packets are the library's. Its client sends again by itself what a broken connection
//! left, after messages that are newer; here a connection ends with whatever was on it.
//!
//! Reading order: `config`, `deliver`, `session`, `mirror`.

mod config;
mod deliver;
mod mirror;
mod session;
#[cfg(test)]
mod tests;

pub use config::{KIND, Settings};
pub use deliver::Mqtt;
