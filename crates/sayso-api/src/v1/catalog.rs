//! `/v1/catalog`: the catalog in force.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use sayso_consent::{Catalog, Command, Position, event::Grade};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, auth::Principal, body::Raw, dto::WrittenBody, problem::Problem, v1::write};

/// The catalog in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct InForceBody {
    /// Where it was recorded.
    #[schema(value_type = String)]
    position: Position,
    /// The catalog, in the form of `docs/reference/catalog.schema.json`.
    #[schema(value_type = Object)]
    catalog: Arc<Catalog>,
}

/// The catalog in force.
#[utoipa::path(get, path = "/v1/catalog", operation_id = "show_catalog", tag = "catalog",
    responses(
        (status = 200, description = "The catalog.", body = InForceBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "No catalog was applied yet.", body = Problem),
    ))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _: Principal,
) -> Result<impl IntoResponse, Problem> {
    let missing = || Problem::not_found().detail("no catalog was applied yet");
    let now = app.ledger.snapshot().in_force().ok_or_else(missing)?;
    let body = InForceBody { position: now.position, catalog: Arc::clone(&now.catalog) };
    Ok(([(header::ETAG, format!("\"{}\"", now.position))], Json(body)))
}

/// Reads the catalog of a request's body, with every problem at once.
pub(crate) fn read(body: &Raw) -> Result<Catalog, Problem> {
    let known =
        ["application/yaml", "application/x-yaml", "text/yaml", "text/plain", "application/json"];
    if !known.contains(&body.media_type.as_str()) {
        let title = "the body is of another media type";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            title,
        )
        .detail("send `Content-Type: application/yaml` or `application/json`"));
    }
    let text = std::str::from_utf8(&body.bytes)
        .map_err(|_| Problem::bad_request("not_utf8", "a catalog is UTF-8 text"))?;
    sayso_catalog::read(text, "catalog").map_err(|problems| {
        let title = "the catalog has problems; nothing was recorded";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_catalog", title).problems(problems)
    })
}

/// Applies a catalog: from the answer on it is in force. The body is YAML or JSON.
#[utoipa::path(post, path = "/v1/catalog", operation_id = "apply_catalog", tag = "catalog",
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses(
        (status = 200, description = "It is in force.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
        (status = 422, description = "The catalog has problems, each with its place.", body = Problem),
    ))]
pub(crate) async fn apply(
    State(app): State<Arc<App>>,
    principal: Principal,
    body: Raw,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    let catalog = Box::new(read(&body)?);
    let command = Command::ApplyCatalog { catalog };
    let written = write::submit(&app, &principal, Some(&body.asked), command).await?;
    Ok(Json(written.into()))
}
