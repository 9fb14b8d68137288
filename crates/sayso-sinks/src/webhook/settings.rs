//! What an operator writes about a receiver, and opening a sink from it.

use std::{str::FromStr, sync::Arc};

use sayso_consent::Timestamp;
use sayso_ledger::sink::{Pace, Sink, Told};
use serde::{Deserialize, de::IgnoredAny};

use super::{HmacSecret, KeyError, SigningKey, Webhook, WebhookConfig, WebhookError};
use crate::open::{Kind, OpenError, Secret, Secrets, Setting, read};

/// Most messages in one request.
pub const BATCH_MAX: usize = 1_000;
/// Most requests under way at once to one receiver.
pub const AT_ONCE_MAX: usize = 64;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "webhook",
    what: "Posts signed CloudEvents to an address, one by one or in batches.",
    settings: &[
        Setting { name: "url", what: "where it listens: https://host/path", default: None },
        Setting {
            name: "read_back_url",
            what: "where it can be asked what it holds",
            default: Some("nowhere"),
        },
        Setting {
            name: "allow_private",
            what: "whether it may be on a private network, and be spoken to in plain http",
            default: Some("false"),
        },
        Setting {
            name: "timeout_ms",
            what: "how long one attempt may take, in milliseconds",
            default: Some("10000"),
        },
        Setting {
            name: "batch_max",
            what: "most messages in one request; from 2 on every request is a batch",
            default: Some("1"),
        },
        Setting { name: "at_once", what: "most requests under way at once", default: Some("16") },
        Setting {
            name: "per_second",
            what: "most messages a second",
            default: Some("as many as there are"),
        },
        Setting {
            name: "previous_until",
            what: "until when the previous secret signs beside the new one",
            default: Some("not at all"),
        },
    ],
    secrets: &[
        Secret { name: "secret", what: "signs v1: whsec_…" },
        Secret { name: "previous_secret", what: "the one before it, with `previous_until`" },
        Secret { name: "signing_key", what: "signs v1a: whsk_…" },
    ],
    open,
};

/// The settings of one receiver. Its secrets are `secret` (`whsec_…`), `signing_key` (`whsk_…`) and,
/// while it is being changed, `previous_secret`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it listens: `https`, without credentials.
    pub url: String,
    /// Where it can be asked what it holds, if it can.
    pub read_back_url: Option<String>,
    /// Whether it may be on a private network, and be spoken to in plain `http`.
    #[serde(default)]
    pub allow_private: bool,
    /// How long one attempt may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Most messages in one request. From two on every request is a batch, of one perhaps.
    #[serde(default = "batch_max")]
    pub batch_max: usize,
    /// Most requests under way at once.
    #[serde(default = "at_once")]
    pub at_once: usize,
    /// Most messages a second.
    pub per_second: Option<u32>,
    /// Until when the previous secret signs beside the new one.
    pub previous_until: Option<Timestamp>,
}

fn timeout_ms() -> u64 {
    10_000
}

fn batch_max() -> usize {
    1
}

fn at_once() -> usize {
    16
}

/// What there is beside where and with what.
#[derive(Clone, Default)]
pub struct Options {
    /// How it wants to be fed. Beyond a batch of one, requests are batches.
    pub pace: Pace,
    /// Where it can be asked what it holds.
    pub read_back_url: Option<String>,
    /// The secret before this one, and until when it signs as well.
    pub previous: Option<(HmacSecret, Timestamp)>,
    /// Who is told by whom; said to the receiver when it is tried.
    pub told: Option<Told>,
}

impl Settings {
    fn pace(&self) -> Result<Pace, OpenError> {
        let Self { batch_max, at_once, per_second, .. } = *self;
        for (name, value, most) in
            [("batch_max", batch_max, BATCH_MAX), ("at_once", at_once, AT_ONCE_MAX)]
        {
            if !(1..=most).contains(&value) {
                return Err(OpenError::wrong(name, format!("is not between 1 and {most}")));
            }
        }
        if per_second == Some(0) {
            return Err(OpenError::wrong("per_second", "is 0; nothing would ever be sent"));
        }
        Ok(Pace { batch_max, at_once, per_second })
    }
}

fn open(
    settings: &serde_json::Value,
    secrets: &Secrets,
    told: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let (_, settings): (IgnoredAny, Settings) = read(settings, &[])?;
    let secret = |name| key::<HmacSecret>(secrets, name);
    let previous = match settings.previous_until {
        Some(until) => Some((secret("previous_secret")?, until)),
        None => None,
    };
    let options = Options {
        pace: settings.pace()?,
        read_back_url: settings.read_back_url,
        previous,
        told: Some(told.clone()),
    };
    let config = WebhookConfig {
        url: settings.url,
        secret: secret("secret")?,
        signing_key: key::<SigningKey>(secrets, "signing_key")?,
        allow_private: settings.allow_private,
        timeout_ms: settings.timeout_ms,
    };
    let webhook = Webhook::new(config).map_err(|error| match error {
        WebhookError::Timeout => wrong("timeout_ms", &error),
        _ => wrong("url", &error),
    })?;
    Ok(Arc::new(webhook.with(options).map_err(|error| wrong("read_back_url", &error))?))
}

fn wrong(setting: &str, error: &WebhookError) -> OpenError {
    OpenError::wrong(setting, format!("cannot be used: {error}"))
}

fn key<K: FromStr<Err = KeyError>>(secrets: &Secrets, name: &str) -> Result<K, OpenError> {
    let text = secrets.get(name).ok_or_else(|| OpenError::MissingSecret(name.to_owned()))?;
    text.parse().map_err(|error| OpenError::WrongSecret {
        secret: name.to_owned(),
        why: format!("cannot be used: {error}"),
    })
}
