//! `/v1/subjects/{id}/guardians/{guardian}`: who may grant for a minor.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Command, event::Grade};

use crate::{App, address::Path, auth::Principal, dto::WrittenBody, problem::Problem, v1::write};

async fn set(
    app: &App,
    principal: &Principal,
    ids: (String, String),
    is_guardian: bool,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Record)?;
    let (subject, guardian) = (write::subject_id(&ids.0)?, write::subject_id(&ids.1)?);
    let command = Command::SetGuardian { subject, guardian, is_guardian };
    Ok(Json(write::submit(app, principal, None, command).await?.into()))
}

/// Makes somebody a guardian.
#[utoipa::path(put, path = "/v1/subjects/{id}/guardians/{guardian}", operation_id = "add_guardian", tag = "subjects",
    params(("id" = String, Path, description = "The subject id."), ("guardian" = String, Path, description = "The guardian's subject id.")),
    responses(
        (status = 200, description = "Made.", body = WrittenBody),
        (status = 404, description = "One of the two is not known.", body = Problem),
        (status = 422, description = "Nobody is their own guardian, nor two each other's.", body = Problem),
    ))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(ids): Path<(String, String)>,
) -> Result<Json<WrittenBody>, Problem> {
    set(&app, &principal, ids, true).await
}

/// Ends a guardianship.
#[utoipa::path(delete, path = "/v1/subjects/{id}/guardians/{guardian}", operation_id = "remove_guardian", tag = "subjects",
    params(("id" = String, Path, description = "The subject id."), ("guardian" = String, Path, description = "The guardian's subject id.")),
    responses(
        (status = 200, description = "Ended.", body = WrittenBody),
        (status = 404, description = "One of the two is not known.", body = Problem),
    ))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(ids): Path<(String, String)>,
) -> Result<Json<WrittenBody>, Problem> {
    set(&app, &principal, ids, false).await
}
