//! `/v1/subjects/{id}/identifiers`: the names systems know a person by.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Command, event::Grade};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App, address::Path, auth::Principal, body::Body, dto::WrittenBody, problem::Problem, v1::write,
};

/// An identifier.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentifierBody {
    /// As `namespace:value`.
    #[schema(example = "crm:4711")]
    identifier: String,
}

/// Adds an identifier. The system of its namespace is told what it may do.
#[utoipa::path(post, path = "/v1/subjects/{id}/identifiers", operation_id = "add_identifier", tag = "subjects", request_body = IdentifierBody,
    params(("id" = String, Path, description = "The subject id.")),
    responses(
        (status = 200, description = "Added.", body = WrittenBody),
        (status = 404, description = "Nobody has this id.", body = Problem),
        (status = 409, description = "It is somebody else's.", body = Problem),
    ))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Body(body, asked): Body<IdentifierBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Record)?;
    let subject = write::subject_id(&id)?;
    let identifier = write::identifier(&app, &body.identifier)?;
    let command = Command::AddIdentifier { subject, identifier };
    Ok(Json(write::submit(&app, &principal, Some(&asked), command).await?.into()))
}

/// Removes an identifier. Each system that knew the person by it is told to delete what it holds
/// under it, and until it says that it did the person is not gone either. A POST, for an address
/// is no place for personal data.
#[utoipa::path(post, path = "/v1/subjects/{id}/identifiers/remove", operation_id = "remove_identifier", tag = "subjects", request_body = IdentifierBody,
    params(("id" = String, Path, description = "The subject id.")),
    responses(
        (status = 200, description = "Removed.", body = WrittenBody),
        (status = 404, description = "Nobody has this id.", body = Problem),
    ))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Body(body, asked): Body<IdentifierBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Record)?;
    let subject = write::subject_id(&id)?;
    let identifier = write::identifier(&app, &body.identifier)?;
    let (namespace, lookup) = (identifier.namespace, identifier.lookup);
    let command = Command::RemoveIdentifier { subject, namespace, lookup };
    Ok(Json(write::submit(&app, &principal, Some(&asked), command).await?.into()))
}
