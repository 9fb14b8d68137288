//! `POST /v1/effects`: a downstream system reports what it did.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{
    Command, Id, Position, SubjectId, Timestamp,
    event::{EffectReport, Grade},
    id::Lookup,
};
use sayso_ledger::{Written, writer::Refused};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, access::finder::Finder, auth::Principal, body::Body, limits::EFFECTS_MAX,
    problem::Problem, v1::write,
};

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
    /// The person, by an identifier of the message or by subject id. One that is theirs no longer
    /// says that what was held under it is deleted.
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
    /// `recorded`; `received` for a message that only arrived; `known` if there was nothing left to
    /// apply; or the code of a refusal. A key that is bound to a recipient reads `nothing_owed` for
    /// the last two, whoever it names.
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
    let mut counts = Vec::new();
    for effect in body.effects {
        let own = self::commands(&app, &principal, &recipient, effect)?;
        counts.push(own.len());
        commands.extend(own);
    }
    let subjects: Vec<SubjectId> = commands.iter().filter_map(subject_of).collect();
    let outcomes = match commands.is_empty() {
        true => Vec::new(),
        false => app.ledger.submit(commands, principal.id(), None).await?,
    };
    let mut told = subjects.into_iter().zip(outcomes);
    let result = |count: usize| {
        let outcomes = told.by_ref().take(count).map(|(subject, outcome)| {
            if outcome.is_ok() {
                app.board.applied(&recipient, subject, app.at());
            }
            outcome
        });
        ResultOf::new(&outcomes.collect::<Vec<_>>(), principal.is_bound())
    };
    Ok(Json(Results { results: counts.into_iter().map(result).collect() }))
}

impl ResultOf {
    /// What became of the commands of one report: what was recorded, else what the first says.
    fn new(outcomes: &[Result<Written, Refused>], is_bound: bool) -> Self {
        let status = |status: &str| Self { status: status.into(), position: None };
        let recorded = outcomes
            .iter()
            .flatten()
            .find(|written| written.is_new)
            .map(|written| written.position);
        match (recorded, outcomes.first()) {
            (Some(_), _) => Self { position: recorded, ..status("recorded") },
            (None, None) => status("received"),
            // A system that tries names it was never told must not learn who is known by them.
            (None, Some(_)) if is_bound => status("nothing_owed"),
            (None, Some(Ok(known))) => Self { position: Some(known.position), ..status("known") },
            (None, Some(Err(refused))) => status(&refused.code),
        }
    }
}

fn subject_of(command: &Command) -> Option<SubjectId> {
    match command {
        Command::ReportEffect { subject, .. } => Some(*subject),
        _ => None,
    }
}

/// The commands of a report, all of them [`Command::ReportEffect`]; none if it says no more than
/// that the message arrived.
fn commands(
    app: &App,
    principal: &Principal,
    recipient: &Id,
    effect: EffectBody,
) -> Result<Vec<Command>, Problem> {
    if effect.detail.as_ref().is_some_and(|detail| detail.len() > DETAIL_BYTES_MAX) {
        let detail = format!("`detail` is at most {DETAIL_BYTES_MAX} bytes");
        return Err(Problem::bad_request("invalid_body", detail));
    }
    if effect.state == Said::Received {
        return Ok(Vec::new());
    }
    let (snapshot, key) = (app.ledger.snapshot(), app.ledger.secrets().lookup_key());
    let person = Finder::new(snapshot, key, principal).find(&effect.identifier);
    let report = EffectReport {
        recipient: recipient.clone(),
        through: effect.position,
        applied_at: effect.applied_at,
        sent_at: None,
        received_at: None,
        detail: effect.detail,
        former: None,
    };
    let former = forgotten(app, recipient, &effect.identifier, person, effect.position);
    let former: Vec<Command> = former
        .into_iter()
        .map(|(subject, former, through)| {
            let report = EffectReport { through, former: Some(former), ..report.clone() };
            Command::ReportEffect { subject, report }
        })
        .collect();
    let mut commands = Vec::new();
    if person.is_some() || former.is_empty() {
        // Nobody has the id 0: a report about somebody unknown is refused like one about them.
        let subject = person.unwrap_or(SubjectId(0));
        let trace = app.board.trace(recipient, subject);
        let trace = trace.filter(|trace| trace.position <= report.through);
        let (sent_at, received_at) =
            (trace.map(|trace| trace.sent_at), trace.and_then(|trace| trace.received_at));
        let report = EffectReport { sent_at, received_at, ..report };
        commands.push(Command::ReportEffect { subject, report });
    }
    commands.extend(former);
    Ok(commands)
}

/// The names that a report says were forgotten: the name it gives, whosever it is by now, or with
/// a subject id every former name of that person. Whose, which, and through which entry.
fn forgotten(
    app: &App,
    recipient: &Id,
    text: &str,
    person: Option<SubjectId>,
    through: Position,
) -> Vec<(SubjectId, Lookup, Position)> {
    let is_reached = |position: &Position| *position <= through;
    if let Ok(subject) = text.parse::<SubjectId>() {
        let state = person.and_then(|_| app.ledger.snapshot().subject(subject));
        let own = state.iter().flat_map(|state| &state.pending);
        let own = own.filter(|owed| owed.recipient == *recipient && is_reached(&owed.position));
        return own
            .filter_map(|owed| Some((subject, owed.former_lookup()?, owed.position)))
            .collect();
    }
    let Ok(identifier) = write::identifier(app, text) else { return Vec::new() };
    let owing = app.ledger.formerly(&identifier.lookup, recipient).into_iter();
    let reached = owing.filter(|(_, position)| is_reached(position));
    reached.map(|(subject, position)| (subject, identifier.lookup, position)).collect()
}
