//! (facts, command, at) → entries or refusal. Pure: the write lane's rules, all of them.

mod devices;
mod people;
mod sinks;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    catalog::{Catalog, InForce},
    choice::{Actor, Authority, Choice, EVIDENCE_BYTES_MAX, Effect, Evidence, Method, NoticeRef},
    command::{CHOICES_MAX, Command, GRANTS_MAX},
    event::{EffectReport, Event, Grade, Key},
    id::{Id, Lookup, Position, SubjectId},
    refusal::Refusal,
    scope::Scope,
    sink::SinkState,
    subject::{Held, Pending, SubjectState},
    time::Timestamp,
};

/// What a command is decided on: the state at the head of the ledger.
pub trait Facts {
    /// The catalog in force.
    fn in_force(&self) -> Option<&InForce>;
    /// What is known about a person.
    fn subject(&self, subject: SubjectId) -> Option<Arc<SubjectState>>;
    /// Whose identifier a digest is.
    fn owner(&self, lookup: &Lookup) -> Option<SubjectId>;
    /// Whose a device is.
    fn device_owner(&self, device: &Id) -> Option<SubjectId>;
    /// Whether a key is known and not withdrawn.
    fn has_key(&self, id: &str) -> bool;
    /// How a recipient is told.
    fn sink(&self, recipient: &Id) -> Option<SinkState>;
}

/// What is to be recorded about one subject, or about the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// What happens. Empty: nothing new, the command said what is recorded already.
    pub events: Vec<Event>,
}

impl Draft {
    fn about(subject: SubjectId, events: Vec<Event>) -> Vec<Self> {
        vec![Self { subject: Some(subject), events }]
    }

    fn about_all(event: Event) -> Vec<Self> {
        vec![Self { subject: None, events: vec![event] }]
    }
}

/// Decides a command. The first draft is the one that the command is about; drafts without
/// events are not recorded.
pub fn handle(facts: &impl Facts, command: Command, at: Timestamp) -> Result<Vec<Draft>, Refusal> {
    match command {
        Command::ApplyCatalog { catalog } => apply_catalog(facts, catalog),
        Command::CreateSubject { subject, identifiers, is_active, minor_until, choices } => {
            people::create(facts, subject, identifiers, is_active, minor_until, choices)
        }
        Command::Import { fresh, identifiers, is_active, minor_until, choices } => {
            people::import(facts, fresh, identifiers, is_active, minor_until, choices)
        }
        Command::AddIdentifier { subject, identifier } => {
            people::add_identifier(facts, subject, identifier)
        }
        Command::RemoveIdentifier { subject, namespace, lookup } => {
            people::remove_identifier(facts, subject, namespace, lookup)
        }
        Command::Choose { subject, choices, authority } => {
            choose(facts, subject, choices, authority)
        }
        Command::SetRelationship { subject, is_active } => {
            people::set_relationship(facts, subject, is_active)
        }
        Command::SetRestriction { subject, is_restricted } => {
            people::set_restriction(facts, subject, is_restricted)
        }
        Command::SetMinority { subject, minor_until } => {
            people::set_minority(facts, subject, minor_until)
        }
        Command::SetGuardian { subject, guardian, is_guardian } => {
            set_guardian(facts, subject, guardian, is_guardian)
        }
        Command::AcquireDevice { subject, device, from } => {
            devices::acquire(facts, subject, &device, from)
        }
        Command::PutDevice { subject, device, from, members } => {
            devices::put(facts, subject, device, from, members)
        }
        Command::SetHousehold { subject, device, members } => {
            devices::share(facts, subject, device, members)
        }
        Command::ReportEffect { subject, report } => report_effect(facts, subject, &report, at),
        Command::FindDrift { subject, recipient } => sinks::find_drift(facts, subject, recipient),
        Command::AcceptException { subject, recipient, until, reason, operator } => {
            let wish = sinks::Wish { recipient, until, reason, operator };
            sinks::accept_exception(facts, subject, wish, at)
        }
        Command::ParkDelivery { subject, recipient, reason } => {
            sinks::park(facts, subject, recipient, reason)
        }
        Command::RepeatDelivery { subject, recipient } => sinks::repeat(facts, subject, recipient),
        Command::DeclareSink { recipient, declared } => sinks::declare(facts, recipient, declared),
        Command::SetSinkMode { recipient, mode, reason } => {
            sinks::set_mode(facts, &recipient, mode, reason)
        }
        Command::ReplaySink { recipient, after } => {
            sinks::change(facts, &recipient, |recipient| Event::SinkReplayed { recipient, after })
        }
        Command::NoteCompared { recipient, compared } => {
            sinks::change(facts, &recipient, |recipient| Event::SinkCompared {
                recipient,
                compared,
            })
        }
        Command::RemoveSink { recipient, reason } => sinks::remove(facts, &recipient, reason),
        Command::Erase { subject, at_once } => erase(facts, subject, at_once),
        Command::Replay { subject, denials, is_erased } => {
            replay(facts, subject, denials, is_erased, at)
        }
        Command::CreateKey { key } => create_key(facts, key),
        Command::RevokeKey { id } => revoke_key(facts, id),
        Command::NoteRestore { from } => Ok(Draft::about_all(Event::LedgerRestored { from })),
    }
}

