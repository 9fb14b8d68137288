//! `GET /v1/subjects/{id}/effects`: what each system did about a person.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Id, Position, Timestamp};
use sayso_ledger::deliver;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, address::Path, auth::Principal, problem::Problem, v1::write};

/// How far a system has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// It is about to be told.
    Pending,
    /// It was sent a message and has not taken it.
    Sent,
    /// It took the message.
    Received,
    /// It says that it applied everything.
    Applied,
    /// It was read back after that and holds what it was told.
    Verified,
    /// It is past its deadline: its use is denied until it answers.
    Overdue,
    /// It will not apply it, and somebody accepts that for a while.
    Exception,
    /// It is not told until somebody says so.
    Parked,
    /// It may know the person under a name that is not known here, and so cannot be told.
    Unresolved,
    /// It holds no identifier of the person, so there is nothing to tell.
    NotApplicable,
}

impl From<deliver::Stage> for Stage {
    fn from(stage: deliver::Stage) -> Self {
        match stage {
            deliver::Stage::Pending => Self::Pending,
            deliver::Stage::Sent => Self::Sent,
            deliver::Stage::Received => Self::Received,
            deliver::Stage::Applied => Self::Applied,
            deliver::Stage::Verified => Self::Verified,
            deliver::Stage::Overdue => Self::Overdue,
            deliver::Stage::Exception => Self::Exception,
            deliver::Stage::Parked => Self::Parked,
            deliver::Stage::Unresolved => Self::Unresolved,
            deliver::Stage::NotApplicable => Self::NotApplicable,
        }
    }
}

/// What somebody accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExceptionBody {
    /// Who accepted it.
    operator: String,
    /// Why.
    reason: String,
    /// Until when.
    #[schema(value_type = String)]
    until: Timestamp,
}

/// What one system did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EffectOf {
    #[schema(value_type = String)]
    recipient: Id,
    state: Stage,
    /// The newest entry that it has to apply, or has applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    sent_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    received_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    applied_at: Option<Timestamp>,
    /// When it was read back and held that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    verified_at: Option<Timestamp>,
    /// From when its use is denied if it has not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    deadline: Option<Timestamp>,
    /// What somebody accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<ExceptionBody>,
    /// Why it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked: Option<String>,
}

/// What every system did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Effects {
    effects: Vec<EffectOf>,
    /// Whether every system has applied everything.
    is_settled: bool,
}

/// What each system that keeps permissions did about this person's choices.
#[utoipa::path(get, path = "/v1/subjects/{id}/effects", operation_id = "show_effects", tag = "effects",
    params(("id" = String, Path, description = "The subject id.")),
    responses(
        (status = 200, description = "The effects.", body = Effects),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody has this id.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Effects>, Problem> {
    let (subject, state) = write::readable(&app, &principal, &id)?;
    let missing = || Problem::not_found().detail("no catalog was applied yet");
    let now = app.ledger.snapshot().in_force().ok_or_else(missing)?;
    let sinks = app.ledger.snapshot().sinks();
    let said = (&*now.catalog, &*sinks, &*app.board);
    let effects = deliver::effects(said, subject, &state, app.at());
    let effects: Vec<EffectOf> = effects.into_iter().map(Into::into).collect();
    let is_done = |effect: &EffectOf| {
        matches!(effect.state, Stage::Applied | Stage::Verified | Stage::NotApplicable)
    };
    Ok(Json(Effects { is_settled: effects.iter().all(is_done), effects }))
}

impl From<deliver::Effect> for EffectOf {
    fn from(effect: deliver::Effect) -> Self {
        let exception = effect.exception.map(|exception| ExceptionBody {
            operator: exception.operator,
            reason: exception.reason,
            until: exception.until,
        });
        Self {
            recipient: effect.recipient,
            state: effect.stage.into(),
            position: effect.position,
            sent_at: effect.trace.map(|trace| trace.sent_at),
            received_at: effect.trace.and_then(|trace| trace.received_at),
            applied_at: effect.applied_at,
            verified_at: effect.verified_at,
            deadline: effect.deadline,
            exception,
            parked: effect.parked,
        }
    }
}
