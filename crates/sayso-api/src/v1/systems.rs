//! `GET /v1/systems`: how each downstream system stands.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Id, Position, SubjectId, Timestamp, event::Grade};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, auth::Principal, problem::Problem};

/// How one system stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct System {
    #[schema(value_type = String)]
    recipient: Id,
    /// Whether it has a sink, and so is told.
    is_connected: bool,
    /// Everything up to here was delivered.
    #[schema(value_type = String)]
    cursor: Position,
    /// People about whom it has something to take.
    waiting: usize,
    /// People about whom it has something to apply.
    unapplied: usize,
    /// People for whom its use is denied because it is late.
    overdue: usize,
    /// Messages delivered since the start.
    delivered: u64,
    /// Tries that failed since the start.
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    failing_since: Option<Timestamp>,
    /// The class of the newest failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
    /// What it refused.
    parked: Vec<ParkedBody>,
}

/// A message that a system refused. It is tried again from time to time and on news.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParkedBody {
    #[schema(value_type = String)]
    subject: SubjectId,
    #[schema(value_type = String)]
    position: Position,
    why: String,
    #[schema(value_type = String)]
    since: Timestamp,
}

/// How each downstream system that keeps permissions stands.
#[utoipa::path(get, path = "/v1/systems", operation_id = "list_systems", tag = "effects",
    responses(
        (status = 200, description = "The systems.", body = Vec<System>),
        (status = 401, description = "No valid key.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Vec<System>>, Problem> {
    principal.require(Grade::Administer)?;
    let in_force = app.ledger.snapshot().in_force();
    let declared = in_force.iter().flat_map(|now| &now.catalog.recipients);
    let told = declared.filter(|(_, recipient)| recipient.effect_deadline.is_some());
    let mut standings: std::collections::BTreeMap<_, _> =
        app.board.standings().into_iter().collect();
    let system = |(recipient, _): (&Id, _)| {
        let standing = standings.remove(recipient).unwrap_or_default();
        let parked = standing.parked.into_iter().map(|parked| ParkedBody {
            subject: parked.subject,
            position: parked.position,
            why: parked.why,
            since: parked.since,
        });
        System {
            recipient: recipient.clone(),
            is_connected: standing.is_connected,
            cursor: standing.cursor,
            waiting: standing.waiting,
            unapplied: standing.unapplied,
            overdue: standing.overdue,
            delivered: standing.delivered,
            failed: standing.failed,
            failing_since: standing.failing_since,
            last_failure: standing.last_failure,
            parked: parked.collect(),
        }
    };
    Ok(Json(told.map(system).collect()))
}
