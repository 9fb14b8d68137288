//! `GET /v1/subjects/{id}/history`: all that was recorded about a person.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Entry, Position};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    address::{Path, Query},
    auth::Principal,
    limits::{PAGE, PAGE_MAX},
    problem::Problem,
    v1::write,
};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct PageQuery {
    /// The `next` of the page before.
    before: Option<String>,
    /// How many entries; 100 unless said, at most 1,000.
    limit: Option<usize>,
}

/// Entries about a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// The newest first, as the ledger holds them.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Entry>,
    /// Send it as `before` for older ones; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    next: Option<Position>,
}

/// All that was recorded about a person, the newest first.
#[utoipa::path(get, path = "/v1/subjects/{id}/history", operation_id = "show_history", tag = "choices",
    params(("id" = String, Path, description = "The subject id."), PageQuery),
    responses(
        (status = 200, description = "The entries.", body = History),
        (status = 400, description = "`before` or `limit` is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<History>, Problem> {
    let (subject, _) = write::readable(&app, &principal, &id)?;
    let invalid = |error| Problem::bad_request("invalid_page", error);
    let last = Position::at(u64::MAX);
    let before = page.before.map_or(Ok(last), |before| before.parse()).map_err(invalid)?;
    let limit = page.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let entries = write::blocking(move || Ok(app.ledger.history(subject, before, limit)?)).await?;
    let next = entries.last().filter(|_| entries.len() == limit).map(|entry| entry.position);
    Ok(Json(History { entries, next }))
}
