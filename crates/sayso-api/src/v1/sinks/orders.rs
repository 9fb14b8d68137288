//! What operators order: what is sent, to whom again, what is left out, and what is accepted.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Command, Position, SubjectId, Timestamp, event::Grade, sink::Mode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::declare::parse;
use crate::{
    App, access::finder::Finder, address::Path, auth::Principal, body::Body, dto::WrittenBody,
    problem::Problem, v1::write,
};

fn person(app: &App, principal: &Principal, text: &str) -> Result<SubjectId, Problem> {
    let (snapshot, key) = (app.ledger.snapshot(), app.ledger.secrets().lookup_key());
    Finder::new(snapshot, key, principal).find(text).ok_or_else(Problem::not_found)
}

async fn order(
    app: &App,
    principal: &Principal,
    command: Command,
) -> Result<Json<WrittenBody>, Problem> {
    Ok(Json(write::submit(app, principal, None, command).await?.into()))
}

/// What a recipient is to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModeBody {
    /// `running`: everything. `paused`: only what takes something away. `killed`: only that, and the
    /// system is not read back either.
    #[schema(value_type = String, example = "paused")]
    mode: Mode,
    /// Why, unless it is `running`.
    reason: Option<String>,
}

/// Pauses a sink, kills it, or lets it run. Whatever takes something away is sent all the same.
#[utoipa::path(post, path = "/v1/sinks/{recipient}/mode", operation_id = "set_sink_mode", tag = "sinks",
    params(("recipient" = String, Path, description = "Who is told.")), request_body = ModeBody,
    responses(
        (status = 200, description = "Recorded.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 422, description = "It has no sink, or the reason is missing.", body = Problem),
    ))]
pub(crate) async fn mode(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
    Body(body, _): Body<ModeBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    let (recipient, ModeBody { mode, reason }) = (parse(&recipient)?, body);
    order(&app, &principal, Command::SetSinkMode { recipient, mode, reason }).await
}

/// Whom to tell again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayBody {
    /// One person, by identifier or subject id.
    subject: Option<String>,
    /// Everybody who changed after this entry; everybody, unless said.
    #[schema(value_type = Option<String>, example = "0-17")]
    after: Option<Position>,
}

/// Tells a recipient again: about one person, or everybody who changed after an entry.
#[utoipa::path(post, path = "/v1/sinks/{recipient}/replay", operation_id = "replay_sink", tag = "sinks",
    params(("recipient" = String, Path, description = "Who is told.")), request_body = ReplayBody,
    responses(
        (status = 200, description = "Recorded; it goes on behind the answer.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody is known by that.", body = Problem),
        (status = 422, description = "It has no sink.", body = Problem),
    ))]
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
    Body(body, _): Body<ReplayBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    let recipient = parse(&recipient)?;
    let command = match body.subject {
        Some(subject) => {
            let subject = person(&app, &principal, &subject)?;
            Command::RepeatDelivery { subject, recipient }
        }
        None => Command::ReplaySink { recipient, after: body.after.unwrap_or_default() },
    };
    order(&app, &principal, command).await
}

/// About whom nothing is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParkBody {
    /// By identifier or subject id.
    subject: String,
    /// Why; none: it is sent again.
    reason: Option<String>,
}

/// Sends a recipient nothing about a person until it is said again without a reason. What it owes runs
/// late meanwhile, and is denied.
#[utoipa::path(post, path = "/v1/sinks/{recipient}/park", operation_id = "park_delivery", tag = "sinks",
    params(("recipient" = String, Path, description = "Who is told.")), request_body = ParkBody,
    responses(
        (status = 200, description = "Recorded.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody is known by that.", body = Problem),
    ))]
pub(crate) async fn park(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
    Body(body, _): Body<ParkBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    let recipient = parse(&recipient)?;
    let subject = person(&app, &principal, &body.subject)?;
    let reason = body.reason;
    order(&app, &principal, Command::ParkDelivery { subject, recipient, reason }).await
}

/// What somebody accepts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptBody {
    /// About whom, by identifier or subject id.
    subject: String,
    /// Who accepts it, by name.
    operator: String,
    /// Why.
    reason: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// Accepts, by name and until a moment, that a system will not apply what it owes about a person. Its
/// use of the data stays denied once it is late; an erasure no longer waits for it.
#[utoipa::path(post, path = "/v1/sinks/{recipient}/exceptions", operation_id = "accept_exception", tag = "sinks",
    params(("recipient" = String, Path, description = "Which system.")), request_body = AcceptBody,
    responses(
        (status = 200, description = "Recorded.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 404, description = "Nobody is known by that.", body = Problem),
        (status = 422, description = "It owes nothing, or the end has passed.", body = Problem),
    ))]
pub(crate) async fn except(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
    Body(body, _): Body<AcceptBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    let recipient = parse(&recipient)?;
    let subject = person(&app, &principal, &body.subject)?;
    let AcceptBody { operator, reason, until, .. } = body;
    let command = Command::AcceptException { subject, recipient, until, reason, operator };
    order(&app, &principal, command).await
}

/// Why it is told no longer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveBody {
    /// Why.
    reason: String,
}

/// Tells a recipient no longer. What it owes runs late, and its use is denied.
#[utoipa::path(delete, path = "/v1/sinks/{recipient}", operation_id = "remove_sink", tag = "sinks",
    params(("recipient" = String, Path, description = "Who is told.")), request_body = RemoveBody,
    responses(
        (status = 200, description = "Removed.", body = WrittenBody),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 422, description = "It has no sink, or the reason is missing.", body = Problem),
    ))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    principal: Principal,
    Path(recipient): Path<String>,
    Body(body, _): Body<RemoveBody>,
) -> Result<Json<WrittenBody>, Problem> {
    principal.require(Grade::Administer)?;
    let (recipient, reason) = (parse(&recipient)?, body.reason);
    order(&app, &principal, Command::RemoveSink { recipient, reason }).await
}
