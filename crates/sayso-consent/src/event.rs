//! What happened. Events are past tense, versioned by their field `v` in the entry, and never
//! changed once released: the ledger keeps them for ever.

use serde::{Deserialize, Serialize};

use crate::{
    catalog::Catalog,
    choice::Choice,
    id::{Id, Lookup, Position, SubjectId},
    sink::{Compared, Declared, Mode},
    time::Timestamp,
};

/// A name some system knows a person by. Personal data: sealed before it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// Which system's name it is.
    pub namespace: Id,
    /// The normalised value.
    pub value: String,
    /// The keyed digest that it is found by.
    pub lookup: Lookup,
}

/// Shows no value: identifiers must not reach a log by way of a `{:?}`.
impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:…", self.namespace)
    }
}

/// What an API key may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Ask for decisions.
    Decide,
    /// Record people and choices.
    Record,
    /// Report effects.
    Report,
    /// Follow the whole ledger, as a replica does, and change nothing.
    Follow,
    /// Everything, for everyone.
    Administer,
}

/// An API key as the ledger knows it: by the digest of its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its public name.
    pub id: String,
    /// SHA-256 of the secret, in hexadecimal.
    pub digest: String,
    /// What it may do.
    pub roles: Vec<Grade>,
    /// The one recipient that it may ask and report as, if it is bound to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Id>,
    /// What it is for.
    pub label: String,
}

/// What a downstream system did, with the times that Sayso knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectReport {
    /// Which system.
    pub recipient: Id,
    /// It has applied everything it had to, through this entry.
    pub through: Position,
    /// When the system says that it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// When Sayso first sent it, if that was since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When the system took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Timestamp>,
    /// What it did, in the system's own words, such as `2 rows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The digest of the name that it is about, if that name is the person's no longer: the system
    /// has deleted what it held under it. Says nothing about the person's other names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Lookup>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Event {
    /// A catalog came into force.
    CatalogApplied {
        /// The catalog, whole.
        catalog: Box<Catalog>,
    },
    /// A person became known.
    SubjectCreated {
        /// A contract or account is running.
        is_active: bool,
        /// Until then a grant counts only from a guardian.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minor_until: Option<Timestamp>,
    },
    /// A system's name for the person became known.
    IdentifierAdded(Identifier),
    /// A system's name for the person is no longer theirs.
    IdentifierRemoved {
        /// Which system's.
        namespace: Id,
        /// Its digest.
        lookup: Lookup,
    },
    /// The person chose.
    ChoiceRecorded(Choice),
    /// A contract or account began or ended.
    RelationshipChanged {
        /// Whether it is running now.
        is_active: bool,
    },
    /// Processing was restricted or set free again (GDPR Art. 18).
    RestrictionChanged {
        /// Whether it is restricted now.
        is_restricted: bool,
    },
    /// It became known until when the person is a minor, or that they are none.
    MinorityChanged {
        /// Until when.
        minor_until: Option<Timestamp>,
    },
    /// Somebody became guardian of the person, or ceased to be.
    GuardianChanged {
        /// Who.
        guardian: SubjectId,
        /// Whether they are now.
        is_guardian: bool,
    },
    /// A device became the person's own.
    DeviceAcquired {
        /// Which.
        device: Id,
        /// It was somebody else's before: nothing is allowed to start with.
        second_hand: bool,
    },
    /// The person has no part in a device any more.
    DeviceReleased {
        /// Which.
        device: Id,
    },
    /// Somebody lives with the person's device, or ceased to. Recorded with the owner, and
    /// mirrored with every one who has a part in it.
    HouseholdChanged {
        /// Which device.
        device: Id,
        /// Everyone with a part in it, the owner first.
        household: Vec<SubjectId>,
    },
    /// A downstream system applied what it was told.
    EffectReported(EffectReport),
    /// A downstream system was read back, and holds something else about the person than it was
    /// told: it has to be told again.
    DriftFound {
        /// Which system.
        recipient: Id,
    },
    /// Somebody accepts that a system will not apply what it owes about the person, for a while.
    /// Its use stays denied.
    ExceptionAccepted {
        /// Which system.
        recipient: Id,
        /// Until when.
        until: Timestamp,
        /// Why.
        reason: String,
        /// Who accepts it.
        operator: String,
    },
    /// Messages about the person are not sent to a system until somebody says so, or are again.
    DeliveryParked {
        /// Which system.
        recipient: Id,
        /// Why; none: they are sent again.
        reason: Option<String>,
    },
    /// Somebody wants a system to be told about the person again.
    DeliveryRepeated {
        /// Which system.
        recipient: Id,
    },
    /// The person is to be erased (GDPR Art. 17): nothing is allowed from here on, every system
    /// is told, and the records go when all have applied it.
    ErasureRequested,
    /// The person was erased: nothing is left but the commitments.
    SubjectErased,
    /// An API key was made.
    KeyCreated(Key),
    /// An API key was withdrawn.
    KeyRevoked {
        /// Its public name.
        id: String,
    },
    /// It was declared how a recipient is told.
    SinkDeclared {
        /// Who is told.
        recipient: Id,
        /// How.
        declared: Box<Declared>,
    },
    /// It was said what a recipient is sent.
    SinkModeChanged {
        /// Who is told.
        recipient: Id,
        /// What it is sent.
        mode: Mode,
        /// Why it is not everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A recipient is told again about everyone who changed after an entry.
    SinkReplayed {
        /// Who is told.
        recipient: Id,
        /// After which entry.
        after: Position,
    },
    /// A system was read back and held against the ledger.
    SinkCompared {
        /// Which.
        recipient: Id,
        /// What was seen.
        compared: Compared,
    },
    /// A recipient is told no longer.
    SinkRemoved {
        /// Who was told.
        recipient: Id,
        /// Why.
        reason: String,
    },
    /// The ledger was restored from a backup; what follows replays the journal.
    LedgerRestored {
        /// The last entry of the backup.
        from: Position,
    },
}

/// One entry of the ledger: all that one command did to one subject, or to the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the event vocabulary: 1.
    pub v: u32,
    /// Its place.
    pub position: Position,
    /// When it was recorded. Never decides precedence.
    pub at: Timestamp,
    /// Whom it is about; none for catalogs and keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// The API key or program that asked for it.
    pub by: String,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// The version of the event vocabulary that this program writes.
pub const VERSION: u32 = 1;