fn revoke_key(facts: &impl Facts, id: String) -> Result<Vec<Draft>, Refusal> {
    let is_known = facts.has_key(&id);
    is_known.then(|| Draft::about_all(Event::KeyRevoked { id })).ok_or(Refusal::UnknownKey)
}

fn change(subject: SubjectId, is_new: bool, event: Event) -> Result<Vec<Draft>, Refusal> {
    Ok(Draft::about(subject, is_new.then_some(event).into_iter().collect()))
}

fn catalog(facts: &impl Facts) -> Result<&Catalog, Refusal> {
    facts.in_force().map(|in_force| &*in_force.catalog).ok_or(Refusal::NoCatalog)
}

fn known(facts: &impl Facts, subject: SubjectId) -> Result<Arc<SubjectState>, Refusal> {
    facts.subject(subject).ok_or(Refusal::UnknownSubject)
}

/// A person who is known and not on the way out.
fn staying(facts: &impl Facts, subject: SubjectId) -> Result<Arc<SubjectState>, Refusal> {
    let state = known(facts, subject)?;
    if state.is_leaving { Err(Refusal::Leaving) } else { Ok(state) }
}

fn apply_catalog(facts: &impl Facts, catalog: Box<Catalog>) -> Result<Vec<Draft>, Refusal> {
    let is_same = facts.in_force().is_some_and(|before| *before.catalog == *catalog);
    if is_same {
        return Ok(vec![Draft { subject: None, events: Vec::new() }]);
    }
    Ok(Draft::about_all(Event::CatalogApplied { catalog }))
}

fn unknown(kind: &'static str, id: &Id) -> Refusal {
    Refusal::UnknownNode { kind, id: id.clone() }
}

fn choose(
    facts: &impl Facts,
    subject: SubjectId,
    choices: Vec<Choice>,
    authority: Authority,
) -> Result<Vec<Draft>, Refusal> {
    let state = known(facts, subject)?;
    if choices.is_empty() {
        return Err(Refusal::Nothing { what: "choice" });
    }
    if state.is_leaving && choices.iter().any(|choice| choice.effect == Effect::Grant) {
        return Err(Refusal::Leaving);
    }
    Ok(Draft::about(subject, new_choices(facts, &state, choices, authority)?))
}

fn new_choices(
    facts: &impl Facts,
    state: &SubjectState,
    choices: Vec<Choice>,
    authority: Authority,
) -> Result<Vec<Event>, Refusal> {
    if choices.len() > CHOICES_MAX {
        return Err(Refusal::TooMuch { what: "choices in one command", max: CHOICES_MAX });
    }
    let mut events: Vec<Event> = Vec::new();
    for choice in choices {
        let choice = admit(facts, state, choice, authority)?;
        let is_repeated_here = events.contains(&Event::ChoiceRecorded(choice.clone()));
        // A choice earlier in the same command may have changed what this one repeats.
        let says_nothing_new =
            events.is_empty() && says_nothing_new(facts.in_force(), state, &choice);
        if !is_repeated_here && !says_nothing_new && !is_repeated_signal(state, &choice) {
            if choice.effect == Effect::Grant && !has_room(state, &events, &choice) {
                return Err(Refusal::TooManyGrants { max: GRANTS_MAX });
            }
            events.push(Event::ChoiceRecorded(choice));
        }
    }
    Ok(events)
}

/// Whether a grant can be held beside the others, of which it may replace some.
fn has_room(state: &SubjectState, events: &[Event], grant: &Choice) -> bool {
    let held = Held::new(grant, Position::START);
    let stays = |other: &&Held| other.effect == Effect::Grant && !held.outdoes(other);
    let is_grant = |event: &&Event| matches!(event, Event::ChoiceRecorded(choice) if choice.effect == Effect::Grant);
    let others = state.choices.iter().filter(stays).count();
    others + events.iter().filter(is_grant).count() < GRANTS_MAX
}

