//! `GET /v1/sink-kinds`: what sinks can be made of.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::event::Grade;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, auth::Principal, problem::Problem};

/// Something to give a kind of sink.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Field {
    name: &'static str,
    about: &'static str,
}

/// A kind of sink.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KindBody {
    /// Its name.
    kind: &'static str,
    /// What it is.
    about: &'static str,
    /// What it is told, and may be shown.
    settings: Vec<Field>,
    /// What it is told, and is kept sealed.
    secrets: Vec<Field>,
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
    let fields = |fields: &[(&'static str, &'static str)]| {
        fields.iter().map(|(name, about)| Field { name, about }).collect()
    };
    let kind = |kind: &sayso_ledger::sink::Kind| KindBody {
        kind: kind.name,
        about: kind.about,
        settings: fields(kind.settings),
        secrets: fields(kind.secrets),
    };
    Ok(Json(app.drivers.kinds.iter().map(kind).collect()))
}
