//! The glue to the ledger's port.

use bytes::Bytes;
use sayso_ledger::sink::{Delivery, Message, Outcome, Sink};

use super::{Sent, Webhook};

impl Sink for Webhook {
    fn deliver(&self, message: Message) -> Delivery<'_> {
        Box::pin(async move {
            match self.send(&message.id, Bytes::from(message.body), message.at_seconds).await {
                Sent::Delivered => Outcome::Delivered,
                Sent::Retry { after_ms, why } => {
                    Outcome::RetryAfter { after_ms, why: why.to_string() }
                }
                Sent::Refused { why } => Outcome::Refused { why: why.to_string() },
            }
        })
    }
}
