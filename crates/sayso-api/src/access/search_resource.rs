//! `POST /access/v1/search/resource`: whose data may this recipient use for this purpose?

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};
use sayso_consent::{Request, SubjectId, event::Grade};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App, Point,
    access::{
        ask::{self, Asked},
        form::{Action, Asker, Context, Resource, ResourceKind},
        page::{Found, Page, PageAsked},
        text::Text,
    },
    auth::Principal,
    body::{self, Bare},
    onward::{self, Onward},
    problem::Problem,
    v1::audience::names,
};

/// Where it is asked.
pub(crate) const PATH: &str = "/access/v1/search/resource";

/// What is searched with.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SearchResource)]
pub(crate) struct Search<'a> {
    #[serde(borrow)]
    subject: Asker<'a>,
    #[serde(borrow)]
    action: Action<'a>,
    #[serde(borrow)]
    resource: ResourceKind<'a>,
    #[serde(borrow, default)]
    context: Context<'a>,
    #[serde(default)]
    page: PageAsked,
}

/// Whose data of this category may this recipient use for this purpose: the audience. A key that
/// is bound to a recipient gets that recipient's own identifiers, another gets subject ids.
#[utoipa::path(post, path = "/access/v1/search/resource", operation_id = "search_resource", tag = "decisions", request_body = Search,
    responses(
        (status = 200, description = "The people.", body = Found<Resource>),
        (status = 400, description = "The search is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Bare(bytes): Bare,
) -> Result<Response, Problem> {
    principal.require(Grade::Decide)?;
    let search: Search = body::parse(&bytes)?;
    let request = request(&Point::of(&app), &principal, &search).await?;
    let from = search.page.token().map(|place| principal.person_at(&app, place));
    let from = from.unwrap_or(Some(SubjectId(0))).ok_or_else(strange_page)?;
    let limit = search.page.limit()?;
    let found = tokio::task::spawn_blocking(move || {
        let audience = app.ledger.snapshot().audience(&request, from, limit, app.at());
        let names = names(&app, &principal, &audience.subjects)?;
        let next = audience.next.map(|next| principal.place(&app, next)).transpose()?;
        Ok::<_, Problem>((names, next))
    });
    let (names, next_token) =
        found.await.map_err(|_| Problem::unavailable("the search was stopped"))??;
    Ok(page(&search, names, next_token))
}

/// The same at a replica, which keeps no identifiers: a key that is bound to a recipient has them
/// from the server.
pub(crate) async fn at_replica(
    State(point): State<Arc<Point>>,
    State(onward): State<Arc<dyn Onward>>,
    principal: Principal,
    headers: HeaderMap,
    Bare(bytes): Bare,
) -> Result<Response, Problem> {
    principal.require(Grade::Decide)?;
    if principal.is_bound() {
        return onward::pass(&*onward, PATH, &headers, bytes).await;
    }
    let search: Search = body::parse(&bytes)?;
    let request = request(&point, &principal, &search).await?;
    point.require_lease()?;
    let from = search.page.token().map_or(Ok(SubjectId(0)), str::parse);
    let from = from.map_err(|_| strange_page())?;
    let limit = search.page.limit()?;
    let at = point.clock.at();
    let found =
        tokio::task::spawn_blocking(move || point.snapshot.audience(&request, from, limit, at));
    let audience = found.await.map_err(|_| Problem::unavailable("the search was stopped"))?;
    let names = audience.subjects.iter().map(ToString::to_string).collect();
    Ok(page(&search, names, audience.next.map(|next| next.to_string())))
}

async fn request(
    point: &Point,
    principal: &Principal,
    search: &Search<'_>,
) -> Result<Request, Problem> {
    let recipient = ask::recipient(&search.subject.kind, &search.subject.id);
    principal.speak_for(recipient)?;
    ask::be_fresh(point, &search.context).await?;
    let Search { action, context, .. } = search;
    let resource = &asked(search);
    // About nobody: everybody is gone through.
    ask::request(&Asked { recipient, purpose: &action.name, resource, context }.about(None))
}

fn asked<'a>(search: &Search<'a>) -> Resource<'a> {
    Resource {
        kind: search.resource.kind.clone(),
        id: Text::default(),
        properties: search.resource.properties.clone(),
    }
}

fn strange_page() -> Problem {
    Problem::bad_request("invalid_page", "`page.token` is not one of this search")
}

fn page(search: &Search<'_>, names: Vec<String>, next: Option<String>) -> Response {
    let asked = asked(search);
    let results = names.into_iter().map(|name| Resource { id: name.into(), ..asked.clone() });
    let results: Vec<_> = results.collect();
    let next_token = next.unwrap_or_default();
    body::answer(&Found { page: Page { next_token, count: results.len() }, results })
}