/// Checks one choice and brings it into its recorded form.
fn admit(
    facts: &impl Facts,
    state: &SubjectState,
    mut choice: Choice,
    authority: Authority,
) -> Result<Choice, Refusal> {
    let catalog = catalog(facts)?;
    check_scope(catalog, state, &choice.scope)?;
    check_evidence(&choice)?;
    if choice.method.is_standing() {
        choice.actor = Actor::Signal;
    }
    if choice.effect == Effect::Denial {
        // A no is never refused for its circumstances, and holds until the person grants again:
        // an end would let the use begin again without the person.
        choice.not_before = None;
        choice.until = None;
        return Ok(choice);
    }
    check_grant(state, &choice, authority)?;
    if let Some(notice) = &choice.notice {
        check_notice(catalog, notice)?;
    } else if choice.actor == Actor::Import {
        return Err(Refusal::NoticeRequired);
    }
    Ok(choice)
}

fn check_grant(state: &SubjectState, choice: &Choice, authority: Authority) -> Result<(), Refusal> {
    if authority == Authority::Weak {
        return Err(Refusal::WeakAuthority);
    }
    match &choice.actor {
        Actor::Signal => return Err(Refusal::SignalMayOnlyDeny),
        Actor::Guardian { subject } if !state.guardians.contains(subject) => {
            return Err(Refusal::NotGuardian { guardian: *subject });
        }
        _ => {}
    }
    match (choice.not_before, choice.until) {
        (Some(from), Some(until)) if until <= from => Err(Refusal::EmptyWindow),
        _ => Ok(()),
    }
}

fn check_scope(catalog: &Catalog, state: &SubjectState, scope: &Scope) -> Result<(), Refusal> {
    let check = |kind: &'static str, id: &Option<Id>, is_known: &dyn Fn(&Id) -> bool| match id {
        Some(id) if !is_known(id) => Err(unknown(kind, id)),
        _ => Ok(()),
    };
    check("purpose", &scope.purpose, &|id| catalog.purposes.contains_key(id))?;
    check("data", &scope.data, &|id| catalog.data.contains_key(id))?;
    check("recipient", &scope.recipient, &|id| catalog.recipients.contains_key(id))?;
    check("channel", &scope.channel, &|id| catalog.channels.contains_key(id))?;
    match &scope.device {
        Some(device) if device.is_device() && state.device(device).is_none() => {
            Err(Refusal::UnknownDevice)
        }
        Some(device) if !device.is_device() && !catalog.device_types.contains_key(device) => {
            Err(unknown("device type", device))
        }
        _ => Ok(()),
    }
}

fn check_evidence(choice: &Choice) -> Result<(), Refusal> {
    let reference = choice.evidence.as_ref().and_then(|evidence| evidence.reference.as_deref());
    let agent = if let Actor::Agent { id } = &choice.actor { Some(id.as_str()) } else { None };
    let is_long = |text: Option<&str>| text.is_some_and(|text| text.len() > EVIDENCE_BYTES_MAX);
    if is_long(reference) || is_long(agent) {
        return Err(Refusal::TooMuch { what: "a reference, in bytes,", max: EVIDENCE_BYTES_MAX });
    }
    Ok(())
}

fn check_notice(catalog: &Catalog, notice: &NoticeRef) -> Result<(), Refusal> {
    let versions = catalog.notices.get(&notice.id).ok_or_else(|| unknown("notice", &notice.id))?;
    if versions.iter().any(|known| known.version == notice.version) {
        return Ok(());
    }
    Err(Refusal::UnknownNoticeVersion { id: notice.id.clone(), version: notice.version })
}

/// Whether the newest choice that meets this one's scope says the very same. A yes that states no
/// text is a yes to the text of the day, so it is the same only under the same catalog.
fn says_nothing_new(in_force: Option<&InForce>, state: &SubjectState, choice: &Choice) -> bool {
    let held = Held::new(choice, Position::START);
    let meets =
        |other: &&Held| other.is_import == held.is_import && other.scope.overlaps(&held.scope);
    let newest = state.choices.iter().filter(meets).max_by_key(|other| other.position);
    let Some(newest) = newest else { return false };
    if (Held { position: held.position, ..newest.clone() }) != held {
        return false;
    }
    let is_contradicted =
        |other: &Held| other.position == newest.position && other.effect != held.effect;
    let is_under_this_catalog = || in_force.is_some_and(|now| newest.position > now.position);
    // A device that came second-hand starts with nothing allowed, so a yes from before is no yes.
    let is_from_before =
        || state.devices.iter().any(|link| link.nothing_before >= Some(newest.position));
    choice.effect == Effect::Denial
        || (!state.choices.iter().any(is_contradicted)
            && !is_from_before()
            && (choice.notice.is_some() || is_under_this_catalog()))
}

