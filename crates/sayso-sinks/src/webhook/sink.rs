//! The glue to the ledger's port.

use std::sync::Arc;

use bytes::Bytes;
use sayso_ledger::sink::{Answer, Message, Outcome, Sink, Trouble};

use super::{Sent, Webhook};

impl Sink for Webhook {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(messages.len());
            for message in messages.iter() {
                let body = Bytes::copy_from_slice(&message.body);
                outcomes.push(self.send(&message.id, body, message.at.0 / 1000).await.into());
            }
            outcomes
        })
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl From<Sent> for Outcome {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::Delivered => Self::Delivered,
            Sent::Retry { after_ms, why } => Self::RetryAfter { after_ms, why: why.to_string() },
            Sent::Refused { why } => Self::Refused { why: why.to_string() },
        }
    }
}
