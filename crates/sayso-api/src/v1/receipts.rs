//! `GET /v1/receipts/{position}`: the signed statement of an entry.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Position, event::Grade};
use sayso_ledger::receipt::Receipt;

use crate::{App, address::Path, auth::Principal, problem::Problem, v1::write};

/// The receipt of an entry: the entry, its proof in the log, and a signature. Anyone can check it
/// offline; `docs/reference/ledger.md` says how.
#[utoipa::path(get, path = "/v1/receipts/{position}", operation_id = "show_receipt", tag = "choices",
    params(("position" = String, Path, description = "The token of the write, as in `0-17`.")),
    responses(
        (status = 200, description = "The receipt.", body = Object),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "There is no such entry, or it was erased.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(position): Path<String>,
) -> Result<Json<Receipt>, Problem> {
    principal.require(Grade::Record)?;
    let position: Position = position.parse().map_err(|_| Problem::not_found())?;
    if !app.ledger.is_healthy() {
        return Err(Problem::unavailable("personal data is not read while the store fails"));
    }
    let receipt = write::blocking(move || Ok(app.ledger.receipt(position)?)).await?;
    receipt
        .filter(|receipt| receipt.entry.subject.is_some())
        .map(Json)
        .ok_or_else(Problem::not_found)
}
