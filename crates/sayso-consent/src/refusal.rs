//! Every business "no" of the write lane. A refusal is normal; it is not an error, and nothing
//! was recorded.

use std::collections::BTreeSet;

use crate::id::{Id, SubjectId};

fn names(ids: &BTreeSet<Id>) -> String {
    let names: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    names.join(", ")
}

/// Why a command was refused. [`Refusal::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No catalog is in force.
    #[error("no catalog is in force; apply one first with `sayso catalog apply`")]
    NoCatalog,
    /// There is no such person, or they were erased.
    #[error("there is no such subject")]
    UnknownSubject,
    /// The catalog has no such node.
    #[error("the catalog has no {kind} `{id}`")]
    UnknownNode {
        /// purpose, data, recipient, channel, device type, namespace or notice.
        kind: &'static str,
        /// What was named.
        id: Id,
    },
    /// The notice has no such version.
    #[error("notice `{id}` has no version {version}")]
    UnknownNoticeVersion {
        /// The notice.
        id: Id,
        /// The version that was named.
        version: u32,
    },
    /// An imported grant does not say on which text it was given.
    #[error("an imported grant names the notice and version it was given on")]
    NoticeRequired,
    /// A signal may only deny.
    #[error("a signal may only deny")]
    SignalMayOnlyDeny,
    /// A weak credential may only narrow.
    #[error("a weak credential may narrow what others may do, not widen it")]
    WeakAuthority,
    /// Somebody else than a guardian grants for a minor.
    #[error("subject {guardian} is not a guardian of this subject")]
    NotGuardian {
        /// Who was named.
        guardian: SubjectId,
    },
    /// Somebody cannot be their own guardian, nor two be each other's.
    #[error("a guardian cannot be the subject itself or in the subject's own care")]
    GuardianCycle,
    /// A grant that ends before it begins.
    #[error("the grant ends (`until`) before it begins (`not_before`)")]
    EmptyWindow,
    /// The identifier is somebody else's.
    #[error("an identifier in namespace `{namespace}` already belongs to another subject")]
    IdentifierTaken {
        /// Where.
        namespace: Id,
    },
    /// A subject has the id already.
    #[error("the subject exists already")]
    SubjectExists,
    /// The person has no such device.
    #[error("the subject has no such device")]
    UnknownDevice,
    /// The device is somebody else's; it has to be transferred.
    #[error("the device belongs to another subject; transfer it")]
    DeviceTaken,
    /// A device id without type or serial.
    #[error("a device is written `type/serial`, as in `oven/4711`")]
    NotADevice,
    /// The person is being erased; only withdrawals are still recorded.
    #[error("the subject is being erased; only withdrawals are still recorded")]
    Leaving,
    /// Systems hold data of a person who is to be erased at once.
    #[error(
        "the subject is still held by {}; erase without `at_once`, and the records go when each has \
         applied it",
        names(by)
    )]
    StillHeld {
        /// Who.
        by: BTreeSet<Id>,
    },
    /// A report goes further than what there is to apply.
    #[error("the report goes beyond what there was to apply for this subject")]
    NotYetTold,
    /// No such key.
    #[error("there is no such key")]
    UnknownKey,
    /// A key that is bound to a recipient cannot administer.
    #[error("a key that is bound to a recipient can only decide and report")]
    KeyTooPowerful,
    /// Nobody declared how the recipient is told.
    #[error("recipient `{recipient}` has no sink; declare one with `sayso sink add {recipient}`")]
    UnknownSink {
        /// Who.
        recipient: Id,
    },
    /// The system owes nothing about the person.
    #[error("recipient `{recipient}` owes nothing about this subject")]
    NothingOwed {
        /// Who.
        recipient: Id,
    },
    /// The end lies in the past.
    #[error("the end of the exception (`until`) has passed")]
    EndsInThePast,
    /// Nothing was said.
    #[error("at least one {what} is needed")]
    Nothing {
        /// choice, identifier, role.
        what: &'static str,
    },
    /// Too long or too many.
    #[error("{what} is limited to {max}")]
    TooMuch {
        /// What.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The person has granted as much as is weighed.
    #[error(
        "a subject holds at most {max} grants that differ; one over the same scope without an end \
         takes the place of those that end, and a denial is always recorded"
    )]
    TooManyGrants {
        /// The limit.
        max: usize,
    },
    /// The catalog itself does not hold together.
    #[error("the catalog has problems: {0}")]
    BadCatalog(String),
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCatalog => "no_catalog",
            Self::UnknownSubject => "unknown_subject",
            Self::UnknownNode { .. } => "unknown_id",
            Self::UnknownNoticeVersion { .. } => "unknown_notice_version",
            Self::NoticeRequired => "notice_required",
            Self::SignalMayOnlyDeny => "signal_may_only_deny",
            Self::WeakAuthority => "weak_authority",
            Self::NotGuardian { .. } => "not_guardian",
            Self::GuardianCycle => "guardian_cycle",
            Self::EmptyWindow => "empty_window",
            Self::IdentifierTaken { .. } => "identifier_taken",
            Self::SubjectExists => "subject_exists",
            Self::UnknownDevice => "unknown_device",
            Self::DeviceTaken => "device_taken",
            Self::NotADevice => "not_a_device",
            Self::Leaving => "leaving",
            Self::StillHeld { .. } => "still_held",
            Self::NotYetTold => "not_yet_told",
            Self::UnknownKey => "unknown_key",
            Self::KeyTooPowerful => "key_too_powerful",
            Self::UnknownSink { .. } => "unknown_sink",
            Self::NothingOwed { .. } => "nothing_owed",
            Self::EndsInThePast => "ends_in_the_past",
            Self::Nothing { .. } => "nothing",
            Self::TooMuch { .. } => "too_much",
            Self::TooManyGrants { .. } => "too_many_grants",
            Self::BadCatalog(_) => "bad_catalog",
        }
    }
}
