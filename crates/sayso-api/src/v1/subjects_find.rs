//! `POST /v1/subjects/find`: the person of an identifier. A POST, for an address is no place for
//! personal data: addresses are logged everywhere.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{SubjectId, event::Grade};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{App, auth::Principal, body::Body, problem::Problem};

/// Whom to find.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindBody {
    /// As `namespace:value`.
    #[schema(example = "email:ana@example.org")]
    identifier: String,
}

/// Who was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundBody {
    /// The person.
    #[schema(value_type = String)]
    subject: SubjectId,
}

/// The person of an identifier.
#[utoipa::path(post, path = "/v1/subjects/find", operation_id = "find_subject", tag = "subjects", request_body = FindBody,
    responses(
        (status = 200, description = "The person.", body = FoundBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody is known by it.", body = Problem),
        (status = 422, description = "It is no identifier.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(body, _): Body<FindBody>,
) -> Result<Json<FoundBody>, Problem> {
    principal.require(Grade::Record)?;
    let subject = app.ledger.find(&body.identifier)?.ok_or_else(Problem::not_found)?;
    Ok(Json(FoundBody { subject }))
}
