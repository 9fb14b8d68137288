//! The webhook sink: one signed HTTP request per message.
//!
//! The request is a [Standard Webhooks] 1.0.0 delivery that carries a CloudEvents 1.0 body. It is
//! signed twice, with a shared secret (`v1`) that every receiver's library can check, and with a
//! key of ours (`v1a`) whose private half a leak at the receiver cannot reveal.
//!
//! It refuses to build the body, to follow redirects, to use a proxy, to send any header that is
//! not on its list, and to retry: it makes one attempt and says what came of it.
//!
//! A receiver that wants more at a time gets batches, and may say of each message what became of it.
//! One that answers at `read_back_url` can be asked what it holds.
//!
//! Reading order: [`config`], [`settings`], [`sign`], [`send`], [`outcome`], `batch`, `mirror`.
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com

mod batch;
pub mod config;
mod mirror;
pub mod outcome;
pub mod send;
pub mod settings;
pub mod sign;
mod sink;
#[cfg(test)]
mod tests;

pub use config::{WebhookConfig, WebhookError};
pub use outcome::{Sent, Why};
pub use send::Webhook;
pub use settings::{KIND, Options, Settings};
pub use sign::{HmacSecret, KeyError, Message, PublicKey, SigningKey, Verifier, VerifyError};
