//! Whether the server lives, and whether it should be sent requests.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, problem::Problem};

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the process lives. Needs no key.
#[utoipa::path(get, path = "/healthz", operation_id = "show_health", tag = "operations", security(()),
    responses((status = 200, description = "It lives.", body = Health)))]
pub(crate) async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the ledger takes writes. Needs no key.
#[utoipa::path(get, path = "/readyz", operation_id = "show_readiness", tag = "operations", security(()),
    responses(
        (status = 200, description = "It takes writes.", body = Health),
        (status = 503, description = "It does not; decisions are still answered.", body = Problem),
    ))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>, Problem> {
    if !app.ledger.is_healthy() {
        return Err(Problem::unavailable(
            "the store fails; withdrawals are held in force in memory",
        ));
    }
    if !app.ledger.is_journal_ok() {
        return Err(Problem::unavailable(
            "the journal of withdrawals lacks some; it cannot be written",
        ));
    }
    if app.ledger.is_damaged() {
        return Err(Problem::unavailable(
            "something stored is damaged, and withdrawals that meet it are held; `sayso doctor` says more",
        ));
    }
    Ok(Json(Health { status: "ok" }))
}
