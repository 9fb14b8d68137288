//! `/v1/subjects/{id}`: what is known about a person.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{
    Command, Id, Position, SubjectId, Timestamp,
    event::Grade,
    subject::{DeviceLink, Role},
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    address::{Path, Query},
    auth::Principal,
    body::Body,
    dto::WrittenBody,
    problem::Problem,
    v1::write,
};

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shown {
    #[schema(value_type = String)]
    subject: SubjectId,
    /// The names systems know the person by.
    identifiers: Vec<String>,
    /// Whether a contract or account is running.
    is_active: bool,
    /// Whether processing is restricted (GDPR Art. 18).
    is_restricted: bool,
    /// Whether the person is being erased.
    is_leaving: bool,
    #[schema(value_type = Option<String>)]
    minor_until: Option<Timestamp>,
    #[schema(value_type = Vec<String>)]
    guardians: Vec<SubjectId>,
    devices: Vec<Device>,
    /// The newest entry about the person.
    #[schema(value_type = String)]
    position: Position,
}

/// A device that a person owns or lives with.
#[derive(Debug, Serialize, ToSchema)]
struct Device {
    #[schema(value_type = String)]
    device: Id,
    /// `owner` or `member`.
    role: &'static str,
    /// Everyone with a part in it, the owner first.
    #[schema(value_type = Vec<String>)]
    household: Vec<SubjectId>,
}

impl From<&DeviceLink> for Device {
    fn from(link: &DeviceLink) -> Self {
        let role = if link.role == Role::Owner { "owner" } else { "member" };
        Self { device: link.device.clone(), role, household: link.household.clone() }
    }
}

/// What is known about a person.
#[utoipa::path(get, path = "/v1/subjects/{id}", operation_id = "show_subject", tag = "subjects",
    params(("id" = String, Path, description = "The subject id.")),
    responses(
        (status = 200, description = "The person.", body = Shown),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
    ))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let (subject, state) = write::readable(&app, &principal, &id)?;
    let identifiers = write::blocking(move || Ok(app.ledger.identifiers(subject, None)?)).await?;
    Ok(Json(Shown {
        subject,
        identifiers,
        is_active: state.is_active,
        is_restricted: state.is_restricted,
        is_leaving: state.is_leaving,
        minor_until: state.minor_until,
        guardians: state.guardians.clone(),
        devices: state.devices.iter().map(Into::into).collect(),
        position: state.position,
    }))
}

/// What to change about a person; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    /// Begin or end the relationship.
    is_active: Option<bool>,
    /// Restrict processing, or set it free.
    is_restricted: Option<bool>,
    /// Until when the person is a minor; null for an adult.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    minor_until: Option<Option<Timestamp>>,
}

/// Tells `null` from a field that is left out.
fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Changes what is known about a person.
#[utoipa::path(patch, path = "/v1/subjects/{id}", operation_id = "change_subject", tag = "subjects", request_body = ChangeBody,
    params(("id" = String, Path, description = "The subject id.")),
    responses(
        (status = 200, description = "Changed.", body = WrittenBody),
        (status = 400, description = "Nothing, or more than one thing, was to be changed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
    ))]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Body(body, asked): Body<ChangeBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Record)?;
    let subject = write::subject_id(&id)?;
    let command = match (body.is_active, body.is_restricted, body.minor_until) {
        (Some(is_active), None, None) => Command::SetRelationship { subject, is_active },
        (None, Some(is_restricted), None) => Command::SetRestriction { subject, is_restricted },
        (None, None, Some(minor_until)) => Command::SetMinority { subject, minor_until },
        _ => {
            let detail = "give exactly one of `is_active`, `is_restricted`, `minor_until`";
            return Err(Problem::bad_request("one_thing_at_a_time", detail));
        }
    };
    let written = write::submit(&app, &principal, Some(&asked), command).await?;
    Ok(Json(written.into()))
}

/// How to erase.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Erasure {
    /// Only if it can be done at once: refused with `still_held` while any system that is told has
    /// something about the person and has not said that it is gone. With the records go the names
    /// that systems are told by, so they would never hear of it.
    #[serde(default)]
    at_once: bool,
}

/// Erases a person (GDPR Art. 17). From the answer on nothing is allowed and every system is told;
/// the records go as soon as all have applied it, and what is left can be tied to nobody.
#[utoipa::path(delete, path = "/v1/subjects/{id}", operation_id = "erase_subject", tag = "subjects",
    params(("id" = String, Path, description = "The subject id."), Erasure),
    responses(
        (status = 200, description = "Begun, or done.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
        (status = 409, description = "`at_once` was asked for, and systems still hold something.", body = Problem),
    ))]
pub(crate) async fn erase(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Query(Erasure { at_once }): Query<Erasure>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    let command = Command::Erase { subject: write::subject_id(&id)?, at_once };
    let written = write::submit(&app, &principal, None, command).await?;
    Ok(Json(written.into()))
}
