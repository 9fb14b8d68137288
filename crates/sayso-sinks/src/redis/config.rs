//! Which keys, and who may write them.

use std::sync::Arc;

use sayso_ledger::sink::{Sink, Told};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Redis,
    connection::{Connections, Login},
};
use crate::{
    guard::door::{Door, ENDPOINT, Endpoint},
    open::{Kind, OpenError, Secret, Secrets, Setting, read},
};

/// How many messages the stream keeps, about, unless said otherwise.
const STREAM_LENGTH: u64 = 100_000;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "redis",
    what: "Keeps a hash for each name of a person in Redis or Valkey, and a stream of changes.",
    settings: &[
        ENDPOINT[0],
        ENDPOINT[1],
        ENDPOINT[2],
        ENDPOINT[3],
        ENDPOINT[4],
        Setting {
            name: "prefix",
            what: "what all keys begin with",
            default: Some("{sayso:<recipient>}:"),
        },
        Setting {
            name: "stream_length",
            what: "how many messages the stream keeps, about; 0 for no stream",
            default: Some("100000"),
        },
        Setting { name: "database", what: "the number of the database", default: Some("0") },
        Setting { name: "username", what: "who writes", default: Some("the default account") },
    ],
    secrets: &[Secret { name: "password", what: "the password" }],
    open,
};

/// Where messages go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What all keys begin with.
    pub prefix: Option<String>,
    /// How many messages the stream keeps.
    #[serde(default = "stream_length")]
    pub stream_length: u64,
    /// The number of the database.
    #[serde(default)]
    pub database: u32,
    /// Who writes.
    pub username: Option<String>,
}

fn stream_length() -> u64 {
    STREAM_LENGTH
}

fn open(settings: &Value, secrets: &Secrets, told: &Told) -> Result<Arc<dyn Sink>, OpenError> {
    let (endpoint, settings): (Endpoint, Settings) = read(settings, &ENDPOINT)?;
    let password = secrets.get("password").cloned();
    if settings.username.is_some() && password.is_none() {
        return Err(OpenError::MissingSecret("password".into()));
    }
    // In braces: all keys lie in one slot of a cluster, where one script may touch them.
    let prefix = settings.prefix.unwrap_or_else(|| format!("{{sayso:{}}}:", told.recipient));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"{}:._-/".contains(&byte);
    if prefix.is_empty() || !prefix.bytes().all(is_plain) {
        let why = "is empty or holds something else than letters, digits and {}:._-/";
        return Err(OpenError::wrong("prefix", why));
    }
    let login = Login { username: settings.username, password, database: settings.database };
    let connections = Connections::new(Door::new(&endpoint)?, login);
    Ok(Arc::new(Redis::new(connections, prefix, settings.stream_length)))
}
