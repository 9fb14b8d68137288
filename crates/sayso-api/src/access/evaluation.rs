//! `POST /access/v1/evaluation`: one decision.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use sayso_consent::event::Grade;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Point,
    access::{
        ask::{self, Asked},
        form::{Action, Answer, Asker, Context, Resource},
    },
    auth::Principal,
    body::{self, Bare},
    problem::Problem,
};

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Evaluation<'a> {
    /// Who asks.
    #[serde(borrow)]
    pub(crate) subject: Asker<'a>,
    /// What for.
    #[serde(borrow)]
    pub(crate) action: Action<'a>,
    /// Which data, of whom.
    #[serde(borrow)]
    pub(crate) resource: Resource<'a>,
    /// The circumstances.
    #[serde(borrow, default)]
    pub(crate) context: Context<'a>,
}

/// May this recipient use this data of this person for this purpose?
///
/// A denial is an answer, not an error: 200 with `decision: false` and a reason. Somebody unknown
/// is answered like somebody who never said anything.
#[utoipa::path(post, path = "/access/v1/evaluation", operation_id = "decide", tag = "decisions", request_body = Evaluation,
    responses(
        (status = 200, description = "The decision.", body = Answer),
        (status = 400, description = "The question is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
        (status = 413, description = "The body is too large.", body = Problem),
        (status = 415, description = "The body is not JSON.", body = Problem),
        (status = 503, description = "The token is not reached yet.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(point): State<Arc<Point>>,
    principal: Principal,
    Bare(bytes): Bare,
) -> Result<Response, Problem> {
    principal.require(Grade::Decide)?;
    let Evaluation { subject, action, resource, context } = &body::parse(&bytes)?;
    let asked = Asked::new(subject, action, resource, Some(context));
    asked.admit(&point, &principal).await?;
    let subject = point.finder(&principal).find(&asked.resource.id);
    let decision = ask::decide(&point, &asked.about(subject))?;
    Ok(body::answer(&Answer::from(decision)))
}
