//! One attempt: sign, connect, send, judge.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, Uri};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::config::{WebhookConfig, WebhookError};
use super::outcome::{Sent, Why};
use super::sign::{HmacSecret, Message, SigningKey, sign};
use crate::guard::{Guard, Resolve, SystemResolver};

/// How much of an answer is read: enough to use the connection again, no more.
pub const RESPONSE_BYTES_MAX: usize = 4096;

/// How much room an answer's status and headers have.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long a message's id may be.
pub const ID_BYTES_MAX: usize = 256;

/// How long the rest of an answer is waited for. It changes nothing about the outcome, so it must
/// not hold up the next message.
const REST_OF_RESPONSE: Duration = Duration::from_millis(500);

const IDLE: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS_MAX: usize = 16;

const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";
const AGENT: &str = concat!("sayso/", env!("CARGO_PKG_VERSION"));

/// Sends messages to one receiver. Clones share its connections.
#[derive(Clone)]
pub struct Webhook {
    target: Uri,
    secret: HmacSecret,
    signing_key: SigningKey,
    timeout: Duration,
    client: Client<HttpsConnector<Guard>, Full<Bytes>>,
}

impl Webhook {
    /// A sender that resolves names as the operating system does.
    pub fn new(config: WebhookConfig) -> Result<Self, WebhookError> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// A sender that resolves names by `resolver`. What it answers is looked at all the same.
    pub fn with_resolver(
        config: WebhookConfig,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, WebhookError> {
        let patience = Duration::from_millis(config.timeout_ms);
        let guard = Guard::new(resolver, config.allow_private, patience);
        Self::assemble(config, guard, public_roots()?)
    }

    pub(super) fn assemble(
        config: WebhookConfig,
        guard: Guard,
        tls: ClientConfig,
    ) -> Result<Self, WebhookError> {
        let target = config.target()?;
        let schemes = HttpsConnectorBuilder::new().with_tls_config(tls);
        let protocols =
            if config.allow_private { schemes.https_or_http() } else { schemes.https_only() };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(RESPONSE_HEAD_BYTES_MAX)
            .build(protocols.enable_http1().wrap_connector(guard));
        Ok(Self {
            target,
            secret: config.secret,
            signing_key: config.signing_key,
            timeout: Duration::from_millis(config.timeout_ms),
            client,
        })
    }

    /// Makes one attempt, at the moment `at_seconds` (Unix time). The id names the message and is
    /// the same in every attempt: visible ASCII, up to [`ID_BYTES_MAX`], without a full stop, which
    /// separates the parts of what is signed.
    pub async fn send(&self, id: &str, body: Bytes, at_seconds: i64) -> Sent {
        let Some(request) = self.request(id, body, at_seconds) else {
            return Sent::Refused { why: Why::Id };
        };
        match timeout(self.timeout, self.client.request(request)).await {
            Err(_) => Sent::again(Why::Timeout),
            Ok(Err(error)) => Sent::again(Why::of(&error)),
            Ok(Ok(response)) => {
                let (head, rest) = response.into_parts();
                discard(rest).await;
                Sent::answered(head.status, &head.headers, at_seconds)
            }
        }
    }

    fn request(&self, id: &str, body: Bytes, at_seconds: i64) -> Option<Request<Full<Bytes>>> {
        if !is_fit(id) {
            return None;
        }
        let timestamp = at_seconds.to_string();
        let message = Message { id, timestamp: &timestamp, body: &body };
        let signatures = sign(&self.secret, &self.signing_key, &message);
        Request::builder()
            .method(Method::POST)
            .uri(self.target.clone())
            .header(CONTENT_TYPE, CLOUD_EVENT)
            .header(CONTENT_LENGTH, body.len())
            .header(USER_AGENT, AGENT)
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signatures)
            .body(Full::new(body))
            .ok()
    }
}

fn is_fit(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

/// Reads what is left of an answer, so that its connection can be used again. One that has too much
/// to say, or says it too slowly, loses its connection instead.
async fn discard(rest: Incoming) {
    let bounded = Limited::new(rest, RESPONSE_BYTES_MAX).collect();
    drop(timeout(REST_OF_RESPONSE, bounded).await);
}

fn public_roots() -> Result<ClientConfig, WebhookError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(WebhookError::Tls)?;
    Ok(builder.with_webpki_roots().with_no_client_auth())
}
