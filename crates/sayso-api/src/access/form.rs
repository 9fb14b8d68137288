//! The written form of AuthZEN requests and answers. Questions borrow from the bytes they came in.

use sayso_consent::{
    Decision, Id, Position, Timestamp,
    request::{Obligation, Reason},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::text::Text;

/// Who asks: a recipient.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Asker<'a> {
    /// `recipient`.
    #[serde(borrow, rename = "type")]
    #[schema(value_type = String, example = "recipient")]
    pub(crate) kind: Text<'a>,
    /// Its id in the catalog.
    #[serde(borrow)]
    #[schema(value_type = String, example = "mailer")]
    pub(crate) id: Text<'a>,
}

/// The kind of asker that a search is for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct AskerKind<'a> {
    /// `recipient`.
    #[serde(borrow, rename = "type")]
    #[schema(value_type = String, example = "recipient")]
    pub(crate) kind: Text<'a>,
}

/// What for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Action<'a> {
    /// The purpose.
    #[serde(borrow)]
    #[schema(value_type = String, example = "marketing.offers")]
    pub(crate) name: Text<'a>,
}

/// Which data, of whom.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Resource<'a> {
    /// The category of data.
    #[serde(borrow, rename = "type")]
    #[schema(value_type = String, example = "contact.email")]
    pub(crate) kind: Text<'a>,
    /// The person: a subject id, or `namespace:value`.
    #[serde(borrow)]
    #[schema(value_type = String, example = "email:ana@example.org")]
    pub(crate) id: Text<'a>,
    /// More about it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<ResourceProperties<'a>>,
}

/// Which data a search is about.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct ResourceKind<'a> {
    /// The category of data.
    #[serde(borrow, rename = "type")]
    #[schema(value_type = String, example = "contact.email")]
    pub(crate) kind: Text<'a>,
    /// More about it.
    #[serde(borrow, default)]
    pub(crate) properties: Option<ResourceProperties<'a>>,
}

/// More about a resource.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct ResourceProperties<'a> {
    /// From or through which device.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "oven/4711")]
    pub(crate) device: Option<Text<'a>>,
}

/// The circumstances.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Context<'a> {
    /// How the person would be reached.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "email")]
    pub(crate) channel: Option<Text<'a>>,
    /// A token of a write: the answer is not from before it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "0-17")]
    pub(crate) at_least_as_fresh: Option<Text<'a>>,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// Whether the data may be used.
    pub(crate) decision: bool,
    /// Why, and what comes with it.
    pub(crate) context: AnswerContext,
}

/// Why the answer is what it is.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct AnswerContext {
    /// The stable code; see `docs/concepts/decision.md`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "granted")]
    pub(crate) reason: Option<Reason>,
    /// The activity that it was decided under.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) activity: Option<Id>,
    /// The grant that an allowed use rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) grant: Option<Position>,
    /// The head of the ledger that it was read at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "0-17")]
    pub(crate) as_of: Option<Position>,
    /// Until when data used now may be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) keep_until: Option<Timestamp>,
    /// When the answer changes by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) until: Option<Timestamp>,
    /// What must be done with an allowed use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub(crate) obligations: Vec<Obligation>,
    /// Until when the answer may be relied on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) lease: Option<Timestamp>,
    /// What was wrong with this one of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ItemError>,
}

/// What was wrong with one evaluation of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemError {
    /// As an HTTP status.
    pub(crate) status: u16,
    /// In words.
    pub(crate) message: String,
}

impl Answer {
    /// That of a question in a batch that lacks a field.
    pub(crate) fn missing(field: &str) -> Self {
        let error = ItemError { status: 400, message: format!("missing field `{field}`") };
        let context = AnswerContext { error: Some(error), ..AnswerContext::default() };
        Self { decision: false, context }
    }
}

impl From<Decision> for Answer {
    fn from(decision: Decision) -> Self {
        Self {
            decision: decision.allow(),
            context: AnswerContext {
                reason: Some(decision.reason),
                activity: decision.activity,
                grant: decision.grant,
                as_of: Some(decision.as_of),
                keep_until: decision.keep_until,
                until: decision.until,
                obligations: decision.obligations,
                lease: Some(decision.lease),
                error: None,
            },
        }
    }
}
