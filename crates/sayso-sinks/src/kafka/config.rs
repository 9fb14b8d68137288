//! Which topics, and who may write to them.

use std::{sync::Arc, time::Duration};

use rdkafka::ClientConfig;
use sayso_ledger::sink::{Sink, Told};
use serde::Deserialize;
use serde_json::Value;

use super::Kafka;
use crate::{
    guard::door::{ATTEMPT_MS_MAX, host_and_port},
    open::{Kind, OpenError, Secret, Secrets, Setting, read_all},
};

/// The shortest that one attempt may take, in milliseconds: what the library can count in.
const ATTEMPT_MS_MIN: u64 = 1_000;
/// The longest message that is sent, in bytes, unless said otherwise: what brokers take.
const MESSAGE_BYTES: u32 = 1_000_000;
/// Most messages that wait in memory.
const WAITING_MESSAGES_MAX: u32 = 10_000;
/// Most memory that they take, in kibibytes.
const WAITING_KIB_MAX: u32 = 64 * 1_024;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "kafka",
    what: "Produces to Kafka on a private network: a topic of changes and one of states.",
    settings: &[
        Setting {
            name: "brokers",
            what: "where to begin: `host:port`, with commas between several",
            default: None,
        },
        Setting { name: "topic", what: "the topic of changes", default: None },
        Setting { name: "state_topic", what: "the compacted topic of states", default: None },
        Setting { name: "username", what: "who writes, by SASL PLAIN", default: Some("nobody") },
        Setting {
            name: "allow_private",
            what: "that brokers are on a private network and spoken to without TLS: has to be true",
            default: Some("false"),
        },
        Setting {
            name: "timeout_ms",
            what: "how long one attempt may take, in milliseconds",
            default: Some("5000"),
        },
        Setting {
            name: "message_bytes",
            what: "the longest message that brokers take, in bytes",
            default: Some("1000000"),
        },
    ],
    secrets: &[Secret { name: "password", what: "the password of `username`" }],
    open,
};

/// Where messages go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to begin.
    pub brokers: String,
    /// The topic of changes.
    pub topic: String,
    /// The topic of states.
    pub state_topic: String,
    /// Who writes.
    pub username: Option<String>,
    /// That brokers are on a private network.
    #[serde(default)]
    pub allow_private: bool,
    /// How long one attempt may take.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// The longest message that brokers take.
    #[serde(default = "message_bytes")]
    pub message_bytes: u32,
}

fn timeout_ms() -> u64 {
    5_000
}

fn message_bytes() -> u32 {
    MESSAGE_BYTES
}

/// Where messages go, checked.
pub(super) struct Place {
    pub(super) brokers: Vec<(String, u16)>,
    pub(super) topic: String,
    pub(super) state_topic: String,
    pub(super) patience: Duration,
    /// For producers and consumers alike.
    pub(super) client: ClientConfig,
    pub(super) message_bytes: u32,
}

impl Place {
    pub(super) fn producer(&self) -> ClientConfig {
        let ms = self.patience.as_millis();
        let mut config = self.client.clone();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", ms.to_string())
            .set("request.timeout.ms", ms.to_string())
            .set("linger.ms", "2")
            .set("message.max.bytes", self.message_bytes.to_string())
            .set("queue.buffering.max.messages", WAITING_MESSAGES_MAX.to_string())
            .set("queue.buffering.max.kbytes", WAITING_KIB_MAX.to_string());
        config
    }

    pub(super) fn consumer(&self) -> ClientConfig {
        let mut config = self.client.clone();
        config
            .set("group.id", "sayso-mirror")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", WAITING_KIB_MAX.to_string());
        config
    }
}

fn open(settings: &Value, secrets: &Secrets, told: &Told) -> Result<Arc<dyn Sink>, OpenError> {
    let settings: Settings = read_all(settings)?;
    if !settings.allow_private {
        let why = "has to be true: this kind speaks no TLS and is for private networks";
        return Err(OpenError::wrong("allow_private", why));
    }
    if !(ATTEMPT_MS_MIN..=ATTEMPT_MS_MAX).contains(&settings.timeout_ms) {
        let why = format!("is not between {ATTEMPT_MS_MIN} and {ATTEMPT_MS_MAX} ms");
        return Err(OpenError::wrong("timeout_ms", why));
    }
    let brokers = settings.brokers.split(',').map(|broker| host_and_port(broker.trim()));
    let brokers: Result<Vec<_>, _> = brokers.collect();
    let brokers = brokers.map_err(|_| OpenError::wrong("brokers", "is no list of host:port"))?;
    for (name, topic) in [("topic", &settings.topic), ("state_topic", &settings.state_topic)] {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(1..=249).contains(&topic.len()) || !topic.bytes().all(is_plain) {
            return Err(OpenError::wrong(name, "is no name of a topic"));
        }
    }
    if settings.topic == settings.state_topic {
        return Err(OpenError::wrong("state_topic", "is the topic of changes; it needs its own"));
    }
    let client = client(&settings, secrets, told)?;
    Ok(Arc::new(Kafka::new(Place {
        brokers,
        topic: settings.topic,
        state_topic: settings.state_topic,
        patience: Duration::from_millis(settings.timeout_ms),
        client,
        message_bytes: settings.message_bytes,
    })))
}

fn client(settings: &Settings, secrets: &Secrets, told: &Told) -> Result<ClientConfig, OpenError> {
    let mut config = ClientConfig::new();
    let ms = settings.timeout_ms.to_string();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", format!("sayso-{}", told.recipient))
        .set("socket.timeout.ms", &ms)
        .set("socket.connection.setup.timeout.ms", &ms)
        .set("reconnect.backoff.max.ms", "1000")
        .set("allow.auto.create.topics", "false");
    match (&settings.username, secrets.get("password")) {
        (None, None) => {}
        (Some(_), None) => return Err(OpenError::MissingSecret("password".into())),
        (None, Some(_)) => return Err(OpenError::Missing("username".into())),
        (Some(username), Some(password)) => {
            config
                .set("security.protocol", "sasl_plaintext")
                .set("sasl.mechanism", "PLAIN")
                .set("sasl.username", username)
                .set("sasl.password", password.as_str());
        }
    }
    Ok(config)
}
