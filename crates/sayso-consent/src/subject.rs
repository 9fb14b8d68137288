//! What is known about one person: the fold of that person's events. No name, no address.

use serde::{Deserialize, Serialize};

use crate::{
    choice::{Choice, Effect, Method},
    event::EffectReport,
    id::{Id, Lookup, Position, SubjectId},
    scope::Scope,
    time::Timestamp,
};

/// The order in which two choices are compared: whether a person made it, then where it stands.
/// An import ranks below every choice of a person, whenever it was brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    is_own: bool,
    position: Position,
}

/// A recorded choice, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Yes or no.
    pub effect: Effect,
    /// Over what.
    pub scope: Scope,
    /// A grant counts from here on.
    pub not_before: Option<Timestamp>,
    /// A grant counts until here.
    pub until: Option<Timestamp>,
    /// The notice and version it was given on.
    pub notice: Option<(Id, u32)>,
    /// Whether a guardian gave it.
    pub by_guardian: bool,
    /// Whether it came from an older system.
    pub is_import: bool,
    /// Where it was recorded.
    pub position: Position,
}

impl Held {
    /// A choice as recorded at a position.
    pub fn new(choice: &Choice, position: Position) -> Self {
        use crate::choice::Actor;
        Self {
            effect: choice.effect,
            scope: choice.scope.clone(),
            not_before: choice.not_before,
            until: choice.until,
            notice: choice.notice.as_ref().map(|notice| (notice.id.clone(), notice.version)),
            by_guardian: matches!(choice.actor, Actor::Guardian { .. }),
            is_import: choice.actor == Actor::Import,
            position,
        }
    }

    /// Whether an earlier choice can decide nothing any more beside this one: the same word over
    /// the same scope, that ranks higher and counts whenever the other would.
    pub(crate) fn outdoes(&self, other: &Held) -> bool {
        let is_same = self.effect == other.effect
            && self.scope == other.scope
            && self.is_import == other.is_import;
        let begins_as_early =
            self.not_before.is_none_or(|own| other.not_before.is_some_and(|its| own <= its));
        let ends_as_late = self.until.is_none_or(|own| other.until.is_some_and(|its| own >= its));
        let is_as_new = match (&self.notice, &other.notice) {
            (None, None) => true,
            (Some((own, version)), Some((its, older))) => own == its && version >= older,
            _ => false,
        };
        let is_as_strong = self.by_guardian || !other.by_guardian;
        is_same && begins_as_early && ends_as_late && is_as_new && is_as_strong
    }

    /// How it is ordered against others.
    pub fn rank(&self) -> Rank {
        Rank { is_own: !self.is_import, position: self.position }
    }
}

/// A person's part in a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// It is theirs.
    Owner,
    /// They live with it.
    Member,
}

/// A device that a person owns or lives with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLink {
    /// The device.
    pub device: Id,
    /// The person's part in it.
    pub role: Role,
    /// Grants recorded here or before do not count for it: it came from somebody else.
    pub nothing_before: Option<Position>,
    /// Everyone with a part in it, the owner first.
    pub household: Vec<SubjectId>,
}

/// What kind of change a recipient has to apply.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The person is being erased, or a name is theirs no longer.
    Erasure,
    /// Something was taken away, or may have been.
    #[default]
    Denial,
    /// Something was given and nothing was taken away.
    Grant,
}

/// An exception that an operator accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Which system will not apply what it owes.
    pub recipient: Id,
    /// What it owed then, through this entry.
    pub through: Position,
    /// Until when that is accepted.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who accepts it.
    pub operator: String,
}

/// An entry that a recipient has to apply and has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Who.
    pub recipient: Id,
    /// Which entry.
    pub position: Position,
    /// From when its use is denied.
    pub due: Timestamp,
    /// The name that is the person's no longer, if that is all there is to apply: whatever the
    /// recipient holds under it has to go. None: what it may do under the names that are theirs.
    pub former: Option<IdentifierRef>,
    /// What kind of change it is.
    #[serde(default)]
    pub change: Change,
}

impl Pending {
    /// The digest of the former name that it is about, if it is about one.
    pub fn former_lookup(&self) -> Option<Lookup> {
        self.former.as_ref().map(|former| former.lookup)
    }

    /// Whether a report says that it was applied.
    pub fn is_met_by(&self, report: &EffectReport) -> bool {
        self.recipient == report.recipient
            && self.position <= report.through
            && self.former_lookup() == report.former
    }
}

/// What a recipient has applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Who.
    pub recipient: Id,
    /// Through which entry.
    pub through: Position,
    /// When it was recorded.
    pub at: Timestamp,
}

/// An identifier of the person: which namespace, found by which digest, and where its sealed
/// value is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierRef {
    /// The namespace.
    pub namespace: Id,
    /// The digest it is found by.
    pub lookup: Lookup,
    /// Where its value stands.
    pub position: Position,
}

/// What is known about one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectState {
    /// Where the person was last heard of.
    pub position: Position,
    /// The choices that can still matter.
    pub choices: Vec<Held>,
    /// Standing signals that were seen, so that repeating one changes nothing.
    pub signals: Vec<(Method, Scope)>,
    /// A contract or account is running.
    pub is_active: bool,
    /// Processing is restricted (GDPR Art. 18).
    pub is_restricted: bool,
    /// The person asked to be erased; it happens when every system has applied that.
    pub is_leaving: bool,
    /// Until then a grant counts only from a guardian.
    pub minor_until: Option<Timestamp>,
    /// Who may grant for the minor.
    pub guardians: Vec<SubjectId>,
    /// The devices the person owns or lives with.
    pub devices: Vec<DeviceLink>,
    /// Where the person's identifiers stand.
    pub identifiers: Vec<IdentifierRef>,
    /// What recipients still have to apply.
    pub pending: Vec<Pending>,
    /// What recipients have applied.
    pub applied: Vec<Applied>,
    /// Of which systems it is accepted that they will not apply what they owe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// Which systems are not told about the person until somebody says so, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<(Id, String)>,
}

impl SubjectState {
    /// The person's part in a device.
    pub fn device(&self, device: &Id) -> Option<&DeviceLink> {
        self.devices.iter().find(|link| link.device == *device)
    }

    /// Whether the person has an identifier that a recipient knows.
    pub fn has_namespace(&self, namespace: &Id) -> bool {
        self.identifiers.iter().any(|identifier| identifier.namespace == *namespace)
    }

    /// Whether a recipient is past its deadline for this person at a moment.
    pub fn is_overdue(&self, recipient: &Id, at: Timestamp) -> bool {
        self.pending.iter().any(|pending| pending.recipient == *recipient && pending.due <= at)
    }

    /// The exception that covers what a recipient owes, if one does at a moment.
    pub fn exception(&self, pending: &Pending, at: Timestamp) -> Option<&Exception> {
        let covers = |exception: &&Exception| {
            exception.recipient == pending.recipient
                && pending.position <= exception.through
                && at < exception.until
        };
        self.exceptions.iter().find(covers)
    }

    /// Adds a choice and drops those that cannot matter any more because this one outdoes them,
    /// so that the list stays about as short as the number of different things ever spoken of.
    pub fn hold(&mut self, held: Held) {
        self.choices.retain(|other| !held.outdoes(other));
        self.choices.push(held);
    }
}
