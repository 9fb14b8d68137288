//! `POST /access/v1/search/subject`: who may use this person's data for this purpose?

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::event::Grade;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Point,
    access::{
        ask::{self, Asked},
        form::{Action, Asker, AskerKind, Context, Resource},
        page::{Found, PageAsked},
    },
    auth::Principal,
    body::{self, Bare},
    problem::Problem,
};

/// What is searched with.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SearchSubject)]
pub(crate) struct Search<'a> {
    #[serde(borrow)]
    subject: AskerKind<'a>,
    #[serde(borrow)]
    action: Action<'a>,
    #[serde(borrow)]
    resource: Resource<'a>,
    #[serde(borrow, default)]
    context: Context<'a>,
    #[serde(default)]
    page: PageAsked,
}

/// Who may use this data of this person for this purpose? A key that is bound to a recipient
/// finds at most itself.
#[utoipa::path(post, path = "/access/v1/search/subject", operation_id = "search_subject", tag = "decisions", request_body = Search,
    responses(
        (status = 200, description = "The recipients.", body = Found<Asker>),
        (status = 400, description = "The search is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(point): State<Arc<Point>>,
    principal: Principal,
    Bare(bytes): Bare,
) -> Result<Json<Found<Asker<'static>>>, Problem> {
    principal.require(Grade::Decide)?;
    let search: Search = body::parse(&bytes)?;
    point.require_lease()?;
    ask::be_fresh(&point, &search.context).await?;
    let in_force = point.snapshot.in_force();
    let catalog =
        in_force.as_ref().map(|now| &now.catalog).filter(|_| *search.subject.kind == *"recipient");
    let subject = point.finder(&principal).find(&search.resource.id);
    let mut found = Vec::new();
    for recipient in catalog.iter().flat_map(|catalog| catalog.recipients.keys()) {
        if principal.speak_for(recipient.as_str()).is_err() {
            continue;
        }
        let Search { action, resource, context, .. } = &search;
        let name = recipient.as_str();
        let asked = Asked { recipient: name, purpose: &action.name, resource, context };
        let question = asked.about(subject);
        if ask::decide(&point, &question)?.allow() {
            found.push(Asker { kind: "recipient".into(), id: recipient.to_string().into() });
        }
    }
    Found::cut(found, &search.page).map(Json)
}
