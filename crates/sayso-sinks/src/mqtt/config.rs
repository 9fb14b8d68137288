//! Which topics, and who may write to them.

use std::sync::Arc;

use sayso_ledger::sink::{Sink, Told};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Mqtt;
use crate::{
    guard::door::{Door, ENDPOINT, Endpoint},
    open::{Kind, OpenError, Secret, Secrets, Setting, read},
};

/// How long it is said that somebody left, unless said otherwise, in days.
const LEAVING_DAYS: u32 = 30;
/// The longest, in days: what MQTT can count in seconds.
const LEAVING_DAYS_MAX: u32 = 49_000;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "mqtt",
    what: "Publishes to an MQTT 5 broker: a retained message for each person.",
    settings: &[
        ENDPOINT[0],
        ENDPOINT[1],
        ENDPOINT[2],
        ENDPOINT[3],
        ENDPOINT[4],
        Setting {
            name: "prefix",
            what: "what topics begin with, before the person's key",
            default: Some("sayso/<recipient>"),
        },
        Setting { name: "username", what: "who writes", default: Some("nobody") },
        Setting {
            name: "client_id",
            what: "the client's id, for brokers that permit by it",
            default: Some("one that the broker makes up"),
        },
        Setting {
            name: "leaving_days",
            what: "how long the broker keeps saying that somebody left, in days",
            default: Some("30"),
        },
    ],
    secrets: &[Secret { name: "password", what: "the password of `username`" }],
    open,
};

/// Where messages go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What topics begin with.
    pub prefix: Option<String>,
    /// Who writes.
    pub username: Option<String>,
    /// The client's id.
    #[serde(default)]
    pub client_id: String,
    /// How long it is said that somebody left.
    #[serde(default = "leaving_days")]
    pub leaving_days: u32,
}

fn leaving_days() -> u32 {
    LEAVING_DAYS
}

/// How it proves who it is.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) client_id: String,
    pub(super) account: Option<(String, Zeroizing<String>)>,
}

fn open(settings: &Value, secrets: &Secrets, told: &Told) -> Result<Arc<dyn Sink>, OpenError> {
    let (endpoint, settings): (Endpoint, Settings) = read(settings, &ENDPOINT)?;
    let account = match (settings.username, secrets.get("password").cloned()) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        (Some(_), None) => return Err(OpenError::MissingSecret("password".into())),
        (None, Some(_)) => return Err(OpenError::Missing("username".into())),
    };
    let prefix = settings.prefix.unwrap_or_else(|| format!("sayso/{}", told.recipient));
    if !is_topic(&prefix) {
        let why = "is no topic: words without +, # and $, with a stroke between two";
        return Err(OpenError::wrong("prefix", why));
    }
    if !(1..=LEAVING_DAYS_MAX).contains(&settings.leaving_days) {
        let why = format!("is not between 1 and {LEAVING_DAYS_MAX} days");
        return Err(OpenError::wrong("leaving_days", why));
    }
    let login = Login { client_id: settings.client_id, account };
    let leaving_seconds = settings.leaving_days * 24 * 3_600;
    Ok(Arc::new(Mqtt::new(Door::new(&endpoint)?, prefix, login, leaving_seconds)))
}

fn is_topic(text: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '+' | '#' | '$');
    let is_word = |word: &str| !word.is_empty() && word.chars().all(is_plain);
    text.len() <= 1_000 && text.split('/').all(is_word)
}
