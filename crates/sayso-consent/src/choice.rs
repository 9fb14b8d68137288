//! What a person says: a grant or a denial, over a scope, with its circumstances.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{Id, SubjectId},
    scope::Scope,
    time::Timestamp,
};

/// Yes or no.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The person allows the use (DPV `dpv:ConsentGiven`).
    Grant,
    /// The person does not allow it: a withdrawal, a refusal or an objection
    /// (DPV `dpv:ConsentWithdrawn`, `dpv:ConsentRefused`; GDPR Art. 7(3), 21).
    Denial,
}

/// How the choice reached the company.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Sayso's own page for people.
    Portal,
    /// A page, app or shop of the company, through the API.
    Api,
    /// On the telephone, typed in by an agent.
    CallCentre,
    /// A letter or a form on paper.
    Paper,
    /// An e-mail that the person wrote.
    Email,
    /// A text message such as STOP.
    Sms,
    /// A button on the machine itself.
    Device,
    /// One-click unsubscribe (RFC 8058).
    OneClick,
    /// Global Privacy Control: a standing signal of the browser.
    Gpc,
    /// Brought over from an older system.
    Import,
    /// Written again after a backup was restored, from the journal of withdrawals.
    Restore,
}

impl Method {
    /// A standing signal is sent over and over by a machine that was set once. It counts when
    /// first seen; repeated, it must not undo what the person granted since.
    pub fn is_standing(self) -> bool {
        self == Self::Gpc
    }
}

/// Who made the choice.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Actor {
    /// The person.
    #[serde(rename = "self")]
    Person,
    /// A guardian of the person, who is a subject too.
    Guardian {
        /// The guardian.
        #[schemars(with = "String")]
        subject: SubjectId,
    },
    /// Somebody acting on the person's word or mandate, such as a call-centre agent.
    Agent {
        /// The agent's name or number in the company's own books; never personal data of the person.
        id: String,
    },
    /// A machine-sent signal. May only deny.
    Signal,
    /// A record of an older system. Never outranks a choice of the person.
    Import,
}

/// How surely the choice is the person's. Asymmetric: a weak credential may only narrow.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// An unsubscribe link, a signal, an unverified caller.
    Weak,
    /// The person was authenticated.
    #[default]
    Strong,
}

/// The text that the choice was made on.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct NoticeRef {
    /// The notice.
    pub id: Id,
    /// Its version.
    pub version: u32,
    /// The language in which it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// What shows that the choice was made: a reference, and when it really happened if that was
/// before it was recorded. Back-dating is evidence only; order is the ledger's.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// A form number, call id or file name in the company's own archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When the person acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub occurred_at: Option<Timestamp>,
}

/// Longest reference or agent id, in bytes.
pub const EVIDENCE_BYTES_MAX: usize = 256;

/// A grant or a denial by a subject over a scope.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Yes or no.
    pub effect: Effect,
    /// Over what.
    pub scope: Scope,
    /// A grant counts from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub not_before: Option<Timestamp>,
    /// A grant counts until here. A denial has no end: it holds until the person grants again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// The text it was made on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<NoticeRef>,
    /// How it reached the company.
    pub method: Method,
    /// Who made it.
    pub actor: Actor,
    /// What shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl Choice {
    /// A choice of the person, made now through the API, without an end.
    pub fn of_person(effect: Effect, scope: Scope) -> Self {
        Self {
            effect,
            scope,
            not_before: None,
            until: None,
            notice: None,
            method: Method::Api,
            actor: Actor::Person,
            evidence: None,
        }
    }
}
