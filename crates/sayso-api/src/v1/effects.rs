//! `POST /v1/effects`: a downstream system reports what it did.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{
    Command, Id, Position, SubjectId, Timestamp,
    event::{EffectReport, Grade},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{App, access::ask, auth::Principal, body::Body, limits::EFFECTS_MAX, problem::Problem};

/// How far a system has come with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(rename_all = "snake_case")]
pub(crate) enum Said {
    /// It has the message. Taking it with a 2xx says the same.
    Received,
    /// It has changed its own data, through the message's position.
    Applied,
}

/// What a system did about one person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EffectBody {
    /// The person, by an identifier of the message or by subject id.
    #[schema(example = "email:ana@example.org")]
    identifier: String,
    /// The `position` of the message.
    #[schema(value_type = String, example = "0-17")]
    position: Position,
    /// How far it has come.
    state: Said,
    /// When it changed its data.
    #[schema(value_type = Option<String>, format = DateTime)]
    applied_at: Option<Timestamp>,
    /// What it did, at most 64 bytes, without personal data.
    #[schema(example = "1 row")]
    detail: Option<String>,
}

/// What a system did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EffectsBody {
    /// Which system; a key that is bound to one need not say.
    #[schema(value_type = Option<String>)]
    recipient: Option<Id>,
    /// At most 1,000.
    effects: Vec<EffectBody>,
}

/// What became of each report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Results {
    /// In the order of the reports.
    results: Vec<ResultOf>,
}

/// What became of one report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResultOf {
    /// `recorded`, `known` or the code of a refusal.
    status: String,
    /// Where it stands on the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    position: Option<Position>,
}

/// Longest detail, in bytes.
const DETAIL_BYTES_MAX: usize = 64;

/// A downstream system reports what it did. Each report is taken alone; repeating one is
/// harmless. Reports about people who are not known are refused one by one, not as a whole.
#[utoipa::path(post, path = "/v1/effects", operation_id = "report_effects", tag = "effects", request_body = EffectsBody,
    responses(
        (status = 200, description = "What became of each.", body = Results),
        (status = 400, description = "The request is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
        (status = 413, description = "Too many at once.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Body(body, _): Body<EffectsBody>,
) -> Result<Json<Results>, Problem> {
    principal.require(Grade::Report)?;
    let missing = || Problem::bad_request("invalid_body", "missing field `recipient`");
    let recipient =
        body.recipient.or_else(|| principal.recipient().cloned()).ok_or_else(missing)?;
    principal.speak_for(recipient.as_str())?;
    if body.effects.len() > EFFECTS_MAX {
        let status = axum::http::StatusCode::PAYLOAD_TOO_LARGE;
        let detail = format!("at most {EFFECTS_MAX} at once");
        return Err(Problem::new(status, "too_many", "too many effects").detail(detail));
    }
    let mut commands = Vec::new();
    let mut places = Vec::new();
    for effect in body.effects {
        let place = command(&app, &principal, &recipient, effect)?.map(|(subject, command)| {
            commands.push(command);
            subject
        });
        places.push(place);
    }
    let outcomes = match commands.is_empty() {
        true => Vec::new(),
        false => app.ledger.submit(commands, principal.id(), None).await?,
    };
    let mut outcomes = outcomes.into_iter();
    let result = |place: Option<SubjectId>| match place
        .and_then(|subject| Some((subject, outcomes.next()?)))
    {
        None => ResultOf { status: "received".into(), position: None },
        Some((subject, Ok(written))) => {
            app.board.forget(&recipient, subject);
            let status = if written.is_new { "recorded" } else { "known" };
            ResultOf { status: status.into(), position: Some(written.position) }
        }
        Some((_, Err(refused))) => ResultOf { status: refused.code, position: None },
    };
    Ok(Json(Results { results: places.into_iter().map(result).collect() }))
}

/// The command of a report; none if it says no more than that the message arrived.
fn command(
    app: &App,
    principal: &Principal,
    recipient: &Id,
    effect: EffectBody,
) -> Result<Option<(SubjectId, Command)>, Problem> {
    if effect.detail.as_ref().is_some_and(|detail| detail.len() > DETAIL_BYTES_MAX) {
        let detail = format!("`detail` is at most {DETAIL_BYTES_MAX} bytes");
        return Err(Problem::bad_request("invalid_body", detail));
    }
    if effect.state == Said::Received {
        return Ok(None);
    }
    // Nobody has the id 0: a report about somebody unknown is refused like one about them.
    let subject = ask::person(app, principal, &effect.identifier).unwrap_or(SubjectId(0));
    let trace =
        app.board.trace(recipient, subject).filter(|trace| trace.position <= effect.position);
    let report = EffectReport {
        recipient: recipient.clone(),
        through: effect.position,
        applied_at: effect.applied_at,
        sent_at: trace.map(|trace| trace.sent_at),
        received_at: trace.and_then(|trace| trace.received_at),
        detail: effect.detail,
    };
    Ok(Some((subject, Command::ReportEffect { subject, report })))
}