fn is_repeated_signal(state: &SubjectState, choice: &Choice) -> bool {
    choice.method.is_standing()
        && state
            .signals
            .iter()
            .any(|(method, scope)| *method == choice.method && *scope == choice.scope)
}

fn set_guardian(
    facts: &impl Facts,
    subject: SubjectId,
    guardian: SubjectId,
    is_guardian: bool,
) -> Result<Vec<Draft>, Refusal> {
    let state = staying(facts, subject)?;
    let other = known(facts, guardian)?;
    if guardian == subject || (is_guardian && other.guardians.contains(&subject)) {
        return Err(Refusal::GuardianCycle);
    }
    let is_new = state.guardians.contains(&guardian) != is_guardian;
    change(subject, is_new, Event::GuardianChanged { guardian, is_guardian })
}

fn report_effect(
    facts: &impl Facts,
    subject: SubjectId,
    report: &EffectReport,
    at: Timestamp,
) -> Result<Vec<Draft>, Refusal> {
    let state = known(facts, subject)?;
    if report.through > state.position {
        return Err(Refusal::NotYetTold);
    }
    let is_news = state.pending.iter().any(|owed| owed.is_met_by(report));
    let is_done = |owed: &Pending| owed.is_met_by(report) || state.exception(owed, at).is_some();
    let is_last = state.is_leaving && state.pending.iter().all(is_done);
    let mut events = Vec::new();
    if is_news {
        events.push(Event::EffectReported(report.clone()));
    }
    if is_last {
        events.push(Event::SubjectErased);
    }
    Ok(Draft::about(subject, events))
}

/// Who still holds something about a person and has not said that it is gone: whoever owes
/// anything, under whichever name, and unless the person is leaving whoever knows them by a name.
fn holders(facts: &impl Facts, state: &SubjectState) -> BTreeSet<Id> {
    let mut holders: BTreeSet<Id> =
        state.pending.iter().map(|owed| owed.recipient.clone()).collect();
    let in_force = facts.in_force().filter(|_| !state.is_leaving);
    for (id, recipient) in in_force.iter().flat_map(|in_force| &in_force.catalog.recipients) {
        let is_known = |namespace| state.has_namespace(namespace);
        if recipient.effect_deadline.is_some() && recipient.namespace.as_ref().is_some_and(is_known)
        {
            holders.insert(id.clone());
        }
    }
    holders
}

fn erase(facts: &impl Facts, subject: SubjectId, at_once: bool) -> Result<Vec<Draft>, Refusal> {
    let state = known(facts, subject)?;
    let holders = holders(facts, &state);
    // With the records go the names that systems are told by: they would never hear of it.
    if at_once && !holders.is_empty() {
        return Err(Refusal::StillHeld { by: holders });
    }
    let mut events = Vec::new();
    if !state.is_leaving {
        events.push(Event::ErasureRequested);
    }
    if holders.is_empty() {
        events.push(Event::SubjectErased);
    }
    let mut drafts = Draft::about(subject, events);
    // Somebody who is leaving already has no part in any household any more.
    if !state.is_leaving {
        drafts.extend(devices::leave_households(facts, subject, &state));
    }
    Ok(drafts)
}

fn replay(
    facts: &impl Facts,
    subject: SubjectId,
    denials: Vec<Scope>,
    is_erased: bool,
    at: Timestamp,
) -> Result<Vec<Draft>, Refusal> {
    // A person who came after the backup is unknown again, so nothing about them is allowed.
    if facts.subject(subject).is_none() {
        return Ok(Draft::about(subject, Vec::new()));
    }
    if is_erased {
        return erase(facts, subject, false);
    }
    let evidence = Evidence { reference: None, occurred_at: Some(at) };
    let denial = |scope: Scope| {
        Event::ChoiceRecorded(Choice {
            method: Method::Restore,
            evidence: Some(evidence.clone()),
            ..Choice::of_person(Effect::Denial, scope)
        })
    };
    Ok(Draft::about(subject, denials.into_iter().map(denial).collect()))
}

fn create_key(facts: &impl Facts, key: Key) -> Result<Vec<Draft>, Refusal> {
    if key.roles.is_empty() {
        return Err(Refusal::Nothing { what: "role" });
    }
    if let Some(recipient) = &key.recipient {
        let may_only = |role: &Grade| matches!(role, Grade::Decide | Grade::Report);
        if !key.roles.iter().all(may_only) {
            return Err(Refusal::KeyTooPowerful);
        }
        if !catalog(facts)?.recipients.contains_key(recipient) {
            return Err(unknown("recipient", recipient));
        }
    }
    Ok(Draft::about_all(Event::KeyCreated(key)))
}
