//! What a choice, an activity or a promise is about: five dimensions, each a node or *any*.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::Id;

/// Purpose × data × recipient × channel × device. An absent dimension means *any*.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
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

/// The five dimensions by reference, in their written order.
pub type Dimensions<'a> = [Option<&'a Id>; 5];

/// Whether `upper` covers `lower` in every dimension; *any* covers all and is covered by *any* only.
pub fn covers(upper: Dimensions, lower: Dimensions) -> bool {
    upper.iter().zip(lower).all(|pair| match pair {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(upper), Some(lower)) => upper.covers(lower),
    })
}

/// Whether the two meet in every dimension; *any* meets everything.
pub fn overlaps(one: Dimensions, other: Dimensions) -> bool {
    one.iter().zip(other).all(|pair| match pair {
        (Some(one), Some(other)) => one.overlaps(other),
        _ => true,
    })
}

impl Scope {
    /// The five dimensions.
    pub fn dimensions(&self) -> Dimensions<'_> {
        [&self.purpose, &self.data, &self.recipient, &self.channel, &self.device]
            .map(Option::as_ref)
    }

    /// Whether this scope covers the other in every dimension.
    pub fn covers(&self, other: &Scope) -> bool {
        covers(self.dimensions(), other.dimensions())
    }

    /// Whether this scope meets the other in every dimension.
    pub fn overlaps(&self, other: &Scope) -> bool {
        overlaps(self.dimensions(), other.dimensions())
    }
}
