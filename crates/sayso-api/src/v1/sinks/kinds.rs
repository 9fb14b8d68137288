//! `GET /v1/sink-kinds`: what sinks can be made of.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::event::Grade;
use sayso_ledger::sink::{Field, Kind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, auth::Principal, problem::Problem};

/// Something to give a kind of sink.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldBody {
    name: &'static str,
    about: &'static str,
    /// What it is if nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'static str>,
}

/// A kind of sink.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindBody {
    /// Its name.
    kind: &'static str,
    /// What it is.
    about: &'static str,
    /// What it is told, and may be shown.
    settings: Vec<FieldBody>,
    /// What it is told, and is kept sealed.
    secrets: Vec<FieldBody>,
}

/// The kinds of sinks that there are, and what each takes.
#[utoipa::path(get, path = "/v1/sink-kinds", operation_id = "list_sink_kinds", tag = "sinks",
    responses(
        (status = 200, description = "The kinds.", body = Vec<KindBody>),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Vec<KindBody>>, Problem> {
    principal.require(Grade::Administer)?;
    let field =
        |field: &Field| FieldBody { name: field.name, about: field.about, default: field.default };
    let kind = |kind: &Kind| KindBody {
        kind: kind.name,
        about: kind.about,
        settings: kind.settings.iter().map(field).collect(),
        secrets: kind.secrets.iter().map(field).collect(),
    };
    Ok(Json(app.drivers.kinds.iter().map(kind).collect()))
}
