//! `/v1/subjects/{id}/choices`: what a person says.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{
    Command, Position,
    choice::{Actor, Method},
    event::Grade,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    address::Path,
    auth::Principal,
    body::Body,
    dto::{ChoicesBody, HeldBody, WrittenBody},
    problem::Problem,
    v1::write,
};

/// Records choices, all or none. They are in force and on disk when the answer comes, and every
/// system that they concern is being told.
#[utoipa::path(post, path = "/v1/subjects/{id}/choices", operation_id = "record_choices", tag = "choices", request_body = ChoicesBody,
    params(
        ("id" = String, Path, description = "The subject id."),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating a request with the same key records nothing twice."),
    ),
    responses(
        (status = 200, description = "Recorded and in force.", body = WrittenBody),
        (status = 400, description = "The request is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "A weak credential may only narrow.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
        (status = 422, description = "Refused; nothing was recorded.", body = Problem),
        (status = 503, description = "`not_yet_durable`: withdrawals are in force, and recorded later.", body = Problem),
    ))]
pub(crate) async fn record(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Body(body, asked): Body<ChoicesBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Record)?;
    let subject = write::subject_id(&id)?;
    let choice = |choice: crate::dto::ChoiceBody| choice.into_choice(Method::Api, Actor::Person);
    let choices = body.choices.into_iter().map(choice).collect();
    let command = Command::Choose { subject, choices, authority: body.authority };
    Ok(Json(write::submit(&app, &principal, Some(&asked), command).await?.into()))
}

/// What a person has said, as far as it can still matter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Current {
    /// The choices, oldest first.
    choices: Vec<HeldBody>,
    /// The newest entry about the person.
    #[schema(value_type = String)]
    position: Position,
}

/// The current choices of a person. For everything they ever said, see the history.
#[utoipa::path(get, path = "/v1/subjects/{id}/choices", operation_id = "list_choices", tag = "choices",
    params(("id" = String, Path, description = "The subject id.")),
    responses(
        (status = 200, description = "The choices.", body = Current),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
    ))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Current>, Problem> {
    let (_, state) = write::readable(&app, &principal, &id)?;
    let all = &state.choices;
    let choices = all.iter().map(|held| HeldBody::among(held, all)).collect();
    Ok(Json(Current { choices, position: state.position }))
}
