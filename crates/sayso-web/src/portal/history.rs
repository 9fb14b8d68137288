//! What happened so far, as it is told to the person.

use sayso_consent::{
    choice::{Actor, Effect, Method},
    id::Position,
    time::Timestamp,
};

/// One entry of the ledger as the person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When it was recorded.
    pub at: Timestamp,
    /// Where.
    pub position: Position,
    /// What happened, in order; at least one.
    pub happened: Vec<Happened>,
    /// Where its receipt is downloaded.
    pub receipt_href: String,
}

impl HistoryEntry {
    /// Whether it only says that systems applied a choice.
    pub(crate) fn is_applied(&self) -> bool {
        self.happened.iter().all(|happened| matches!(happened, Happened::Applied { .. }))
    }
}

/// One thing that happened, with the names it is told by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A choice.
    Chose {
        /// Whose voice it was.
        voice: Voice,
        /// Yes or no.
        effect: Effect,
        /// Over what: `Offers by e-mail`.
        what: String,
    },
    /// A system applied the choices before.
    Applied {
        /// The system's name.
        system: String,
    },
    /// A system held something else than it was told.
    Drifted {
        /// The system's name.
        system: String,
    },
    /// It was accepted that a system does not apply the choices.
    Excepted {
        /// The system's name.
        system: String,
    },
    /// The person became known.
    BecameKnown,
    /// A way to recognise the person was learned.
    IdentifierAdded {
        /// The name of the kind, never the value: `E-mail address`.
        kind: String,
    },
    /// A way to recognise the person was dropped.
    IdentifierRemoved {
        /// The name of the kind, never the value.
        kind: String,
    },
    /// A contract or account began or ended.
    RelationshipChanged {
        /// Whether it runs now.
        is_active: bool,
    },
    /// Processing was restricted or set free again.
    RestrictionChanged {
        /// Whether it is restricted now.
        is_restricted: bool,
    },
    /// It became known that the person is a minor, or is none.
    MinorityChanged {
        /// Whether a guardian's grant is needed now.
        is_minor: bool,
    },
    /// Somebody became guardian, or ceased to be.
    GuardianChanged {
        /// Whether they are now.
        is_guardian: bool,
    },
    /// A device became the person's own.
    DeviceAcquired {
        /// Its name.
        device: String,
    },
    /// The person has no part in a device any more.
    DeviceReleased {
        /// Its name.
        device: String,
    },
    /// Somebody lives with the device, or ceased to.
    HouseholdChanged {
        /// Its name.
        device: String,
    },
    /// The person asked to be erased.
    ErasureRequested,
}

/// Whose voice a choice came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The person's own.
    Person,
    /// A guardian's.
    Guardian,
    /// Somebody of the company, on the person's word.
    Agent,
    /// Global Privacy Control.
    Browser,
    /// One-click unsubscribe.
    Unsubscribed,
    /// A text message such as STOP.
    TextMessage,
    /// A record of an older system.
    OlderSystem,
    /// The journal, after a backup was restored.
    Restored,
}

impl Voice {
    /// The voice of a choice as it was recorded.
    pub fn of(actor: &Actor, method: Method) -> Self {
        match (actor, method) {
            (_, Method::Restore) => Self::Restored,
            (Actor::Import, _) | (_, Method::Import) => Self::OlderSystem,
            (_, Method::Gpc) => Self::Browser,
            (_, Method::OneClick) => Self::Unsubscribed,
            (Actor::Guardian { .. }, _) => Self::Guardian,
            (Actor::Agent { .. }, _) => Self::Agent,
            (_, Method::Sms) => Self::TextMessage,
            (Actor::Person | Actor::Signal, _) => Self::Person,
        }
    }
}
