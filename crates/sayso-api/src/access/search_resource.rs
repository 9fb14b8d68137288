//! `POST /access/v1/search/resource`: whose data may this recipient use for this purpose?

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{SubjectId, event::Grade};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    access::{
        ask,
        form::{Action, Asker, Context, Resource, ResourceKind},
        page::{Found, Page, PageAsked},
    },
    auth::Principal,
    body::Body,
    problem::Problem,
    v1::audience::names,
};

/// What is searched with.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Search {
    subject: Asker,
    action: Action,
    resource: ResourceKind,
    #[serde(default)]
    context: Context,
    #[serde(default)]
    page: PageAsked,
}

/// Whose data of this category may this recipient use for this purpose: the audience. A key that
/// is bound to a recipient gets that recipient's own identifiers, another gets subject ids.
#[utoipa::path(post, path = "/access/v1/search/resource", tag = "decisions", request_body = Search,
    responses(
        (status = 200, description = "The people.", body = Found<Resource>),
        (status = 400, description = "The search is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(search, _): Body<Search>,
) -> Result<Json<Found<Resource>>, Problem> {
    principal.require(Grade::Decide)?;
    let recipient = ask::recipient(&search.subject.kind, &search.subject.id)?;
    principal.speak_for(&recipient)?;
    ask::be_fresh(&app, &search.context).await?;
    let asked = Resource {
        kind: search.resource.kind.clone(),
        id: String::new(),
        properties: search.resource.properties.clone(),
    };
    let request =
        ask::request(&app, &principal, recipient, &search.action.name, &asked, &search.context)?;
    let invalid =
        |_| Problem::bad_request("invalid_page", "`page.token` is not one of this search");
    let from = search.page.token().map_or(Ok(SubjectId(0)), str::parse).map_err(invalid)?;
    let limit = search.page.limit()?;
    let found = tokio::task::spawn_blocking(move || {
        let audience = app.ledger.snapshot().audience(&request, from, limit, app.at());
        let resource =
            |id| Resource { kind: asked.kind.clone(), id, properties: asked.properties.clone() };
        let results: Vec<_> =
            names(&app, &principal, &audience.subjects)?.into_iter().map(resource).collect();
        let next_token = audience.next.map(|next| next.to_string()).unwrap_or_default();
        Ok(Found { page: Page { next_token, count: results.len() }, results })
    });
    found.await.map_err(|_| Problem::unavailable("the search was stopped"))?.map(Json)
}
