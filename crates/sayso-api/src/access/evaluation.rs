//! `POST /access/v1/evaluation`: one decision.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use sayso_consent::{Decision, event::Grade};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Point,
    access::{
        ask,
        finder::Finder,
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
    let question = body::parse(&bytes)?;
    let decision = decide(&point, &mut point.finder(&principal), &principal, &question).await?;
    Ok(body::answer(&Answer::from(decision)))
}

/// Answers one question.
pub(crate) async fn decide(
    point: &Point,
    finder: &mut Finder<'_>,
    principal: &Principal,
    question: &Evaluation<'_>,
) -> Result<Decision, Problem> {
    let recipient = ask::recipient(&question.subject.kind, &question.subject.id);
    principal.speak_for(recipient)?;
    ask::be_fresh(point, &question.context).await?;
    let Evaluation { action, resource, context, .. } = question;
    ask::decide(point, &ask::question(finder, recipient, &action.name, resource, context))
}
