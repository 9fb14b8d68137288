//! One attempt: sign, connect, send, judge.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Method, Request, Uri};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use sayso_ledger::Clock;
use tokio::time::timeout;

use super::config::{WebhookConfig, WebhookError, address};
use super::outcome::{Sent, Why};
use super::settings::Options;
use super::sign::{HmacSecret, Message, SigningKey, sign_overlapping};
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
const CLOUD_EVENTS: &str = "application/cloudevents-batch+json; charset=utf-8";
const JSON: &str = "application/json";
const AGENT: &str = concat!("sayso/", env!("CARGO_PKG_VERSION"));

/// Sends messages to one receiver. Clones share its connections.
#[derive(Clone)]
pub struct Webhook {
    target: Uri,
    allow_private: bool,
    secret: HmacSecret,
    signing_key: SigningKey,
    timeout: Duration,
    pub(super) read_back: Option<Uri>,
    pub(super) options: Options,
    /// For what is asked of the receiver; a message says itself when it was composed.
    pub(super) clock: Clock,
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
            allow_private: config.allow_private,
            secret: config.secret,
            signing_key: config.signing_key,
            timeout: Duration::from_millis(config.timeout_ms),
            read_back: None,
            options: Options::default(),
            clock: Clock::system(),
            client,
        })
    }

    /// The same with these options.
    ///
    /// # Errors
    /// The address for reading back is not fit.
    pub fn with(mut self, options: Options) -> Result<Self, WebhookError> {
        let read_back = options.read_back_url.as_deref();
        self.read_back = read_back.map(|url| address(url, self.allow_private)).transpose()?;
        self.options = options;
        Ok(self)
    }

    /// Makes one attempt, at the moment `at_seconds` (Unix time). The id names the message and is
    /// the same in every attempt: visible ASCII, up to [`ID_BYTES_MAX`], without a full stop, which
    /// separates the parts of what is signed.
    pub async fn send(&self, id: &str, body: Bytes, at_seconds: i64) -> Sent {
        let post = Post { target: &self.target, kind: CLOUD_EVENT, id, body, at_seconds };
        match self.post(post).await {
            Err(sent) => sent,
            Ok((head, rest)) => {
                discard(rest).await;
                Sent::answered(head.status, &head.headers, at_seconds)
            }
        }
    }

    /// Makes one attempt with many messages as one batch. Beside what its status means it answers
    /// with the body, if that is short enough; a body that breaks off is an attempt that failed.
    pub(super) async fn send_batch(
        &self,
        id: &str,
        body: Bytes,
        at_seconds: i64,
        answer_bytes_max: usize,
    ) -> (Sent, Option<Bytes>) {
        let post = Post { target: &self.target, kind: CLOUD_EVENTS, id, body, at_seconds };
        self.post_and_read(post, answer_bytes_max).await
    }

    /// Asks the receiver something at another address of its.
    pub(super) async fn ask(
        &self,
        target: &Uri,
        body: Bytes,
        answer_bytes_max: usize,
    ) -> (Sent, Option<Bytes>) {
        let at_seconds = self.clock.at().0 / 1000;
        let id = format!("ask_{}", random_id());
        let post = Post { target, kind: JSON, id: &id, body, at_seconds };
        self.post_and_read(post, answer_bytes_max).await
    }

    async fn post_and_read(&self, post: Post<'_>, bytes_max: usize) -> (Sent, Option<Bytes>) {
        let at_seconds = post.at_seconds;
        let read = async {
            let (head, rest) = self.post(post).await?;
            let sent = Sent::answered(head.status, &head.headers, at_seconds);
            match Limited::new(rest, bytes_max).collect().await {
                Ok(read) => Ok((sent, Some(read.to_bytes()))),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok((sent, None)),
                Err(_) => Err(Sent::again(Why::Broken)),
            }
        };
        let read = timeout(self.timeout, read).await;
        read.unwrap_or(Err(Sent::again(Why::Timeout))).unwrap_or_else(|sent| (sent, None))
    }

    async fn post(&self, post: Post<'_>) -> Result<(Parts, Incoming), Sent> {
        let request = self.request(post).ok_or(Sent::Refused { why: Why::Id })?;
        match timeout(self.timeout, self.client.request(request)).await {
            Err(_) => Err(Sent::again(Why::Timeout)),
            Ok(Err(error)) => Err(Sent::again(Why::of(&error))),
            Ok(Ok(response)) => Ok(response.into_parts()),
        }
    }

    fn request(&self, post: Post<'_>) -> Option<Request<Full<Bytes>>> {
        let Post { target, kind, id, body, at_seconds } = post;
        if !is_fit(id) {
            return None;
        }
        let timestamp = at_seconds.to_string();
        let message = Message { id, timestamp: &timestamp, body: &body };
        let previous = self.options.previous.as_ref();
        let previous = previous.filter(|(_, until)| at_seconds < until.0 / 1000);
        let previous = previous.map(|(secret, _)| secret);
        let signatures = sign_overlapping(&self.secret, previous, &self.signing_key, &message);
        Request::builder()
            .method(Method::POST)
            .uri(target.clone())
            .header(CONTENT_TYPE, kind)
            .header(CONTENT_LENGTH, body.len())
            .header(USER_AGENT, AGENT)
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signatures)
            .body(Full::new(body))
            .ok()
    }
}

/// What is posted.
struct Post<'a> {
    target: &'a Uri,
    kind: &'static str,
    id: &'a str,
    body: Bytes,
    at_seconds: i64,
}

/// Names a question: nobody asks twice under one name.
pub(super) fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without chance all questions have one name, which only those who look for repeats mind.
    let _ = getrandom::fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
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
