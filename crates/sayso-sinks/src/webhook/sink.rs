//! The glue to the ledger's port.

use std::sync::Arc;

use bytes::Bytes;
use sayso_ledger::sink::{Answer, Kind, Message, Outcome, Sink, Told, Trouble};
use serde::Deserialize;
use serde_json::Value;

use super::{Sent, Webhook, WebhookConfig};
use crate::open::{OpenError, SealedSettings, settings};

/// What an operator sees of it.
pub(crate) const KIND: Kind = Kind {
    name: "webhook",
    about: "a signed HTTP request per message (Standard Webhooks)",
    settings: &[
        ("url", "where it listens: https, without credentials"),
        ("allow_private", "whether it may be on a private network, and be spoken to in plain http"),
        ("timeout_ms", "how long one try may take; 10,000 unless said"),
    ],
    secrets: &[("secret", "what it verifies messages with; one is made unless given")],
};

/// What an operator may set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    #[serde(default)]
    allow_private: bool,
    #[serde(default = "ten_seconds")]
    timeout_ms: u64,
}

fn ten_seconds() -> u64 {
    10_000
}

/// A webhook as it was declared.
pub(crate) fn open(
    given: &Value,
    secrets: &SealedSettings,
    _: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let Settings { url, allow_private, timeout_ms } = settings(given)?;
    let key = |name: &str| {
        secrets.get(name).ok_or_else(|| OpenError(format!("the secret `{name}` is missing")))
    };
    let secret = key("secret")?.parse().map_err(OpenError::of)?;
    let signing_key = key("signing_key")?.parse().map_err(OpenError::of)?;
    let config = WebhookConfig { url, secret, signing_key, allow_private, timeout_ms };
    Ok(Arc::new(Webhook::new(config).map_err(OpenError::of)?))
}

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
