//! "May this recipient use this data of this person for this purpose?", and the answer.

use serde::{Deserialize, Serialize};

use crate::{
    id::{Id, Position, SubjectId},
    scope::Scope,
    time::Timestamp,
};

/// What is asked. The moment is a separate argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whose data; `None` if no such person could be found, which is answered like a denial.
    pub subject: Option<SubjectId>,
    /// Which category.
    pub data: Id,
    /// Why.
    pub purpose: Id,
    /// Who wants to use it.
    pub recipient: Id,
    /// How the person would be reached.
    pub channel: Option<Id>,
    /// From or through which device.
    pub device: Option<Id>,
}

impl Request {
    /// The scope that is asked for, by reference.
    pub fn dimensions(&self) -> crate::scope::Dimensions<'_> {
        [
            Some(&self.purpose),
            Some(&self.data),
            Some(&self.recipient),
            self.channel.as_ref(),
            self.device.as_ref(),
        ]
    }

    /// The scope that is asked for.
    pub fn scope(&self) -> Scope {
        Scope {
            purpose: Some(self.purpose.clone()),
            data: Some(self.data.clone()),
            recipient: Some(self.recipient.clone()),
            channel: self.channel.clone(),
            device: self.device.clone(),
        }
    }
}

/// Why the answer is what it is. Stable codes.
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
pub enum Reason {
    /// Allowed: a grant survives.
    Granted,
    /// Allowed: the relationship is active.
    Contract,
    /// Allowed: the law demands it.
    LegalObligation,
    /// Allowed: a life may depend on it.
    VitalInterests,
    /// Allowed: a public task, and no objection.
    PublicTask,
    /// Allowed: a legitimate interest, and no objection.
    LegitimateInterests,
    /// No activity covers the request.
    Undeclared,
    /// The activity names channels; ask with one of them.
    ChannelRequired,
    /// A promise covers it.
    PromisedNever,
    /// Processing is restricted (Art. 18).
    Restricted,
    /// The recipient has not applied a choice of this person by its deadline.
    Overdue,
    /// The channel rests now; see `until`.
    QuietHours,
    /// No relationship is active.
    NoContract,
    /// The person objected (Art. 21).
    Objected,
    /// The person never said yes.
    NeverAsked,
    /// The person said no, or took a yes back.
    Withdrawn,
    /// The grant has ended.
    Expired,
    /// The notice changed since in a way that people must be asked again.
    NoticeSuperseded,
    /// The person is a minor and no guardian granted.
    NeedsGuardian,
    /// The node that was asked holds no fresh lease and cannot know.
    NoLease,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 20] = [
        Self::Granted,
        Self::Contract,
        Self::LegalObligation,
        Self::VitalInterests,
        Self::PublicTask,
        Self::LegitimateInterests,
        Self::Undeclared,
        Self::ChannelRequired,
        Self::PromisedNever,
        Self::Restricted,
        Self::Overdue,
        Self::QuietHours,
        Self::NoContract,
        Self::Objected,
        Self::NeverAsked,
        Self::Withdrawn,
        Self::Expired,
        Self::NoticeSuperseded,
        Self::NeedsGuardian,
        Self::NoLease,
    ];

    /// Whether it is a yes.
    pub const fn allows(self) -> bool {
        matches!(
            self,
            Self::Granted
                | Self::Contract
                | Self::LegalObligation
                | Self::VitalInterests
                | Self::PublicTask
                | Self::LegitimateInterests
        )
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Contract => "contract",
            Self::LegalObligation => "legal_obligation",
            Self::VitalInterests => "vital_interests",
            Self::PublicTask => "public_task",
            Self::LegitimateInterests => "legitimate_interests",
            Self::Undeclared => "undeclared",
            Self::ChannelRequired => "channel_required",
            Self::PromisedNever => "promised_never",
            Self::Restricted => "restricted",
            Self::Overdue => "overdue",
            Self::QuietHours => "quiet_hours",
            Self::NoContract => "no_contract",
            Self::Objected => "objected",
            Self::NeverAsked => "never_asked",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::NoticeSuperseded => "notice_superseded",
            Self::NeedsGuardian => "needs_guardian",
            Self::NoLease => "no_lease",
        }
    }
}

/// What a recipient must do with an allowed use. One that does not understand it must not use
/// the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Obligation {
    /// Blank these fields first.
    Redact {
        /// Their names.
        fields: Vec<String>,
    },
    /// Delete what was obtained for this use by then.
    DeleteBy {
        /// The retention deadline.
        #[schemars(with = "String")]
        at: Timestamp,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Why; whether it is a yes follows from it.
    pub reason: Reason,
    /// The activity that it was decided under.
    pub activity: Option<Id>,
    /// The grant that an allowed use rests on.
    pub grant: Option<Position>,
    /// The head of the ledger that it was read at.
    pub as_of: Position,
    /// Until when data used now may be kept.
    pub keep_until: Option<Timestamp>,
    /// When the answer would change by itself: a grant or quiet hours end.
    pub until: Option<Timestamp>,
    /// What comes with a yes.
    pub obligations: Vec<Obligation>,
    /// Until when the answer may be relied on without asking again.
    pub lease: Timestamp,
}

impl Decision {
    /// Whether it is a yes.
    pub fn allow(&self) -> bool {
        self.reason.allows()
    }

    /// A no under an activity, or under none.
    pub fn deny(reason: Reason, activity: Option<&Id>) -> Self {
        Self {
            reason,
            activity: activity.cloned(),
            grant: None,
            as_of: Position::START,
            keep_until: None,
            until: None,
            obligations: Vec::new(),
            lease: Timestamp::MIN,
        }
    }
}

/// How long an answer may be relied on unless the operator says otherwise, in milliseconds.
pub const LEASE_MS: i64 = 5_000;
