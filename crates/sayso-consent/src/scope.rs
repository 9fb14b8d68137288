//! What a choice, an activity or a promise is about: five dimensions, each a node or *any*.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::Id;

/// Purpose × data × recipient × channel × device. An absent dimension means *any*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Why the data is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Id>,
    /// Which category of data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Id>,
    /// Who uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Id>,
    /// How the person is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Id>,
    /// From or through which device: a type (`oven`) or one device (`oven/4711`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Id>,
}

/// Whether `upper` covers `lower` in one dimension; *any* covers all and is covered by *any* only.
fn covers(upper: Option<&Id>, lower: Option<&Id>) -> bool {
    match (upper, lower) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(upper), Some(lower)) => upper.covers(lower),
    }
}

/// Whether the two meet in one dimension; *any* meets everything.
fn overlaps(one: Option<&Id>, other: Option<&Id>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.overlaps(other),
        _ => true,
    }
}

impl Scope {
    /// The five dimensions, in their written order.
    pub fn dimensions(&self) -> [Option<&Id>; 5] {
        [&self.purpose, &self.data, &self.recipient, &self.channel, &self.device].map(Option::as_ref)
    }

    /// Whether this scope covers the other in every dimension.
    pub fn covers(&self, other: &Scope) -> bool {
        covers(self.purpose.as_ref(), other.purpose.as_ref())
            && covers(self.data.as_ref(), other.data.as_ref())
            && covers(self.recipient.as_ref(), other.recipient.as_ref())
            && covers(self.channel.as_ref(), other.channel.as_ref())
            && covers(self.device.as_ref(), other.device.as_ref())
    }

    /// Whether this scope meets the other in every dimension.
    pub fn overlaps(&self, other: &Scope) -> bool {
        overlaps(self.purpose.as_ref(), other.purpose.as_ref())
            && overlaps(self.data.as_ref(), other.data.as_ref())
            && overlaps(self.recipient.as_ref(), other.recipient.as_ref())
            && overlaps(self.channel.as_ref(), other.channel.as_ref())
            && overlaps(self.device.as_ref(), other.device.as_ref())
    }
}
