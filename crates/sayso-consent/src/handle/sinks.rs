//! How recipients are told, and what people decide about deliveries.

use super::{Draft, Facts, catalog, known, unknown};
use crate::{
    event::Event,
    id::{Id, SubjectId},
    refusal::Refusal,
    sink::{Declared, Mode, REASON_BYTES_MAX, SETTINGS_BYTES_MAX},
    subject::Pending,
    time::Timestamp,
};

fn short(what: &'static str, text: &str) -> Result<(), Refusal> {
    match text.trim() {
        "" => Err(Refusal::Nothing { what }),
        text if text.len() > REASON_BYTES_MAX => {
            Err(Refusal::TooMuch { what: "a reason or name, in bytes,", max: REASON_BYTES_MAX })
        }
        _ => Ok(()),
    }
}

pub(super) fn declare(
    facts: &impl Facts,
    recipient: Id,
    declared: Box<Declared>,
) -> Result<Vec<Draft>, Refusal> {
    if !catalog(facts)?.recipients.contains_key(&recipient) {
        return Err(unknown("recipient", &recipient));
    }
    if declared.settings.len() > SETTINGS_BYTES_MAX || declared.sealed.len() > SETTINGS_BYTES_MAX {
        return Err(Refusal::TooMuch { what: "a sink, in bytes,", max: SETTINGS_BYTES_MAX });
    }
    if facts.sink(&recipient).is_some_and(|known| known.declared == *declared) {
        return Ok(vec![Draft { subject: None, events: Vec::new() }]);
    }
    Ok(Draft::about_all(Event::SinkDeclared { recipient, declared }))
}

/// An event about a sink that there is.
pub(super) fn change(
    facts: &impl Facts,
    recipient: &Id,
    event: impl FnOnce(Id) -> Event,
) -> Result<Vec<Draft>, Refusal> {
    if facts.sink(recipient).is_none() {
        return Err(Refusal::UnknownSink { recipient: recipient.clone() });
    }
    Ok(Draft::about_all(event(recipient.clone())))
}

pub(super) fn set_mode(
    facts: &impl Facts,
    recipient: &Id,
    mode: Mode,
    reason: Option<String>,
) -> Result<Vec<Draft>, Refusal> {
    if mode != Mode::Running {
        short("reason", reason.as_deref().unwrap_or_default())?;
    }
    let reason = reason.filter(|_| mode != Mode::Running);
    let sink = facts.sink(recipient);
    if sink.is_some_and(|known| known.mode == mode && known.reason == reason) {
        return Ok(vec![Draft { subject: None, events: Vec::new() }]);
    }
    change(facts, recipient, |recipient| Event::SinkModeChanged { recipient, mode, reason })
}

pub(super) fn remove(
    facts: &impl Facts,
    recipient: &Id,
    reason: String,
) -> Result<Vec<Draft>, Refusal> {
    short("reason", &reason)?;
    change(facts, recipient, |recipient| Event::SinkRemoved { recipient, reason })
}

pub(super) fn find_drift(
    facts: &impl Facts,
    subject: SubjectId,
    recipient: Id,
) -> Result<Vec<Draft>, Refusal> {
    let state = known(facts, subject)?;
    // Who is about to be told need not be told twice.
    let is_owed = state.pending.iter().any(|owed| owed.recipient == recipient);
    let event = (!is_owed).then_some(Event::DriftFound { recipient });
    Ok(Draft::about(subject, event.into_iter().collect()))
}

pub(super) fn repeat(
    facts: &impl Facts,
    subject: SubjectId,
    recipient: Id,
) -> Result<Vec<Draft>, Refusal> {
    known(facts, subject)?;
    if !catalog(facts)?.recipients.contains_key(&recipient) {
        return Err(unknown("recipient", &recipient));
    }
    Ok(Draft::about(subject, vec![Event::DeliveryRepeated { recipient }]))
}

pub(super) fn park(
    facts: &impl Facts,
    subject: SubjectId,
    recipient: Id,
    reason: Option<String>,
) -> Result<Vec<Draft>, Refusal> {
    let state = known(facts, subject)?;
    if let Some(reason) = &reason {
        short("reason", reason)?;
        if !catalog(facts)?.recipients.contains_key(&recipient) {
            return Err(unknown("recipient", &recipient));
        }
    }
    let before = state.parked.iter().find(|(known, _)| *known == recipient);
    let is_new = before.map(|(_, reason)| reason) != reason.as_ref();
    let event = is_new.then_some(Event::DeliveryParked { recipient, reason });
    Ok(Draft::about(subject, event.into_iter().collect()))
}

/// What somebody accepts.
pub(super) struct Wish {
    pub(super) recipient: Id,
    pub(super) until: Timestamp,
    pub(super) reason: String,
    pub(super) operator: String,
}

pub(super) fn accept_exception(
    facts: &impl Facts,
    subject: SubjectId,
    wish: Wish,
    at: Timestamp,
) -> Result<Vec<Draft>, Refusal> {
    let state = known(facts, subject)?;
    let Wish { recipient, until, reason, operator } = wish;
    short("reason", &reason)?;
    short("operator", &operator)?;
    if until <= at {
        return Err(Refusal::EndsInThePast);
    }
    if !state.pending.iter().any(|owed| owed.recipient == recipient) {
        return Err(Refusal::NothingOwed { recipient });
    }
    let is_done =
        |owed: &Pending| owed.recipient == recipient || state.exception(owed, at).is_some();
    let is_last = state.is_leaving && state.pending.iter().all(is_done);
    let mut events = vec![Event::ExceptionAccepted { recipient, until, reason, operator }];
    // Nothing is left to wait for: what the system keeps is on its operator, by name.
    if is_last {
        events.push(Event::SubjectErased);
    }
    Ok(Draft::about(subject, events))
}
