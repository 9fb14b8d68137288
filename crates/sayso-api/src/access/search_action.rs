//! `POST /access/v1/search/action`: for what may this recipient use this data of this person?

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::event::Grade;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Point,
    access::{
        ask::{self, Asked},
        form::{Action, Asker, Context, Resource},
        page::{Found, PageAsked},
    },
    auth::Principal,
    body::{self, Bare},
    problem::Problem,
};

/// What is searched with.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SearchAction)]
pub(crate) struct Search<'a> {
    #[serde(borrow)]
    subject: Asker<'a>,
    #[serde(borrow)]
    resource: Resource<'a>,
    #[serde(borrow, default)]
    context: Context<'a>,
    #[serde(default)]
    page: PageAsked,
}

/// For which purposes may this recipient use this data of this person? With a `channel` in the
/// context also those that reach the person over it.
#[utoipa::path(post, path = "/access/v1/search/action", operation_id = "search_action", tag = "decisions", request_body = Search,
    responses(
        (status = 200, description = "The purposes.", body = Found<Action>),
        (status = 400, description = "The search is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(point): State<Arc<Point>>,
    principal: Principal,
    Bare(bytes): Bare,
) -> Result<Json<Found<Action<'static>>>, Problem> {
    principal.require(Grade::Decide)?;
    let search: Search = body::parse(&bytes)?;
    let recipient = ask::recipient(&search.subject.kind, &search.subject.id);
    principal.speak_for(recipient)?;
    point.require_lease()?;
    ask::be_fresh(&point, &search.context).await?;
    let in_force = point.snapshot.in_force();
    let subject = point.finder(&principal).find(&search.resource.id);
    let mut found = Vec::new();
    for purpose in in_force.iter().flat_map(|now| now.catalog.purposes.keys()) {
        let Search { resource, context, .. } = &search;
        let asked = Asked { recipient, purpose: purpose.as_str(), resource, context };
        if ask::decide(&point, &asked.about(subject))?.allow() {
            found.push(Action { name: purpose.to_string().into() });
        }
    }
    Found::cut(found, &search.page).map(Json)
}
