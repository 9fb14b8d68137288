//! `PUT /v1/subjects/{id}/devices/{type}/{serial}`: whose a device is and who lives with it.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Command, Id, SubjectId, event::Grade};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App, address::Path, auth::Principal, body::Body, dto::WrittenBody, problem::Problem, v1::write,
};

/// What to record about a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceBody {
    /// Whose it was, if it changes hands: nothing is allowed for it to start with.
    #[schema(value_type = Option<String>)]
    from: Option<SubjectId>,
    /// Everyone else who lives with it.
    #[schema(value_type = Option<Vec<String>>)]
    members: Option<Vec<SubjectId>>,
}

/// Records a device as a person's own, or who lives with it.
#[utoipa::path(put, path = "/v1/subjects/{id}/devices/{type}/{serial}", operation_id = "put_device", tag = "subjects", request_body = DeviceBody,
    params(
        ("id" = String, Path, description = "The subject id of the owner."),
        ("type" = String, Path, description = "The device type, as in `oven`."),
        ("serial" = String, Path, description = "The serial, as in `4711`."),
    ),
    responses(
        (status = 200, description = "Recorded.", body = WrittenBody),
        (status = 404, description = "Somebody named is not known.", body = Problem),
        (status = 409, description = "It is somebody else's.", body = Problem),
        (status = 422, description = "There is no such device or device type.", body = Problem),
    ))]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path((id, kind, serial)): Path<(String, String, String)>,
    Body(body, asked): Body<DeviceBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Record)?;
    let subject = write::subject_id(&id)?;
    let device: Id = format!("{kind}/{serial}")
        .parse()
        .map_err(|error| Problem::bad_request("invalid_id", error))?;
    let command = match body.members {
        Some(members) => Command::PutDevice { subject, device, from: body.from, members },
        None => Command::AcquireDevice { subject, device, from: body.from },
    };
    let written = write::submit(&app, &principal, Some(&asked), command).await?;
    Ok(Json(written.into()))
}
