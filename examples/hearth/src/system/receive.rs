//! What comes in over HTTP: messages at `/hook`, and the curious at `/`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    now,
    report::Health,
    table::{Figures, Permission},
    verify::{Signed, Unverified, Verifier},
    writer::{Handle, Unwritten},
};

/// A message about one person with everything declared for a system is some ten kilobytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest identifier, in bytes.
const IDENTIFIER_BYTES_MAX: usize = 512;
/// Most identifiers in one message.
const IDENTIFIERS_MAX: usize = 64;

/// A message as it arrived: a CloudEvent in its structured mode. Fields that are not named here
/// are left alone, so that Sayso can add to it.
#[derive(Deserialize)]
struct CloudEvent {
    specversion: String,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    data: Data,
}

/// What Sayso says about one person.
#[derive(Deserialize)]
struct Data {
    recipient: String,
    position: String,
    identifiers: Vec<String>,
    #[serde(default)]
    leaving: bool,
    #[serde(default)]
    permissions: Vec<Permission>,
}

/// A message that was believed and understood.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Which ledger it is from; positions count within one.
    pub(super) ledger: String,
    /// The position as written, to be reported back.
    pub(super) position: String,
    /// Its number, to be compared.
    pub(super) number: i64,
    /// The names this system knows the person by.
    pub(super) identifiers: Vec<String>,
    /// The person goes: nothing about them may stay.
    pub(super) leaving: bool,
    /// All that this system may and may not do with the person's data.
    pub(super) permissions: Vec<Permission>,
}

/// A no to a request.
#[derive(Debug)]
pub(super) enum Refusal {
    Unverified(Unverified),
    Malformed(String),
    OtherRecipient,
    Unwritten,
}

impl From<Unwritten> for Refusal {
    fn from(_: Unwritten) -> Self {
        Self::Unwritten
    }
}

/// An RFC 9457 problem document.
#[derive(Serialize)]
struct Problem {
    title: &'static str,
    status: u16,
    detail: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, title, detail) = match self {
            Self::Unverified(why) => (StatusCode::UNAUTHORIZED, "not verified", why.to_string()),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed message", why),
            Self::OtherRecipient => {
                let detail = "data.recipient names another system".to_owned();
                (StatusCode::FORBIDDEN, "not for this system", detail)
            }
            Self::Unwritten => {
                let detail = "nothing was changed; send it again later".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "could not be written", detail)
            }
        };
        let problem = Problem { title, status: status.as_u16(), detail };
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, axum::Json(problem)).into_response()
    }
}

/// Understands messages, whatever they came over.
pub(super) struct Reader {
    name: String,
}

/// Answers requests.
pub(super) struct Receiver {
    reader: Reader,
    verifier: Verifier,
    table: Handle,
    health: Arc<Health>,
}

impl Receiver {
    pub(super) fn new(
        name: String,
        verifier: Verifier,
        table: Handle,
        health: Arc<Health>,
    ) -> Self {
        Self { reader: Reader::of(name), verifier, table, health }
    }

    /// The endpoints.
    pub(super) fn into_router(self) -> Router {
        Router::new()
            .route("/hook", post(hook))
            .route("/", get(status))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::new(self))
    }
}

impl Reader {
    /// For the system of a name.
    pub(super) fn of(name: String) -> Self {
        Self { name }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A message that was believed, understood.
    pub(super) fn read(&self, body: &[u8]) -> Result<Message, Refusal> {
        // Only the place is named: the text may be personal, and answers end up in logs.
        let event: CloudEvent = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Refusal::Malformed(format!("line {line}, column {column}: not the expected event"))
        })?;
        let malformed = |why: &str| Err(Refusal::Malformed(why.to_owned()));
        if event.specversion != "1.0" || event.kind != "sayso.permissions.v1" {
            return malformed("expected a CloudEvent 1.0 of type sayso.permissions.v1");
        }
        let data = event.data;
        if data.recipient != self.name {
            return Err(Refusal::OtherRecipient);
        }
        let Some(number) = number(&data.position) else {
            return malformed("data.position is not written `partition-number`, as in `0-17`");
        };
        let is_identifier = |text: &String| {
            text.len() <= IDENTIFIER_BYTES_MAX
                && text
                    .split_once(':')
                    .is_some_and(|(one, other)| !one.is_empty() && !other.is_empty())
        };
        let count = data.identifiers.len();
        if !(1..=IDENTIFIERS_MAX).contains(&count) || !data.identifiers.iter().all(is_identifier) {
            return malformed("data.identifiers has to be 1 to 64 texts like `email:name@host`");
        }
        Ok(Message {
            ledger: event.source,
            position: data.position,
            number,
            identifiers: data.identifiers,
            leaving: data.leaving,
            permissions: data.permissions,
        })
    }
}

/// The number of a position: `0-1234` is 1234. A person stays in one partition, so that the
/// number alone orders what is said about them.
pub(super) fn number(position: &str) -> Option<i64> {
    let (partition, number) = position.split_once('-')?;
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(partition) || !is_plain(number) || partition.len() > 5 {
        return None;
    }
    number.parse().ok()
}

/// Answers 204 only once the change is in the table: from then on Sayso need not send it again.
async fn hook(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let header = |name| text(name).ok_or(Refusal::Unverified(Unverified::Header));
    let signed = Signed {
        id: header("webhook-id")?,
        timestamp: header("webhook-timestamp")?,
        signatures: header("webhook-signature")?,
    };
    let now = now().as_second();
    receiver.verifier.verify(&signed, &body, now).map_err(Refusal::Unverified)?;
    let message = receiver.reader.read(&body)?;
    receiver.table.apply(message).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How the system is doing. Figures only: this page asks nobody who they are.
#[derive(Serialize)]
struct Status {
    name: String,
    #[serde(flatten)]
    figures: Figures,
    reporting: String,
}

async fn status(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let status = Status {
        name: receiver.reader.name.clone(),
        figures: receiver.table.figures().await?,
        reporting: receiver.health.text(),
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let safe = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if accept.contains("text/html") {
        Ok((safe, Html(page(&status))).into_response())
    } else {
        Ok((safe, axum::Json(status)).into_response())
    }
}

fn page(status: &Status) -> String {
    let mut rows = String::new();
    let mut row = |term: &str, value: &str| {
        rows += &format!("<dt>{term}</dt><dd>{}</dd>\n", escape(value));
    };
    let figures = &status.figures;
    row("Customers", &figures.rows.to_string());
    for (flag, count) in &figures.flags {
        row(flag, &count.to_string());
    }
    row("Newest position", figures.newest_position.as_deref().unwrap_or("none yet"));
    row("Reports waiting", &figures.reports_waiting.to_string());
    row("Reports refused", &figures.reports_refused.to_string());
    row("Reporting", &status.reporting);
    let name = escape(&status.name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n\
         <h1>{name}</h1>\n<dl>\n{rows}</dl>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
