//! `POST /access/v1/search/resource`: whose data may this recipient use for this purpose?

use std::sync::Arc;

use axum::{extract::State, response::Response};
use sayso_consent::{SubjectId, event::Grade};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    access::{
        ask,
        form::{Action, Asker, Context, Resource, ResourceKind},
        page::{Found, Page, PageAsked},
        text::Text,
    },
    auth::Principal,
    body::{self, Bare},
    problem::Problem,
    v1::audience::names,
};

/// What is searched with.
#[derive(Debug, Deserialize, ToSchema)]
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
    let recipient = ask::recipient(&search.subject.kind, &search.subject.id);
    principal.speak_for(recipient)?;
    ask::be_fresh(&app, &search.context).await?;
    let asked = Resource {
        kind: search.resource.kind.clone(),
        id: Text::default(),
        properties: search.resource.properties.clone(),
    };
    let Search { action, context, .. } = &search;
    let question = ask::question(&app, &principal, recipient, &action.name, &asked, context);
    let request = ask::request(&question)?;
    let invalid = || Problem::bad_request("invalid_page", "`page.token` is not one of this search");
    let from = search.page.token().map(|place| principal.person_at(&app, place));
    let from = from.unwrap_or(Some(SubjectId(0))).ok_or_else(invalid)?;
    let limit = search.page.limit()?;
    let found = tokio::task::spawn_blocking(move || {
        let audience = app.ledger.snapshot().audience(&request, from, limit, app.at());
        let names = names(&app, &principal, &audience.subjects)?;
        let next = audience.next.map(|next| principal.place(&app, next)).transpose()?;
        Ok::<_, Problem>((names, next))
    });
    let (names, next_token) =
        found.await.map_err(|_| Problem::unavailable("the search was stopped"))??;
    let results = names.into_iter().map(|name| Resource { id: name.into(), ..asked.clone() });
    let results: Vec<_> = results.collect();
    let next_token = next_token.unwrap_or_default();
    Ok(body::answer(&Found { page: Page { next_token, count: results.len() }, results }))
}
