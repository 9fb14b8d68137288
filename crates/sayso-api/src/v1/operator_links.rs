//! `POST /v1/operator-links`: a one-time link to the overview.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use sayso_consent::event::Grade;
use sayso_ledger::door::{LINK_MS_MAX, Visitor};

use crate::{
    App,
    auth::Principal,
    problem::Problem,
    v1::links::{LinkMade, make},
};

/// A one-time link to the overview, good for a day.
#[utoipa::path(post, path = "/v1/operator-links", operation_id = "create_operator_link", tag = "operations",
    responses(
        (status = 201, description = "The link.", body = LinkMade),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<(StatusCode, Json<LinkMade>), Problem> {
    principal.require(Grade::Administer)?;
    Ok((StatusCode::CREATED, Json(make(&app, &principal, Visitor::Operator, LINK_MS_MAX)?)))
}
