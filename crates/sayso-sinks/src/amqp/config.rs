//! Which exchange, and who may write to it.

use std::sync::Arc;

use sayso_ledger::sink::{Sink, Told};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Amqp;
use crate::{
    guard::door::{Door, ENDPOINT, Endpoint},
    open::{Kind, OpenError, Secret, Secrets, Setting, read},
};

/// The longest name that AMQP knows, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "amqp",
    what: "Publishes to an exchange of RabbitMQ, or of another broker that speaks AMQP 0-9-1.",
    settings: &[
        ENDPOINT[0],
        ENDPOINT[1],
        ENDPOINT[2],
        ENDPOINT[3],
        ENDPOINT[4],
        Setting { name: "exchange", what: "the exchange that takes the messages", default: None },
        Setting { name: "vhost", what: "the virtual host of the exchange", default: Some("/") },
        Setting { name: "username", what: "who writes", default: None },
    ],
    secrets: &[Secret { name: "password", what: "the password of `username`" }],
    open,
};

/// Where messages go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The exchange.
    pub exchange: String,
    /// Its virtual host.
    #[serde(default = "root")]
    pub vhost: String,
    /// Who writes.
    pub username: String,
}

fn root() -> String {
    "/".to_owned()
}

/// How it proves who it is.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: Zeroizing<String>,
    pub(super) vhost: String,
    /// What the broker's operator sees of it.
    pub(super) name: String,
}

fn open(settings: &Value, secrets: &Secrets, told: &Told) -> Result<Arc<dyn Sink>, OpenError> {
    let (endpoint, settings): (Endpoint, Settings) = read(settings, &ENDPOINT)?;
    let Settings { exchange, vhost, username } = settings;
    if !(1..=NAME_BYTES_MAX).contains(&exchange.len()) {
        return Err(OpenError::wrong("exchange", "is empty or longer than 255 bytes"));
    }
    let password = secrets.get("password").cloned();
    let password = password.ok_or_else(|| OpenError::MissingSecret("password".into()))?;
    let name = format!("sayso {}", told.recipient);
    let login = Login { username, password, vhost, name };
    Ok(Arc::new(Amqp::new(Door::new(&endpoint)?, exchange, login)))
}
