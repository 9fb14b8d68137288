//! The glue to the ledger's port.

use std::sync::Arc;

use bytes::Bytes;
use sayso_consent::Timestamp;
use sayso_ledger::sink::{Answer, Message, Mirror, Outcome, Pace, Sink, Trouble};
use serde_json::json;

use super::{
    Sent, Webhook, Why,
    send::{RESPONSE_BYTES_MAX, random_id},
};

/// The type of the event that a receiver is tried with. It is about nobody.
const PING: &str = "sayso.ping.v1";

impl Sink for Webhook {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(messages.len());
            if self.options.pace.batch_max > 1 {
                for batch in messages.chunks(self.options.pace.batch_max) {
                    outcomes.append(&mut self.deliver_batch(batch).await);
                }
                return outcomes;
            }
            for message in messages.iter() {
                let body = Bytes::copy_from_slice(&message.body);
                outcomes.push(self.send(&message.id, body, message.at.0 / 1000).await.into());
            }
            outcomes
        })
    }

    fn pace(&self) -> Pace {
        self.options.pace
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            let at = self.clock.at();
            let id = format!("ping_{}", random_id());
            let event = self.ping(&id, at);
            let sent = match self.options.pace.batch_max {
                0 | 1 => self.send(&id, event.into(), at.0 / 1000).await,
                _ => {
                    let batch = Bytes::from(format!("[{event}]"));
                    self.send_batch(&id, batch, at.0 / 1000, RESPONSE_BYTES_MAX).await.0
                }
            };
            match sent {
                Sent::Delivered => Ok(vec!["took a signed ping".into()]),
                Sent::Retry { why, .. } | Sent::Refused { why } => Err(Trouble(why.class())),
            }
        })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        self.read_back.is_some().then_some(self)
    }
}

impl Webhook {
    fn ping(&self, id: &str, at: Timestamp) -> String {
        let told = self.options.told.as_ref();
        let ledger = told.map_or("unknown", |told| told.ledger.as_str());
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("urn:sayso:{ledger}"),
            "type": PING,
            "time": at,
            "datacontenttype": "application/json",
            "data": { "recipient": told.map(|told| told.recipient.as_str()) },
        });
        event.to_string()
    }
}

impl Why {
    /// The class, as the board shows it. Who is not believed is of one class everywhere.
    pub(super) fn class(self) -> String {
        match self {
            Self::Status(401 | 403) => "credentials".into(),
            why => why.to_string(),
        }
    }
}

impl From<Sent> for Outcome {
    fn from(sent: Sent) -> Self {
        match sent {
            Sent::Delivered => Self::Delivered,
            Sent::Retry { after_ms, why } => Self::RetryAfter { after_ms, why: why.class() },
            Sent::Refused { why } => Self::Refused { why: why.class() },
        }
    }
}
