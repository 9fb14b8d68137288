//! `POST /v1/subjects/{id}/links`: a one-time link to a person's page.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use sayso_consent::{Timestamp, choice::Authority};
use sayso_ledger::door::{LINK_MS, LINK_MS_MAX, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, address::Path, auth::Principal, body::Body, dto::AuthorityForm, problem::Problem,
    v1::write,
};

/// What kind of link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// `strong` if you have just authenticated the person and hand the link over yourself; `weak`
    /// if it goes by mail: then it may narrow only, and asks for a click before it opens.
    #[serde(default)]
    #[schema(value_type = Option<AuthorityForm>)]
    authority: Authority,
    /// For how long it can be opened, in seconds; 600 unless said, at most a day.
    #[schema(minimum = 1, maximum = 86400)]
    life_seconds: Option<u32>,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkMade {
    /// Opens once.
    pub(crate) link: String,
    /// Until when.
    #[schema(value_type = String)]
    pub(crate) expires: Timestamp,
}

impl LinkBody {
    fn life_ms(&self) -> i64 {
        self.life_seconds.map_or(LINK_MS, |seconds| i64::from(seconds) * 1_000).min(LINK_MS_MAX)
    }
}

/// Makes a link, which opens while the key of whoever asked for it is good.
pub(crate) fn make(
    app: &App,
    principal: &Principal,
    visitor: Visitor,
    life_ms: i64,
) -> Result<LinkMade, Problem> {
    let at = app.at();
    let token =
        app.door.invite(visitor, principal.key_id(), at, life_ms).map_err(Problem::unavailable)?;
    Ok(LinkMade { link: format!("{}/open/{token}", app.public_url), expires: at.plus_ms(life_ms) })
}

/// A one-time link to a person's page.
#[utoipa::path(post, path = "/v1/subjects/{id}/links", operation_id = "create_link", tag = "subjects", request_body = LinkBody,
    params(("id" = String, Path, description = "The subject id.")),
    responses(
        (status = 201, description = "The link.", body = LinkMade),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
    Body(body, _): Body<LinkBody>,
) -> Result<(StatusCode, Json<LinkMade>), Problem> {
    let (subject, _) = write::readable(&app, &principal, &id)?;
    let visitor = Visitor::Subject { subject, authority: body.authority };
    Ok((StatusCode::CREATED, Json(make(&app, &principal, visitor, body.life_ms())?)))
}
