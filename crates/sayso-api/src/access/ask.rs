//! From AuthZEN's words to a request, and its answer.
//!
//! Whatever cannot be understood as a name of something is a name of nothing, and is denied like
//! an unknown one: the answer must not tell who is a customer.

use std::time::Duration;

use sayso_consent::{Decision, Id, Position, Request, SubjectId};

use crate::{
    App,
    access::form::{Context, Resource},
    auth::Principal,
    limits::FRESHNESS_MS,
    problem::Problem,
};

/// A name that no catalog has: what an unreadable name becomes.
const NOTHING: &str = "-";

fn id_or_nothing(text: &str) -> Result<Id, Problem> {
    text.parse().or_else(|_| NOTHING.parse()).map_err(|_| Problem::bad_request("invalid_id", text))
}

/// The recipient that asks. AuthZEN knows other types of subjects; none of them is declared.
pub(crate) fn recipient(kind: &str, id: &str) -> Result<Id, Problem> {
    id_or_nothing(if kind == "recipient" { id } else { NOTHING })
}

/// Who is meant by a subject id or `namespace:value`. A recipient's key may use the identifiers of
/// its own namespace only: it must not learn who somebody is by trying names it was never told.
pub(crate) fn person(app: &App, principal: &Principal, text: &str) -> Option<SubjectId> {
    if let Ok(subject) = text.parse::<SubjectId>() {
        return Some(subject);
    }
    if let Some(recipient) = principal.recipient() {
        let in_force = app.ledger.snapshot().look();
        let own = in_force.as_ref()?.catalog.recipients.get(recipient)?.namespace.clone()?;
        let is_own = text.split_once(':').is_some_and(|(namespace, _)| namespace == own.as_str());
        if !is_own {
            return None;
        }
    }
    app.ledger.find(text).ok().flatten()
}

/// The request that is asked.
pub(crate) fn request(
    app: &App,
    principal: &Principal,
    recipient: Id,
    purpose: &str,
    resource: &Resource<'_>,
    context: &Context<'_>,
) -> Result<Request, Problem> {
    let device = resource.properties.as_ref().and_then(|properties| properties.device.as_deref());
    Ok(Request {
        subject: person(app, principal, &resource.id),
        data: id_or_nothing(&resource.kind)?,
        purpose: id_or_nothing(purpose)?,
        recipient,
        channel: context.channel.as_deref().map(id_or_nothing).transpose()?,
        device: device.map(id_or_nothing).transpose()?,
    })
}

/// Waits until this node has reached a token, for a while.
pub(crate) async fn be_fresh(app: &App, context: &Context<'_>) -> Result<(), Problem> {
    let Some(token) = &context.at_least_as_fresh else { return Ok(()) };
    let invalid = |error| Problem::bad_request("invalid_token", error);
    let token: Position = token.parse().map_err(invalid)?;
    if app.ledger.snapshot().head() >= token {
        return Ok(());
    }
    let mut head = app.ledger.watch();
    let reached = head.wait_for(|head| *head >= token);
    let waited = tokio::time::timeout(Duration::from_millis(FRESHNESS_MS), reached).await;
    match waited {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Problem::unavailable(
            "this node has not reached the token `at_least_as_fresh`; try again",
        )),
    }
}

/// Decides, and counts.
pub(crate) fn decide(app: &App, request: &Request) -> Decision {
    let decision = app.ledger.snapshot().decide(request, app.at());
    app.metrics.decided(decision.reason);
    decision
}
