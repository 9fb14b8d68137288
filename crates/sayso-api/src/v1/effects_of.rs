//! `GET /v1/subjects/{id}/effects`: what each system did about a person.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Id, Position, Timestamp};
use sayso_consent::{SubjectId, catalog::Catalog, subject::SubjectState};
use sayso_ledger::deliver::Board;
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
    /// It is past its deadline: its use is denied until it answers.
    Overdue,
    /// It holds no identifier of the person, so there is nothing to tell.
    NotApplicable,
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
    /// From when its use is denied if it has not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    deadline: Option<Timestamp>,
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
    let effects = effects(&now.catalog, subject, &state, &app.board, app.at());
    let is_done = |effect: &EffectOf| matches!(effect.state, Stage::Applied | Stage::NotApplicable);
    Ok(Json(Effects { is_settled: effects.iter().all(is_done), effects }))
}

fn effects(
    catalog: &Catalog,
    subject: SubjectId,
    state: &SubjectState,
    board: &Board,
    at: Timestamp,
) -> Vec<EffectOf> {
    let told =
        catalog.recipients.iter().filter(|(_, recipient)| recipient.effect_deadline.is_some());
    told.map(|(recipient, declared)| {
        let own = state.pending.iter().filter(|pending| pending.recipient == *recipient);
        let deadline = own.clone().map(|pending| pending.due).min();
        let newest = own.map(|pending| pending.position).max();
        let applied = state.applied.iter().find(|applied| applied.recipient == *recipient);
        let trace = board.trace(recipient, subject).filter(|trace| Some(trace.position) == newest);
        let is_known =
            declared.namespace.as_ref().is_some_and(|namespace| state.has_namespace(namespace));
        let stage = match (newest, trace, applied) {
            (Some(_), ..) if deadline.is_some_and(|due| due <= at) => Stage::Overdue,
            (Some(_), Some(trace), _) if trace.received_at.is_some() => Stage::Received,
            (Some(_), Some(_), _) => Stage::Sent,
            (Some(_), None, _) => Stage::Pending,
            (None, _, Some(_)) => Stage::Applied,
            (None, _, None) if is_known => Stage::Applied,
            (None, _, None) => Stage::NotApplicable,
        };
        EffectOf {
            recipient: recipient.clone(),
            state: stage,
            position: newest.or(applied.map(|applied| applied.through)),
            sent_at: trace.map(|trace| trace.sent_at),
            received_at: trace.and_then(|trace| trace.received_at),
            applied_at: applied.filter(|_| newest.is_none()).map(|applied| applied.at),
            deadline,
        }
    })
    .collect()
}
