//! How far each system has come with a person's choices, as pages and the API show it.

use sayso_consent::{
    Timestamp,
    catalog::{Catalog, Nameless, Recipient},
    id::{Id, Position, SubjectId},
    sink::Sinks,
    subject::{Exception, Pending, SubjectState},
};

use crate::deliver::{
    board::{Board, Trace},
    compose::own,
};

/// How far a system has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It is about to be told.
    Pending,
    /// It was sent a message and has not taken it.
    Sent,
    /// It took the message.
    Received,
    /// It says that it applied everything.
    Applied,
    /// It was read back after that, and holds what it was told.
    Verified,
    /// It is past its deadline: its use is denied until it answers.
    Overdue,
    /// It will not apply it, and somebody accepts that. Its use is denied once it is past its
    /// deadline.
    Exception,
    /// It is not told until somebody says so.
    Parked,
    /// It may know the person under a name that is not known here, and so cannot be told.
    Unresolved,
    /// It holds no identifier of the person, so there is nothing to tell.
    NotApplicable,
}

/// What one system did.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Which.
    pub recipient: Id,
    /// How far it has come.
    pub stage: Stage,
    /// The newest entry that it has to apply, or has applied.
    pub position: Option<Position>,
    /// How the newest message fared, if it was since the start and is not applied.
    pub trace: Option<Trace>,
    /// When it had applied everything.
    pub applied_at: Option<Timestamp>,
    /// When it was read back and held that.
    pub verified_at: Option<Timestamp>,
    /// From when its use is denied if it has not answered.
    pub deadline: Option<Timestamp>,
    /// What somebody accepted.
    pub exception: Option<Exception>,
    /// Why it is not told.
    pub parked: Option<String>,
}

/// What every system that keeps permissions has done about a person.
pub fn effects(
    (catalog, sinks, board): (&Catalog, &Sinks, &Board),
    subject: SubjectId,
    state: &SubjectState,
    at: Timestamp,
) -> Vec<Effect> {
    let told = catalog.recipients.iter().filter(|(_, own)| own.effect_deadline.is_some());
    told.map(|(recipient, declared)| {
        let trace = board.trace(recipient, subject);
        effect((recipient, declared), (sinks, trace), state, at)
    })
    .collect()
}

fn effect(
    (recipient, declared): (&Id, &Recipient),
    (sinks, trace): (&Sinks, Option<Trace>),
    state: &SubjectState,
    at: Timestamp,
) -> Effect {
    let newest = own(recipient, state).max_by_key(|pending| pending.position);
    let deadline = own(recipient, state).map(|pending| pending.due).min();
    let applied = state.applied.iter().find(|applied| applied.recipient == *recipient);
    let compared = sinks.get(recipient).and_then(|sink| sink.compared);
    // Whoever was about to be told when the system was read back was not compared.
    let seen = compared.filter(|compared| match applied {
        Some(applied) => applied.at < compared.at,
        None => state.position <= compared.through,
    });
    let exception = newest.and_then(|owed| state.exception(owed, at)).cloned();
    let parked = state.parked.iter().find(|(known, _)| known == recipient);
    let parked = parked.map(|(_, reason)| reason.clone());
    let trace = trace.filter(|trace| newest.is_some_and(|owed| owed.position <= trace.position));
    let stage = match newest {
        Some(_) if exception.is_some() => Stage::Exception,
        Some(_) if deadline.is_some_and(|due| due <= at) => Stage::Overdue,
        Some(_) if parked.is_some() => Stage::Parked,
        Some(_) => under_way(trace),
        None => settled(declared, state, seen.is_some()),
    };
    let is_told = matches!(stage, Stage::Applied | Stage::Verified);
    Effect {
        recipient: recipient.clone(),
        stage,
        position: position(newest).or(applied.map(|applied| applied.through)),
        trace,
        applied_at: applied.filter(|_| is_told).map(|applied| applied.at),
        verified_at: seen.filter(|_| stage == Stage::Verified).map(|compared| compared.at),
        deadline,
        exception,
        parked,
    }
}

fn position(newest: Option<&Pending>) -> Option<Position> {
    newest.map(|pending| pending.position)
}

fn under_way(trace: Option<Trace>) -> Stage {
    match trace {
        Some(Trace { received_at: Some(_), .. }) => Stage::Received,
        Some(_) => Stage::Sent,
        None => Stage::Pending,
    }
}

/// Of a system that owes nothing.
fn settled(declared: &Recipient, state: &SubjectState, is_seen: bool) -> Stage {
    let is_known =
        declared.namespace.as_ref().is_some_and(|namespace| state.has_namespace(namespace));
    match (is_known, declared.without_identifier) {
        (true, _) if is_seen => Stage::Verified,
        (true, _) => Stage::Applied,
        (false, Nameless::Unresolved) => Stage::Unresolved,
        (false, Nameless::NotApplicable) => Stage::NotApplicable,
    }
}
