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
        ask::{self, Asked},
        form::{Action, Answer, Asker, Context, Resource},
    },
    auth::Principal,
    body::{self, LargeBare},
    limits::EVALUATIONS_MAX,
    problem::Problem,
};

/// How many questions are answered at one moment, and between two looks at what else there is to do.
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
#[derive(Debug, Default, Deserialize, ToSchema)]
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

impl Semantic {
    fn stops_at(self, is_allowed: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !is_allowed,
            Self::PermitOnFirstPermit => is_allowed,
        }
    }
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
    let questions: Evaluations = body::parse(&bytes)?;
    if questions.evaluations.len() > EVALUATIONS_MAX {
        let status = axum::http::StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Problem::new(status, "too_many", "too many evaluations")
            .detail(format!("at most {EVALUATIONS_MAX} at once")));
    }
    if questions.evaluations.is_empty() {
        let missing =
            |field| Problem::bad_request("invalid_body", format!("missing field `{field}`"));
        let nothing = Item::default();
        let asked = whole(&questions, &nothing).map_err(missing)?;
        asked.admit(&point, &principal).await?;
        let subject = point.finder(&principal).find(&asked.resource.id);
        let decision = ask::decide(&point, &asked.about(subject))?;
        return Ok(body::answer(&Answer::from(decision)));
    }
    answers(&point, &principal, &questions).await.map(body::json)
}

async fn answers(
    point: &Point,
    principal: &Principal,
    questions: &Evaluations<'_>,
) -> Result<Vec<u8>, Problem> {
    let semantic = questions.options.evaluations_semantic;
    // Whoever may stop at each answer is answered one by one.
    let together = if semantic == Semantic::ExecuteAll { BREATH } else { 1 };
    let mut writing = Writing::of(questions.evaluations.len());
    for items in questions.evaluations.chunks(BREATH) {
        let mut finder = point.finder(principal);
        for items in items.chunks(together) {
            let asked = admitted(point, principal, questions, items).await?;
            let is_allowed = writing.answer(point, &mut finder, &asked)?;
            if semantic.stops_at(is_allowed) {
                return Ok(writing.into_bytes());
            }
        }
        // Others on this thread have questions too, and the catalog may change.
        tokio::task::yield_now().await;
    }
    Ok(writing.into_bytes())
}

/// The questions with the defaults filled in, each of which may be asked now; or the field that
/// neither has.
async fn admitted<'q>(
    point: &Point,
    principal: &Principal,
    defaults: &'q Evaluations<'q>,
    items: &'q [Item<'q>],
) -> Result<Vec<Result<Asked<'q>, &'static str>>, Problem> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let asked = whole(defaults, item);
        if let Ok(asked) = &asked {
            asked.admit(point, principal).await?;
        }
        all.push(asked);
    }
    Ok(all)
}

/// A question with the defaults filled in, or the field that neither has.
fn whole<'q>(defaults: &'q Evaluations<'q>, item: &'q Item<'q>) -> Result<Asked<'q>, &'static str> {
    let subject = item.subject.as_ref().or(defaults.subject.as_ref()).ok_or("subject")?;
    let action = item.action.as_ref().or(defaults.action.as_ref()).ok_or("action")?;
    let resource = item.resource.as_ref().or(defaults.resource.as_ref()).ok_or("resource")?;
    let context = item.context.as_ref().or(defaults.context.as_ref());
    Ok(Asked::new(subject, action, resource, context))
}
