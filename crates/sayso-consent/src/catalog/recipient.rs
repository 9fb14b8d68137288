//! Who uses data, how they are told, and how long they may take to obey.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;
use crate::{id::Id, subject::Change, time::Span};

/// What a recipient is to the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientKind {
    /// A team or system of the company itself.
    Own,
    /// Works on the company's instructions (GDPR Art. 28).
    Processor,
    /// Decides jointly with the company (GDPR Art. 26).
    JointController,
    /// Anyone else (GDPR Art. 4(10)).
    ThirdParty,
}

/// Who uses data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// Its name for people.
    pub title: Text,
    /// What it is to the company.
    pub kind: RecipientKind,
    /// Where it works, ISO 3166-1 alpha-2.
    #[schemars(regex(pattern = "^[A-Z]{2}$"))]
    pub country: String,
    /// The namespace of the identifiers it knows people by; the only ones it is ever told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Id>,
    /// How long it may take to apply a choice before its use is denied for that person. None: it
    /// keeps no copy of permissions, asks for every use, and so has nothing to apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_deadline: Option<Span>,
    /// Other deadlines for some kinds of change.
    #[serde(default, skip_serializing_if = "Deadlines::is_none")]
    pub effect_deadlines: Deadlines,
    /// What it means that a person has no name in its namespace.
    #[serde(default, skip_serializing_if = "Nameless::is_default")]
    pub without_identifier: Nameless,
    /// The legal clocks that its deadlines have to keep, by their ids: `sayso clock list`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<Id>,
}

impl Recipient {
    /// How long it may take to apply a kind of change; none if it has nothing to apply.
    pub fn deadline(&self, change: Change) -> Option<Span> {
        let general = self.effect_deadline?;
        let own = match change {
            Change::Denial => self.effect_deadlines.denial,
            Change::Grant => self.effect_deadlines.grant,
            Change::Erasure => self.effect_deadlines.erasure,
        };
        Some(own.unwrap_or(general))
    }
}

/// How long a recipient may take for one kind of change; where none is given, `effect_deadline`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// Something was taken away, or may have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<Span>,
    /// Something was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Span>,
    /// The person is being erased, or a name is theirs no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure: Option<Span>,
}

impl Deadlines {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What it means that a person has no name in a recipient's namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nameless {
    /// It holds nothing about them.
    #[default]
    NotApplicable,
    /// It may hold something, and cannot be told until the name is known.
    Unresolved,
}

impl Nameless {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
