//! `POST /access/v1/evaluations`: many decisions, with defaults and three ways to go on.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use sayso_consent::event::Grade;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Point,
    access::{
        answers::Writing,
        evaluation::{self, Evaluation},
        form::{Action, Answer, AnswerContext, Asker, Context, ItemError, Resource},
    },
    auth::Principal,
    body::{self, LargeBare},
    limits::EVALUATIONS_MAX,
    problem::Problem,
};

/// How many questions are answered between two looks at what else there is to do.
const BREATH: usize = 256;

/// Questions, and defaults for what they leave out.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Evaluations<'a> {
    #[serde(borrow)]
    subject: Option<Asker<'a>>,
    #[serde(borrow)]
    action: Option<Action<'a>>,
    #[serde(borrow)]
    resource: Option<Resource<'a>>,
    #[serde(borrow)]
    context: Option<Context<'a>>,
    /// The questions; with none, the defaults themselves are the one question.
    #[serde(borrow, default)]
    evaluations: Vec<Item<'a>>,
    #[serde(default)]
    options: Options,
}

/// One question; what it leaves out comes from the defaults.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Item<'a> {
    #[serde(borrow)]
    subject: Option<Asker<'a>>,
    #[serde(borrow)]
    action: Option<Action<'a>>,
    #[serde(borrow)]
    resource: Option<Resource<'a>>,
    #[serde(borrow)]
    context: Option<Context<'a>>,
}

/// How to go on.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Options {
    /// `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[serde(default)]
    evaluations_semantic: Semantic,
}

/// When to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(rename_all = "snake_case")]
pub(crate) enum Semantic {
    /// After all.
    #[default]
    ExecuteAll,
    /// After the first denial.
    DenyOnFirstDeny,
    /// After the first permission.
    PermitOnFirstPermit,
}

/// The answers, in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answers {
    pub(crate) evaluations: Vec<Answer>,
}

/// Many decisions at once. Each is answered alone; one that is malformed is denied with an
/// `error` in its context.
#[utoipa::path(post, path = "/access/v1/evaluations", operation_id = "decide_many", tag = "decisions", request_body = Evaluations,
    responses(
        (status = 200, description = "The decisions.", body = Answers),
        (status = 400, description = "The request is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
        (status = 413, description = "Too many, or too large.", body = Problem),
        (status = 415, description = "The body is not JSON.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(point): State<Arc<Point>>,
    principal: Principal,
    LargeBare(bytes): LargeBare,
) -> Result<Response, Problem> {
    principal.require(Grade::Decide)?;
    let mut questions: Evaluations = body::parse(&bytes)?;
    let items = std::mem::take(&mut questions.evaluations);
    if items.len() > EVALUATIONS_MAX {
        let status = axum::http::StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Problem::new(status, "too_many", "too many evaluations")
            .detail(format!("at most {EVALUATIONS_MAX} at once")));
    }
    if items.is_empty() {
        let missing =
            |field| Problem::bad_request("invalid_body", format!("missing field `{field}`"));
        let question = merge(&questions, None).map_err(missing)?;
        let finder = &mut point.finder(&principal);
        let decision = evaluation::decide(&point, finder, &principal, &question).await?;
        return Ok(body::answer(&Answer::from(decision)));
    }
    answers(&point, &principal, &questions, items).await.map(body::json)
}

async fn answers<'a>(
    point: &Point,
    principal: &Principal,
    questions: &Evaluations<'a>,
    items: Vec<Item<'a>>,
) -> Result<Vec<u8>, Problem> {
    let unwritten = |_| Problem::unavailable("the answer cannot be written");
    let mut writing = Writing::of(items.len());
    let mut finder = point.finder(principal);
    for (number, item) in items.into_iter().enumerate() {
        if number % BREATH == BREATH - 1 {
            // Others on this thread have questions too, and the catalog may have changed.
            tokio::task::yield_now().await;
            finder = point.finder(principal);
        }
        let allows = match merge(questions, Some(item)) {
            Ok(question) => {
                let decision = evaluation::decide(point, &mut finder, principal, &question).await?;
                let allows = decision.allow();
                writing.decided(decision).map_err(unwritten)?;
                allows
            }
            Err(field) => {
                writing.answered(&missing(field)).map_err(unwritten)?;
                false
            }
        };
        let stops = match questions.options.evaluations_semantic {
            Semantic::ExecuteAll => false,
            Semantic::DenyOnFirstDeny => !allows,
            Semantic::PermitOnFirstPermit => allows,
        };
        if stops {
            break;
        }
    }
    Ok(writing.into_bytes())
}

/// A question with the defaults filled in, or the field that neither has.
fn merge<'a>(
    defaults: &Evaluations<'a>,
    item: Option<Item<'a>>,
) -> Result<Evaluation<'a>, &'static str> {
    let item = item.unwrap_or(Item { subject: None, action: None, resource: None, context: None });
    Ok(Evaluation {
        subject: item.subject.or_else(|| defaults.subject.clone()).ok_or("subject")?,
        action: item.action.or_else(|| defaults.action.clone()).ok_or("action")?,
        resource: item.resource.or_else(|| defaults.resource.clone()).ok_or("resource")?,
        context: item.context.or_else(|| defaults.context.clone()).unwrap_or_default(),
    })
}

fn missing(field: &str) -> Answer {
    let error = ItemError { status: 400, message: format!("missing field `{field}`") };
    Answer {
        decision: false,
        context: AnswerContext { error: Some(error), ..AnswerContext::default() },
    }
}
