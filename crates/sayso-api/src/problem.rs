//! RFC 9457 problem documents. The codes are stable; `docs/reference/problems.md` lists them.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sayso_ledger::{
    WriteError,
    ledger::{IdentifierError, OpenError},
    writer::Refused,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A problem document.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// The same in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: String,
    /// What was wrong here, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Where in the request, or every problem of a catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    problems: Option<Box<Value>>,
    /// Whether what was asked is in force although it is not durable yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<bool>,
}

impl Problem {
    /// A problem by its status and code.
    pub fn new(status: StatusCode, code: &str, title: &'static str) -> Self {
        Self {
            kind: format!("urn:sayso:problem:{code}"),
            title,
            status: status.as_u16(),
            code: code.to_owned(),
            detail: None,
            problems: None,
            in_force: None,
        }
    }

    /// With a sentence about this very case.
    pub fn detail(self, detail: impl std::fmt::Display) -> Self {
        Self { detail: Some(detail.to_string()), ..self }
    }

    /// With a list of what is wrong.
    pub fn problems(self, problems: impl Serialize) -> Self {
        Self { problems: serde_json::to_value(problems).ok().map(Box::new), ..self }
    }

    /// The request is not of the form it must have.
    pub fn bad_request(code: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "the request is malformed").detail(detail)
    }

    /// There is no such thing, or it is not the asker's: the two look the same.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing")
    }

    /// The key may not do that.
    pub fn forbidden(detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "this key may not do that").detail(detail)
    }

    /// The ledger cannot be read or written now.
    pub fn unavailable(detail: impl std::fmt::Display) -> Self {
        let title = "the ledger is not available";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title).detail(detail)
    }

    /// What was wrong, in words.
    pub fn words(&self) -> String {
        self.detail.clone().unwrap_or_else(|| self.title.to_owned())
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sayso\""),
            );
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = match refused.code.as_str() {
            "unknown_subject" | "unknown_key" => return Self::not_found(),
            "weak_authority" | "not_guardian" => StatusCode::FORBIDDEN,
            "identifier_taken" | "subject_exists" | "device_taken" | "leaving" | "no_catalog"
            | "still_held" => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, &refused.code, "refused; nothing was recorded").detail(refused.message)
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        match error {
            WriteError::NotYetDurable => Self {
                in_force: Some(true),
                ..Self::new(busy, "not_yet_durable", "in force, but not yet durable").detail(error)
            },
            WriteError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "the idempotency key was used before",
            )
            .detail("use a fresh key for a different request"),
            WriteError::Busy => Self::new(busy, "busy", "too many writes are waiting"),
            WriteError::Unavailable(_) | WriteError::Damaged(_) => {
                Self::unavailable("nothing was recorded; try again, and see the server's log")
            }
        }
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        tracing::error!(%error, "the ledger cannot be read");
        Self::unavailable("see the server's log")
    }
}

impl From<IdentifierError> for Problem {
    fn from(error: IdentifierError) -> Self {
        let title = "not an identifier";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_identifier", title).detail(error)
    }
}

pub(crate) async fn not_found() -> Problem {
    Problem::not_found().detail("see /openapi.json for what there is")
}

pub(crate) async fn method_not_allowed() -> Problem {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, "method_not_allowed", "this address takes another method")
}
