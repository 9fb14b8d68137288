//! The webhook sink: one signed HTTP request per message.
//!
//! The request is a [Standard Webhooks] 1.0.0 delivery that carries a CloudEvents 1.0 body. It is
//! signed twice, with a shared secret (`v1`) that every receiver's library can check, and with a
//! key of ours (`v1a`) whose private half a leak at the receiver cannot reveal.
//!
//! It refuses to build the body, to follow redirects, to use a proxy, to send any header that is
//! not on its list, and to retry: it makes one attempt and says what came of it.
//!
//! Reading order: [`config`], [`sign`], [`send`], [`outcome`].
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com

pub mod config;
pub mod outcome;
pub mod send;
pub mod sign;
mod sink;
#[cfg(test)]
mod tests;

pub use config::{WebhookConfig, WebhookError};
pub use outcome::{Sent, Why};
pub use send::Webhook;
pub use sign::{HmacSecret, KeyError, Message, PublicKey, SigningKey, Verifier, VerifyError};
pub(crate) use sink::KIND;
