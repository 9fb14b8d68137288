//! Publishing, and waiting for the stream to have it.

use std::{error::Error, sync::Arc};

use async_nats::{
    HeaderMap,
    jetstream::{
        self, Context, ErrorCode,
        context::{GetStreamError, GetStreamErrorKind, PublishError, PublishErrorKind},
        stream::{Info, Stream},
    },
};
use futures_util::future::join_all;
use sayso_ledger::sink::{Answer, Message, Mirror, Outcome, Pace, Sink, Told, Trouble};
use tokio::time::timeout;

use super::{client::Clients, config::Login};
use crate::{guard::door::Endpoint, open::OpenError};

const CLOUD_EVENT: &str = "application/cloudevents+json";

/// One stream.
pub struct Nats {
    pub(super) clients: Clients,
    pub(super) stream: String,
    pub(super) prefix: String,
}

impl Nats {
    pub(super) fn new(
        endpoint: &Endpoint,
        (stream, prefix): (String, String),
        login: Login,
        told: &Told,
    ) -> Result<Self, OpenError> {
        Ok(Self { clients: Clients::new(endpoint, login, told)?, stream, prefix })
    }

    async fn publish_all(&self, messages: &[Message]) -> Vec<Outcome> {
        let client = match self.clients.get().await {
            Ok(client) => client,
            Err(why) => return vec![Outcome::again(why); messages.len()],
        };
        let context = jetstream::new(client);
        let outcomes = join_all(messages.iter().map(|own| self.publish(&context, own))).await;
        let is_lost = |outcome: &Outcome| matches!(outcome, Outcome::RetryAfter { why, .. } if why == "timeout" || why == "broken");
        if outcomes.iter().any(is_lost) {
            self.clients.drop().await;
        }
        outcomes
    }

    async fn publish(&self, context: &Context, message: &Message) -> Outcome {
        let subject = format!("{}.{}", self.prefix, message.key);
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", unique(message).as_str());
        headers.insert("Nats-Expected-Stream", self.stream.as_str());
        headers.insert("Content-Type", CLOUD_EVENT);
        let sent = async {
            let sent = context.publish_with_headers(subject, headers, message.body.clone().into());
            sent.await?.await
        };
        match timeout(self.clients.door().patience(), sent).await {
            Err(_) => Outcome::again("timeout"),
            Ok(Ok(_)) => Outcome::Delivered,
            Ok(Err(error)) => judge(&error),
        }
    }

    /// The stream, as far as it can be used.
    pub(super) async fn stream(&self) -> Result<Stream<Info>, String> {
        let context = jetstream::new(self.clients.get().await?);
        let found = timeout(self.clients.door().patience(), context.get_stream(&self.stream)).await;
        match found {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(missing(&error).to_owned()),
            Err(_) => {
                self.clients.drop().await;
                Err("timeout".to_owned())
            }
        }
    }

    async fn look(&self) -> Result<Vec<String>, String> {
        let stream = self.stream().await?;
        let Info { config, state, .. } = stream.cached_info();
        let all = [format!("{}.*", self.prefix), format!("{}.>", self.prefix), ">".to_owned()];
        if !config.subjects.iter().any(|subject| covers(subject, &all[0]) || all.contains(subject))
        {
            return Err("stream_without_subject".to_owned());
        }
        let mut found = vec![
            format!("stream {}", self.stream),
            format!("{} messages", state.messages),
            format!("{} subjects", state.subjects_count),
        ];
        if config.max_messages_per_subject != 1 {
            found.push("keeps more than the newest message of a person".to_owned());
        }
        Ok(found)
    }
}

/// What the server knows duplicates by. The name of a message is not enough: it is that of the
/// entry, which may be a new catalog that concerns everybody, and one entry is told again when
/// time alone has changed what may be done.
fn unique(message: &Message) -> String {
    format!("{}.{}.{}", message.id, message.key, message.at.0)
}

/// Whether a subject with wildcards holds all that another one does.
fn covers(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split('.'), narrow.split('.'));
    loop {
        match (wide.next(), narrow.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(part)) if part != ">" => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

fn judge(error: &PublishError) -> Outcome {
    let code = error
        .source()
        .and_then(|source| source.downcast_ref::<jetstream::Error>())
        .map(jetstream::Error::error_code);
    match (error.kind(), code) {
        (PublishErrorKind::MaxPayloadExceeded, _)
        | (_, Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)) => {
            Outcome::Refused { why: "too_large".into() }
        }
        (PublishErrorKind::StreamNotFound, _) => Outcome::again("no_stream"),
        (_, Some(ErrorCode::STREAM_NOT_MATCH)) => Outcome::again("wrong_stream"),
        (PublishErrorKind::TimedOut, _) => Outcome::again("timeout"),
        (PublishErrorKind::BrokenPipe, _) => Outcome::again("broken"),
        (_, Some(_)) => Outcome::again("stream_refuses"),
        _ => Outcome::again("broken"),
    }
}

fn missing(error: &GetStreamError) -> &'static str {
    match error.kind() {
        GetStreamErrorKind::JetStream(said) if said.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            "no_stream"
        }
        GetStreamErrorKind::JetStream(_) => "no_jetstream",
        _ => "no_answer",
    }
}

impl Sink for Nats {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move { self.publish_all(&messages).await })
    }

    fn pace(&self) -> Pace {
        Pace { batch_max: 100, at_once: 4, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async { self.look().await.map_err(Trouble) })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}

#[cfg(test)]
#[test]
fn wildcards_cover_what_they_stand_for() {
    for (wide, narrow, expected) in [
        ("a.*", "a.*", true),
        ("a.>", "a.*", true),
        (">", "a.b.*", true),
        ("a.*.*", "a.b.*", true),
        ("a.b", "a.*", false),
        ("b.>", "a.*", false),
        ("a.*.c", "a.b.*", false),
    ] {
        assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
    }
}
