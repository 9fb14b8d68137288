//! The port to a downstream system.

use std::{future::Future, pin::Pin};

/// A message for one recipient about one person.
#[derive(Clone, Debug)]
pub struct Message {
    /// Names the message; the same again when it is sent again.
    pub id: String,
    /// The CloudEvent, as JSON.
    pub body: Vec<u8>,
    /// When it is sent, in seconds since 1970.
    pub at_seconds: i64,
}

/// How a delivery ended. There is no fourth way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The system has it.
    Delivered,
    /// Try again, not before so many milliseconds if the system said so.
    RetryAfter {
        /// What the system asked for.
        after_ms: Option<u64>,
        /// The class of failure, without personal data.
        why: String,
    },
    /// The system will never take this message as it is. Parked, where a person sees it.
    Refused {
        /// The class of refusal, without personal data.
        why: String,
    },
}

/// The future of a delivery.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Something that tells a downstream system.
pub trait Sink: Send + Sync {
    /// Delivers one message. Must not retry by itself, and must come to an end.
    fn deliver(&self, message: Message) -> Delivery<'_>;
}
