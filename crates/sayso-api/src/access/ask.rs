//! From AuthZEN's words to a request, and its answer.
//!
//! Whatever cannot be understood as a name of something is a name of nothing, and is denied like
//! an unknown one: the answer must not tell who is a customer.

use std::time::Duration;

use sayso_consent::{Decision, Id, Position, Request, SubjectId};
use sayso_decision::Question;

use crate::{
    Point,
    access::form::{Action, Asker, Context, Resource},
    auth::Principal,
    limits::FRESHNESS_MS,
    problem::Problem,
};

/// A name that no catalog has: what an unreadable name becomes.
const NOTHING: &str = "-";
/// Circumstances that nothing is said of.
const NOWHERE: &Context<'static> = &Context { channel: None, at_least_as_fresh: None };

fn id_or_nothing(text: &str) -> Result<Id, Problem> {
    text.parse().or_else(|_| NOTHING.parse()).map_err(|_| Problem::bad_request("invalid_id", text))
}

/// What AuthZEN asks in its words; none of its other types of subjects is declared.
pub(crate) fn recipient<'a>(kind: &str, id: &'a str) -> &'a str {
    if kind == "recipient" { id } else { NOTHING }
}

/// A question in AuthZEN's words, but for who is meant by its resource.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'q> {
    pub(crate) recipient: &'q str,
    pub(crate) purpose: &'q str,
    pub(crate) resource: &'q Resource<'q>,
    pub(crate) context: &'q Context<'q>,
}

impl<'q> Asked<'q> {
    /// From its parts.
    pub(crate) fn new(
        subject: &'q Asker<'q>,
        action: &'q Action<'q>,
        resource: &'q Resource<'q>,
        context: Option<&'q Context<'q>>,
    ) -> Self {
        let recipient = recipient(&subject.kind, &subject.id);
        Self { recipient, purpose: &action.name, resource, context: context.unwrap_or(NOWHERE) }
    }

    /// Lets pass whoever may ask it, once this node is as fresh as it has to be.
    pub(crate) async fn admit(&self, point: &Point, principal: &Principal) -> Result<(), Problem> {
        principal.speak_for(self.recipient)?;
        be_fresh(point, self.context).await
    }

    /// The question about somebody.
    pub(crate) fn about(&self, subject: Option<SubjectId>) -> Question<'q> {
        let Self { recipient, purpose, resource, context } = *self;
        let properties = resource.properties.as_ref();
        let device = properties.and_then(|properties| properties.device.as_deref());
        let (data, channel) = (&*resource.kind, context.channel.as_deref());
        Question { subject, data, purpose, recipient, channel, device }
    }
}

/// A question with names of its own, for the rule.
pub(crate) fn request(question: &Question<'_>) -> Result<Request, Problem> {
    Ok(Request {
        subject: question.subject,
        data: id_or_nothing(question.data)?,
        purpose: id_or_nothing(question.purpose)?,
        recipient: id_or_nothing(question.recipient)?,
        channel: question.channel.map(id_or_nothing).transpose()?,
        device: question.device.map(id_or_nothing).transpose()?,
    })
}

/// Waits until this node has reached a token, for a while.
pub(crate) async fn be_fresh(point: &Point, context: &Context<'_>) -> Result<(), Problem> {
    let Some(token) = &context.at_least_as_fresh else { return Ok(()) };
    let invalid = |error| Problem::bad_request("invalid_token", error);
    let token: Position = token.parse().map_err(invalid)?;
    if point.snapshot.head() >= token {
        return Ok(());
    }
    let mut head = point.head.clone();
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
pub(crate) fn decide(point: &Point, question: &Question<'_>) -> Result<Decision, Problem> {
    let (snapshot, at) = (&point.snapshot, point.clock.at());
    // Read before the state: the state is then at least as new as the lease says.
    let term = point.term(at);
    let decision = match snapshot.answer(question, at) {
        Some(decision) => decision,
        None => snapshot.by_rule(&request(question)?, at),
    };
    let decision = term.bound(decision, at);
    point.metrics.decided(decision.reason, 1);
    Ok(decision)
}
