//! Which stream, and who may write to it.

use std::sync::Arc;

use sayso_ledger::sink::{Sink, Told};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Nats;
use crate::{
    guard::door::{ENDPOINT, Endpoint},
    open::{Kind, OpenError, Secret, Secrets, Setting, read},
};

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "nats",
    what: "Publishes to a NATS JetStream, one subject for each person.",
    settings: &[
        ENDPOINT[0],
        ENDPOINT[1],
        ENDPOINT[2],
        ENDPOINT[3],
        ENDPOINT[4],
        Setting { name: "stream", what: "the stream that keeps the messages", default: None },
        Setting {
            name: "prefix",
            what: "what subjects begin with, before the person's key",
            default: Some("sayso.<recipient>"),
        },
        Setting { name: "username", what: "who writes", default: Some("nobody") },
    ],
    secrets: &[
        Secret { name: "password", what: "the password of `username`" },
        Secret { name: "token", what: "a token, instead of a name and a password" },
    ],
    open,
};

/// Where messages go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The stream.
    pub stream: String,
    /// What subjects begin with.
    pub prefix: Option<String>,
    /// Who writes.
    pub username: Option<String>,
}

/// How it proves who it is.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) token: Option<Zeroizing<String>>,
}

fn open(settings: &Value, secrets: &Secrets, told: &Told) -> Result<Arc<dyn Sink>, OpenError> {
    let (endpoint, settings): (Endpoint, Settings) = read(settings, &ENDPOINT)?;
    let login = Login {
        username: settings.username.clone(),
        password: secrets.get("password").cloned(),
        token: secrets.get("token").cloned(),
    };
    if login.username.is_some() != login.password.is_some() {
        let missing = OpenError::MissingSecret("password".into());
        return Err(login.username.map_or(OpenError::Missing("username".into()), |_| missing));
    }
    let prefix = settings.prefix.unwrap_or_else(|| format!("sayso.{}", told.recipient));
    if !is_subject(&prefix) {
        let why = "is no subject: words of letters, digits, - and _, with a full stop between two";
        return Err(OpenError::wrong("prefix", why));
    }
    if !is_name(&settings.stream) {
        return Err(OpenError::wrong("stream", "is no name of letters, digits, - and _"));
    }
    Ok(Arc::new(Nats::new(&endpoint, (settings.stream, prefix), login, told)?))
}

fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.bytes().all(is_plain)
}

fn is_subject(text: &str) -> bool {
    text.len() <= 200 && text.split('.').all(is_name)
}
