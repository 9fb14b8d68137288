//! The glue to the ledger's port.

use std::sync::Arc;

use bytes::Bytes;
use sayso_ledger::sink::{Answer, Message, Outcome, Sink, Told, Trouble};
use serde::Deserialize;
use serde_json::Value;

use super::{KeyError, Sent, Webhook, WebhookConfig, WebhookError};
use crate::open::{Kind, OpenError, Secret, Secrets, Setting, read};

/// What this kind is.
pub(crate) const KIND: Kind = Kind {
    name: "webhook",
    what: "A signed HTTP request per message (Standard Webhooks).",
    settings: &[
        Setting {
            name: "url",
            what: "where it listens: https, without credentials",
            default: None,
        },
        Setting {
            name: "allow_private",
            what: "whether it may be on a private network, and be spoken to in plain http",
            default: Some("false"),
        },
        Setting {
            name: "timeout_ms",
            what: "how long one try may take, in milliseconds",
            default: Some("10000"),
        },
    ],
    secrets: &[
        Secret { name: "secret", what: "what it verifies messages with; one is made unless given" },
        Secret { name: "previous_secret", what: "the one before, while both are valid" },
        Secret { name: "previous_until", what: "until when the one before is valid" },
        Secret { name: "signing_key", what: "what `v1a` is signed with; ours" },
    ],
    open,
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

/// What every other kind has besides and this one does not.
#[derive(Deserialize)]
struct Nothing {}

fn ten_seconds() -> u64 {
    10_000
}

fn open(given: &Value, secrets: &Secrets, _: &Told) -> Result<Arc<dyn Sink>, OpenError> {
    let (Nothing {}, Settings { url, allow_private, timeout_ms }) = read(given, &[])?;
    let wrong = |error: WebhookError| OpenError::wrong("url", error.to_string());
    let key = |name: &str| secrets.get(name).ok_or_else(|| OpenError::MissingSecret(name.into()));
    let secret = key("secret")?.parse().map_err(|error| unfit("secret", &error))?;
    let signing_key = key("signing_key")?.parse().map_err(|error| unfit("signing_key", &error))?;
    let config = WebhookConfig { url, secret, signing_key, allow_private, timeout_ms };
    Ok(Arc::new(Webhook::new(config).map_err(wrong)?))
}

fn unfit(secret: &str, error: &KeyError) -> OpenError {
    OpenError::WrongSecret { secret: secret.to_owned(), why: error.to_string() }
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
