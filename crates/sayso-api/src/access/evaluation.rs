//! `POST /access/v1/evaluation`: one decision.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::event::Grade;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    App,
    access::{
        ask,
        form::{Action, Answer, Asker, Context, Resource},
    },
    auth::Principal,
    body::Body,
    problem::Problem,
};

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Evaluation {
    /// Who asks.
    pub(crate) subject: Asker,
    /// What for.
    pub(crate) action: Action,
    /// Which data, of whom.
    pub(crate) resource: Resource,
    /// The circumstances.
    #[serde(default)]
    pub(crate) context: Context,
}

/// May this recipient use this data of this person for this purpose?
///
/// A denial is an answer, not an error: 200 with `decision: false` and a reason. Somebody unknown
/// is answered like somebody who never said anything.
#[utoipa::path(post, path = "/access/v1/evaluation", tag = "decisions", request_body = Evaluation,
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
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(question, _): Body<Evaluation>,
) -> Result<Json<Answer>, Problem> {
    principal.require(Grade::Decide)?;
    answer(&app, &principal, &question).await.map(Json)
}

/// Answers one question.
pub(crate) async fn answer(
    app: &App,
    principal: &Principal,
    question: &Evaluation,
) -> Result<Answer, Problem> {
    let recipient = ask::recipient(&question.subject.kind, &question.subject.id)?;
    principal.speak_for(&recipient)?;
    ask::be_fresh(app, &question.context).await?;
    let Evaluation { action, resource, context, .. } = question;
    let request = ask::request(app, principal, recipient, &action.name, resource, context)?;
    Ok(ask::decide(app, &request).into())
}
