//! `GET /v1/sinks`: how recipients are told now.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{
    Id, Position, Timestamp,
    event::Grade,
    sink::{Compared, Mode, SinkState},
};
use sayso_ledger::deliver::Standing;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{App, auth::Principal, problem::Problem};

/// How one recipient is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SinkBody {
    #[schema(value_type = String)]
    recipient: Id,
    /// Which kind of sink.
    kind: String,
    /// What may be shown of it.
    #[schema(value_type = Object)]
    settings: Value,
    /// The names of what may not.
    secrets: Vec<String>,
    /// How often the canary is changed and the system read back, in seconds.
    watch_seconds: u32,
    /// The name of the canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    canary: Option<String>,
    /// `running`; `paused`: only what takes something away is sent; `killed`: and nothing else is done.
    #[schema(value_type = String)]
    mode: Mode,
    /// Why it is not running.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Where it was first declared.
    #[schema(value_type = String)]
    since: Position,
    /// How far everybody has been told again, while that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    backfill: Option<BackfillBody>,
    /// What was seen when the system was last read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<ComparedBody>,
    /// Why it could not be read back, if it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reading_failure: Option<String>,
    /// What became of the canary's newest change.
    canary_state: CanaryBody,
}

/// How far everybody has been told again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BackfillBody {
    done: usize,
    total: usize,
}

/// What was seen when a system was read back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComparedBody {
    /// It holds what the ledger said here, but for those who drifted.
    #[schema(value_type = String)]
    through: Position,
    #[schema(value_type = String)]
    at: Timestamp,
    people: u64,
    drifted: u64,
}

impl From<Compared> for ComparedBody {
    fn from(compared: Compared) -> Self {
        let Compared { through, at, people, drifted } = compared;
        Self { through, at, people, drifted }
    }
}

/// What became of a canary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CanaryBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    changed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    applied_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    verified_at: Option<Timestamp>,
    /// From the newest change that was seen until it was, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<i64>,
    /// The newest change was not seen in its time: the connector is broken.
    is_lost: bool,
}

/// How recipients are told now.
#[utoipa::path(get, path = "/v1/sinks", operation_id = "list_sinks", tag = "sinks",
    responses(
        (status = 200, description = "The sinks.", body = Vec<SinkBody>),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<Json<Vec<SinkBody>>, Problem> {
    principal.require(Grade::Administer)?;
    let sinks = app.ledger.snapshot().sinks();
    let body = |(recipient, sink): (&Id, &SinkState)| {
        body(&app, recipient, sink, app.board.standing(recipient))
    };
    Ok(Json(sinks.iter().map(body).collect()))
}

fn body(app: &App, recipient: &Id, sink: &SinkState, standing: Standing) -> SinkBody {
    let declared = &sink.declared;
    let secrets = app.ledger.secrets().open_sink(recipient, &declared.sealed);
    let canary = standing.canary;
    SinkBody {
        recipient: recipient.clone(),
        kind: declared.kind.clone(),
        settings: serde_json::from_str(&declared.settings).unwrap_or_default(),
        secrets: secrets.map(|secrets| secrets.into_keys().collect()).unwrap_or_default(),
        watch_seconds: declared.watch_seconds,
        canary: declared.canary.clone(),
        mode: sink.mode,
        reason: sink.reason.clone(),
        since: sink.since,
        backfill: standing
            .backfill
            .map(|backfill| BackfillBody { done: backfill.done, total: backfill.total }),
        compared: sink.compared.map(Into::into),
        reading_failure: standing.reading.failure,
        canary_state: CanaryBody {
            changed_at: canary.changed_at,
            applied_at: canary.applied_at,
            verified_at: canary.verified_at,
            took_ms: canary.took_ms,
            is_lost: canary.is_lost,
        },
    }
}
