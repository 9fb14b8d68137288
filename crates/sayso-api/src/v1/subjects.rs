//! `POST /v1/subjects`: make a person known.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use sayso_consent::{
    Command, SubjectId, Timestamp,
    choice::{Actor, Method},
    event::Grade,
};
use sayso_ledger::keys::random;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::Principal,
    body::Body,
    dto::{ChoiceBody, WrittenBody},
    problem::Problem,
    v1::write,
};

/// A person to make known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubjectBody {
    /// The names systems know the person by, as `namespace:value`. None for a person without a
    /// name.
    #[serde(default)]
    #[schema(example = json!(["email:ana@example.org", "crm:4711"]))]
    identifiers: Vec<String>,
    /// Whether a contract or account is running; true unless said.
    #[serde(default = "yes")]
    is_active: bool,
    /// Until then a grant counts only from a guardian.
    #[schema(value_type = Option<String>, format = DateTime)]
    minor_until: Option<Timestamp>,
    /// What the person said to begin with.
    #[serde(default)]
    choices: Vec<ChoiceBody>,
}

fn yes() -> bool {
    true
}

/// Makes a person known. The answer's `subject` is a random id that says nothing about them.
#[utoipa::path(post, path = "/v1/subjects", operation_id = "create_subject", tag = "subjects", request_body = SubjectBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeating a request with the same key records nothing twice.")),
    responses(
        (status = 201, description = "The person is known.", body = WrittenBody),
        (status = 400, description = "The request is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 409, description = "An identifier is somebody else's.", body = Problem),
        (status = 422, description = "Refused; nothing was recorded.", body = Problem),
    ))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(body, asked): Body<SubjectBody>,
) -> Result<impl IntoResponse, Problem> {
    principal.require(Grade::Record)?;
    let identifier = |text: &String| write::identifier(&app, text);
    let identifiers = body.identifiers.iter().map(identifier).collect::<Result<_, _>>()?;
    let choice = |choice: ChoiceBody| choice.into_choice(Method::Api, Actor::Person);
    let command = Command::CreateSubject {
        subject: fresh()?,
        identifiers,
        is_active: body.is_active,
        minor_until: body.minor_until,
        choices: body.choices.into_iter().map(choice).collect(),
    };
    let written = write::submit(&app, &principal, Some(&asked), command).await?;
    let location =
        written.subject.map(|subject| format!("/v1/subjects/{subject}")).unwrap_or_default();
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(WrittenBody::from(written))))
}

/// A fresh random id.
pub(crate) fn fresh() -> Result<SubjectId, Problem> {
    let bytes = random().map_err(Problem::unavailable)?;
    Ok(SubjectId(u128::from_be_bytes(bytes)))
}
