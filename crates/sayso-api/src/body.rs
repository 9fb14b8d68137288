//! Bodies, read strictly: the content type, the size, the form; every complaint is a problem.

use axum::{
    body::{Body as Unread, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sayso_ledger::writer::Idempotency;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    auth::Principal,
    limits::{BATCH_BYTES_MAX, BODY_BYTES_MAX, HEADER_BYTES_MAX},
    problem::Problem,
};

/// A JSON body of at most [`BODY_BYTES_MAX`] bytes.
pub(crate) struct Body<T>(pub(crate) T, pub(crate) Asked);

/// The bytes of a JSON body of at most [`BODY_BYTES_MAX`] bytes, for what is read without copying
/// its texts.
pub(crate) struct Bare(pub(crate) Bytes);

/// The same, of at most [`BATCH_BYTES_MAX`] bytes.
pub(crate) struct LargeBare(pub(crate) Bytes);

/// A JSON answer, written in one piece. Most answers to a question fit; others grow once or twice.
pub(crate) fn answer(value: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(640);
    match serde_json::to_writer(&mut bytes, value) {
        Ok(()) => json(bytes),
        Err(_) => Problem::unavailable("the answer cannot be written").into_response(),
    }
}

/// A JSON answer that is written.
pub(crate) fn json(bytes: Vec<u8>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], bytes).into_response()
}

/// A body as it is, of at most [`BATCH_BYTES_MAX`] bytes, with its media type.
pub(crate) struct Raw {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: String,
    pub(crate) asked: Asked,
}

/// What a request asked, for its idempotency key.
pub(crate) struct Asked(Option<Keyed>);

/// An idempotency key, and the digest of what it was sent with.
struct Keyed {
    key: String,
    request: [u8; 32],
}

impl Asked {
    fn read(headers: &HeaderMap, path: &str, body: &[u8]) -> Result<Self, Problem> {
        // Of two keys it is not known which was meant.
        let is_twice = headers.get_all("idempotency-key").iter().nth(1).is_some();
        let key = match headers.get("idempotency-key").map(|value| value.to_str()) {
            None => return Ok(Self(None)),
            Some(_) if is_twice => {
                let detail = "`Idempotency-Key` stands twice; send one";
                return Err(Problem::bad_request("invalid_idempotency_key", detail));
            }
            Some(Ok(key)) if !key.is_empty() && key.len() <= HEADER_BYTES_MAX => key.to_owned(),
            Some(_) => {
                let detail =
                    format!("`Idempotency-Key` is 1 to {HEADER_BYTES_MAX} visible characters");
                return Err(Problem::bad_request("invalid_idempotency_key", detail));
            }
        };
        let request = Sha256::new().chain_update(path).chain_update([0]).chain_update(body);
        Ok(Self(Some(Keyed { key, request: request.finalize().into() })))
    }

    /// The idempotency key, which belongs to whoever used it.
    pub(crate) fn idempotency(&self, principal: &Principal) -> Option<Idempotency> {
        let Keyed { key, request } = self.0.as_ref()?;
        let key = Sha256::new().chain_update(principal.id()).chain_update([0]).chain_update(key);
        Some(Idempotency { key: key.finalize().into(), request: *request })
    }
}

async fn collect(body: Unread, max: usize) -> Result<Bytes, Problem> {
    let collected = Limited::new(body, max).collect().await;
    collected.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            let title = "the body is too large";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title)
                .detail(format!("at most {max} bytes; send less at a time"))
        } else {
            Problem::bad_request("unreadable_body", "the body ended before it was whole")
        }
    })
}

fn media_type(headers: &HeaderMap) -> String {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    const JSON: &str = "application/json";
    let is_plain = headers.get(header::CONTENT_TYPE).is_some_and(|value| value == JSON);
    if is_plain || media_type(headers) == JSON {
        return Ok(());
    }
    let title = "the body is of another media type";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title)
        .detail("send `Content-Type: application/json`"))
}

/// Reads JSON. The complaint names the place, never the value: bodies hold personal data.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::bad_request(
            "empty_body",
            "the body is empty; a JSON object is expected",
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let (code, what) = match error.classify() {
            serde_json::error::Category::Data => ("invalid_body", describe(&error)),
            _ => ("malformed_json", "this is not JSON".to_owned()),
        };
        Problem::bad_request(code, format!("{place}: {what}"))
    })
}

/// A data error in words without the value that was sent.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The place comes last; a value that was sent may hold the same words.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned();
    for (beginning, what) in [("unknown variant", "a value"), ("unknown field", "a field")] {
        if text.starts_with(beginning) {
            let known = text
                .rsplit_once("`, ex")
                .map_or_else(String::new, |(_, known)| format!("; ex{known}"));
            return format!("{what} is none of those that are known{known}");
        }
    }
    let names_a_field = ["missing field", "duplicate field"];
    let is_own_words = !text.contains("invalid type") && !text.contains("invalid value");
    if names_a_field.iter().any(|known| text.starts_with(known)) || is_own_words {
        return text;
    }
    text.rsplit_once("expected ").map_or_else(
        || "a value is of the wrong type".to_owned(),
        |(_, expected)| format!("a value is of the wrong type; expected {expected}"),
    )
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        require_json(&head.headers)?;
        let bytes = collect(body, BODY_BYTES_MAX).await?;
        Ok(Self(parse(&bytes)?, Asked::read(&head.headers, head.uri.path(), &bytes)?))
    }
}

impl<S: Send + Sync> FromRequest<S> for Bare {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        Ok(Self(collect(request.into_body(), BODY_BYTES_MAX).await?))
    }
}

impl<S: Send + Sync> FromRequest<S> for LargeBare {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        Ok(Self(collect(request.into_body(), BATCH_BYTES_MAX).await?))
    }
}

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let bytes = collect(body, BATCH_BYTES_MAX).await?;
        let asked = Asked::read(&head.headers, head.uri.path(), &bytes)?;
        Ok(Self { media_type: media_type(&head.headers), bytes, asked })
    }
}
