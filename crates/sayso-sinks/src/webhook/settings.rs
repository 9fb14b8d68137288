//! What an operator writes about a receiver, and opening a sink from it.

use std::{collections::BTreeMap, sync::Arc};

use sayso_consent::Timestamp;
use sayso_ledger::sink::{Pace, Sink, Told};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{HmacSecret, KeyError, SigningKey, Webhook, WebhookConfig, WebhookError};
use crate::open::OpenError;

/// Most messages in one request.
pub const BATCH_MAX: usize = 1_000;
/// Most requests under way at once to one receiver.
pub const AT_ONCE_MAX: usize = 64;

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
    fn pace(&self) -> Result<Pace, WebhookError> {
        let is_fit = (1..=BATCH_MAX).contains(&self.batch_max)
            && (1..=AT_ONCE_MAX).contains(&self.at_once)
            && self.per_second != Some(0);
        let Self { batch_max, at_once, per_second, .. } = *self;
        if is_fit { Ok(Pace { batch_max, at_once, per_second }) } else { Err(WebhookError::Pace) }
    }
}

/// What is wrong with a secret.
#[derive(Debug, thiserror::Error)]
enum SecretError {
    #[error("the secret `{0}` is missing")]
    Missing(&'static str),
    #[error("the secret `{0}`: {1}")]
    Unfit(&'static str, KeyError),
}

/// Opens the sink of a recipient. Connects to nobody.
///
/// # Errors
/// The settings or the secrets are not fit.
pub fn open(
    settings: &serde_json::Value,
    secrets: &BTreeMap<String, Zeroizing<String>>,
    told: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let settings: Settings = crate::open::settings(settings)?;
    let secret = |name| key::<HmacSecret>(secrets, name).map_err(OpenError::of);
    let previous = match settings.previous_until {
        Some(until) => Some((secret("previous_secret")?, until)),
        None => None,
    };
    let options = Options {
        pace: settings.pace().map_err(OpenError::of)?,
        read_back_url: settings.read_back_url,
        previous,
        told: Some(told.clone()),
    };
    let config = WebhookConfig {
        url: settings.url,
        secret: secret("secret")?,
        signing_key: key::<SigningKey>(secrets, "signing_key").map_err(OpenError::of)?,
        allow_private: settings.allow_private,
        timeout_ms: settings.timeout_ms,
    };
    let webhook = Webhook::new(config).and_then(|webhook| webhook.with(options));
    Ok(Arc::new(webhook.map_err(OpenError::of)?))
}

fn key<K: std::str::FromStr<Err = KeyError>>(
    secrets: &BTreeMap<String, Zeroizing<String>>,
    name: &'static str,
) -> Result<K, SecretError> {
    let text = secrets.get(name).ok_or(SecretError::Missing(name))?;
    text.parse().map_err(|error| SecretError::Unfit(name, error))
}
