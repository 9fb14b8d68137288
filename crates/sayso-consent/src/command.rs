//! What may be asked for. Imperative, already parsed and normalised.

use crate::{
    catalog::Catalog,
    choice::{Authority, Choice},
    event::{EffectReport, Identifier, Key},
    id::{Id, Lookup, SubjectId},
    scope::Scope,
    sink::{Compared, Declared, Mode},
    time::Timestamp,
};

/// Most choices in one command.
pub const CHOICES_MAX: usize = 1_000;
/// Most grants of one person that differ in what they cover or for how long. Every decision about
/// the person weighs each against each denial. A denial is never refused for its number.
pub const GRANTS_MAX: usize = 500;
/// Most identifiers of one person, with those that are theirs no longer and that some system has
/// still to forget.
pub const IDENTIFIERS_MAX: usize = 64;
/// Most people with a part in one device.
pub const HOUSEHOLD_MAX: usize = 32;

/// A request to change something.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Bring a catalog into force.
    ApplyCatalog {
        /// Checked before; its rules are not checked again here.
        catalog: Box<Catalog>,
    },
    /// Make a person known.
    CreateSubject {
        /// A fresh random id.
        subject: SubjectId,
        /// The names systems know them by; may be none, for a person without a name.
        identifiers: Vec<Identifier>,
        /// A contract or account is running.
        is_active: bool,
        /// Until then a grant counts only from a guardian.
        minor_until: Option<Timestamp>,
        /// What they said to begin with.
        choices: Vec<Choice>,
    },
    /// Bring a person over from an older system, or more about one who is known already.
    Import {
        /// The id to use if none of the identifiers is known.
        fresh: SubjectId,
        /// The names systems know them by; at least one.
        identifiers: Vec<Identifier>,
        /// A contract or account is running, if the row says.
        is_active: Option<bool>,
        /// Until then a grant counts only from a guardian, if the row says.
        minor_until: Option<Timestamp>,
        /// What they had said.
        choices: Vec<Choice>,
    },
    /// Add a system's name for a person.
    AddIdentifier {
        /// Whom.
        subject: SubjectId,
        /// The name.
        identifier: Identifier,
    },
    /// Remove one.
    RemoveIdentifier {
        /// Whom.
        subject: SubjectId,
        /// Which system's.
        namespace: Id,
        /// Its digest.
        lookup: Lookup,
    },
    /// Record choices, all or none.
    Choose {
        /// Whose.
        subject: SubjectId,
        /// What they said.
        choices: Vec<Choice>,
        /// How surely it was they.
        authority: Authority,
    },
    /// Begin or end the relationship.
    SetRelationship {
        /// Whose.
        subject: SubjectId,
        /// Whether it is running.
        is_active: bool,
    },
    /// Restrict processing, or set it free.
    SetRestriction {
        /// Whose.
        subject: SubjectId,
        /// Whether it is restricted.
        is_restricted: bool,
    },
    /// Say until when a person is a minor.
    SetMinority {
        /// Whose.
        subject: SubjectId,
        /// Until when; `None` for an adult.
        minor_until: Option<Timestamp>,
    },
    /// Make somebody a guardian, or end it.
    SetGuardian {
        /// Whose guardian.
        subject: SubjectId,
        /// Who.
        guardian: SubjectId,
        /// Whether they are.
        is_guardian: bool,
    },
    /// Record a device as a person's own; from its owner before, if it had one.
    AcquireDevice {
        /// Whose it is now.
        subject: SubjectId,
        /// Which.
        device: Id,
        /// Whose it was.
        from: Option<SubjectId>,
    },
    /// Both: record a device as a person's own, and who lives with it.
    PutDevice {
        /// Whose it is now.
        subject: SubjectId,
        /// Which.
        device: Id,
        /// Whose it was.
        from: Option<SubjectId>,
        /// Everyone else who lives with it.
        members: Vec<SubjectId>,
    },
    /// Say who lives with a person's device.
    SetHousehold {
        /// The owner.
        subject: SubjectId,
        /// Which device.
        device: Id,
        /// Everyone else who lives with it.
        members: Vec<SubjectId>,
    },
    /// Record what a downstream system did.
    ReportEffect {
        /// For whom.
        subject: SubjectId,
        /// What.
        report: EffectReport,
    },
    /// Note that a system was read back and holds something else about a person.
    FindDrift {
        /// About whom.
        subject: SubjectId,
        /// Which system.
        recipient: Id,
    },
    /// Accept that a system will not apply what it owes about a person.
    AcceptException {
        /// About whom.
        subject: SubjectId,
        /// Which system.
        recipient: Id,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
        /// Who accepts it.
        operator: String,
    },
    /// Send a system no messages about a person, with a reason, or send them again.
    ParkDelivery {
        /// About whom.
        subject: SubjectId,
        /// Which system.
        recipient: Id,
        /// Why; none to send them again.
        reason: Option<String>,
    },
    /// Tell a system about a person again.
    RepeatDelivery {
        /// About whom.
        subject: SubjectId,
        /// Which system.
        recipient: Id,
    },
    /// Declare how a recipient is told, or declare it anew.
    DeclareSink {
        /// Who is told.
        recipient: Id,
        /// How.
        declared: Box<Declared>,
    },
    /// Say what a recipient is sent.
    SetSinkMode {
        /// Who is told.
        recipient: Id,
        /// What it is sent.
        mode: Mode,
        /// Why it is not everything.
        reason: Option<String>,
    },
    /// Tell a recipient again about everyone who changed after an entry.
    ReplaySink {
        /// Who is told.
        recipient: Id,
        /// After which entry.
        after: crate::id::Position,
    },
    /// Note what was seen when a system was read back.
    NoteCompared {
        /// Which.
        recipient: Id,
        /// What was seen.
        compared: Compared,
    },
    /// Tell a recipient no longer.
    RemoveSink {
        /// Who was told.
        recipient: Id,
        /// Why.
        reason: String,
    },
    /// Erase a person.
    Erase {
        /// Whom.
        subject: SubjectId,
        /// Only if it can be done at once, because no system holds anything about the person.
        at_once: bool,
    },
    /// Write again what the journal holds beyond a restored backup.
    Replay {
        /// Whose.
        subject: SubjectId,
        /// The scopes that were denied, in order.
        denials: Vec<Scope>,
        /// Whether they were erased.
        is_erased: bool,
    },
    /// Make an API key.
    CreateKey {
        /// As it is to be recorded.
        key: Key,
    },
    /// Withdraw an API key.
    RevokeKey {
        /// Its public name.
        id: String,
    },
    /// Note that the ledger was restored.
    NoteRestore {
        /// The last entry of the backup.
        from: crate::id::Position,
    },
}
