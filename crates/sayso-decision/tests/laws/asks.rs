//! Questions and scopes: near what is declared, for elsewhere nothing ever happens.

use proptest::{option::weighted, prelude::*, sample::Index};
use sayso_consent::{Catalog, Id, Request, Scope, SubjectId};

use super::catalogs::activity;

/// The devices that stories speak of.
pub(crate) const DEVICES: [&str; 4] = ["assistant/1", "assistant/2", "webcam/1", "oven/1"];

/// A place in the catalog: one thing that one recipient does under an activity.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    activity: Index,
    data: Index,
    recipient: Index,
    channel: Index,
}

pub(crate) fn spot() -> impl Strategy<Value = Spot> {
    let at = any::<Index>;
    (at(), at(), at(), at()).prop_map(|(activity, data, recipient, channel)| Spot {
        activity,
        data,
        recipient,
        channel,
    })
}

/// A spot as the catalog in force has it.
struct Declared {
    purpose: Id,
    data: Id,
    recipient: Id,
    channel: Option<Id>,
}

impl Spot {
    fn declared(&self, catalog: &Catalog) -> Option<Declared> {
        let (_, activity) = activity(catalog, &self.activity)?;
        let channels = &activity.channels;
        Some(Declared {
            purpose: activity.purpose.clone(),
            data: self.data.get(&activity.data).clone(),
            recipient: self.recipient.get(&activity.recipients).clone(),
            channel: (!channels.is_empty()).then(|| self.channel.get(channels).clone()),
        })
    }
}

/// How much of a node is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Height {
    /// The node.
    Itself,
    /// The node above.
    Above,
    /// Any.
    Any,
}

fn height() -> impl Strategy<Value = Height> {
    prop_oneof![3 => Just(Height::Any), 3 => Just(Height::Itself), 1 => Just(Height::Above)]
}

impl Height {
    fn of(self, node: Option<Id>) -> Option<Id> {
        match self {
            Self::Itself => node,
            Self::Above => node.and_then(|node| node.parent()),
            Self::Any => None,
        }
    }
}

/// The scope of a choice.
#[derive(Clone, Debug)]
pub(crate) struct Wide {
    pub(crate) spot: Spot,
    /// Of purpose, data, recipient and channel.
    heights: [Height; 4],
    device: Option<Index>,
    of_its_type: bool,
}

pub(crate) fn wide() -> impl Strategy<Value = Wide> {
    let heights = [height(), height(), height(), height()];
    let device = weighted(0.2, any::<Index>());
    (spot(), heights, device, any::<bool>()).prop_map(|(spot, heights, device, of_its_type)| Wide {
        spot,
        heights,
        device,
        of_its_type,
    })
}

impl Wide {
    /// As one says it who has no device of their own.
    pub(crate) fn scope(&self, catalog: &Catalog) -> Scope {
        self.of(catalog, &[])
    }

    /// As one says it who has these devices, mostly about one of them.
    pub(crate) fn of(&self, catalog: &Catalog, own: &[&Id]) -> Scope {
        let Some(spot) = self.spot.declared(catalog) else { return Scope::default() };
        let [purpose, data, recipient, channel] = self.heights;
        let device = self.device.map(|at| match own {
            [] => at.get(&DEVICES).parse().unwrap(),
            own => (*at.get(own)).clone(),
        });
        Scope {
            purpose: purpose.of(Some(spot.purpose)),
            data: data.of(Some(spot.data)),
            recipient: recipient.of(Some(spot.recipient)),
            channel: channel.of(spot.channel),
            device: if self.of_its_type { device.and_then(|one: Id| one.parent()) } else { device },
        }
    }

    /// The text of the activity that it is about.
    pub(crate) fn notice(&self, catalog: &Catalog) -> Option<Id> {
        activity(catalog, &self.spot.activity)?.1.notice.clone()
    }
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Whose data; nobody's who is known, if beyond those who are.
    pub(crate) who: usize,
    pub(crate) spot: Spot,
    /// Asks for a category below or above.
    data: Option<(bool, Index)>,
    /// Asks without the channel, or with another.
    channel: Option<Option<Index>>,
    device: Option<Index>,
    /// Asks about what was spoken of before, and perhaps of the one who spoke.
    pub(crate) echo: Option<(Index, bool)>,
    /// How long after what happened last; a clock may be wrong.
    pub(crate) after_ms: i64,
}

pub(crate) fn ask() -> impl Strategy<Value = Ask> {
    let at = any::<Index>;
    let after_ms = proptest::sample::select(
        &[0, 0, 1_000, 14_999, 15_000, 43_200_000, -86_400_000, 8_640_000_000, 40_000_000_000][..],
    );
    let who = prop_oneof![8 => 0..3usize, 2 => 3..7usize];
    let data = weighted(0.2, (any::<bool>(), at()));
    let channel = weighted(0.1, proptest::option::of(at()));
    let echo = weighted(0.7, (at(), proptest::bool::weighted(0.8)));
    let parts = (who, spot(), data, channel, weighted(0.2, at()), echo, after_ms);
    parts.prop_map(|(who, spot, data, channel, device, echo, after_ms)| Ask {
        who,
        spot,
        data,
        channel,
        device,
        echo,
        after_ms,
    })
}

impl Ask {
    /// The question about what a choice was about.
    pub(crate) fn about(&self, wide: &Wide) -> Self {
        let device = wide.device.or(self.device);
        Self { spot: wide.spot.clone(), device, ..self.clone() }
    }

    /// As it is asked.
    pub(crate) fn request(&self, catalog: &Catalog, subject: Option<SubjectId>) -> Request {
        let nothing = || Declared {
            purpose: "nothing".parse().unwrap(),
            data: "nothing".parse().unwrap(),
            recipient: "nobody".parse().unwrap(),
            channel: None,
        };
        let spot = self.spot.declared(catalog).unwrap_or_else(nothing);
        let data = match &self.data {
            None => spot.data,
            Some((true, _)) => spot.data.parent().unwrap_or(spot.data),
            Some((false, at)) => {
                let below: Vec<_> =
                    catalog.data.keys().filter(|id| spot.data.covers(id)).cloned().collect();
                if below.is_empty() { spot.data } else { at.get(&below).clone() }
            }
        };
        let channels: Vec<_> = catalog.channels.keys().cloned().collect();
        let channel = match &self.channel {
            None => spot.channel,
            Some(other) => {
                other.filter(|_| !channels.is_empty()).map(|at| at.get(&channels).clone())
            }
        };
        Request {
            subject,
            data,
            purpose: spot.purpose,
            recipient: spot.recipient,
            channel,
            device: self.device.map(|at| at.get(&DEVICES).parse().unwrap()),
        }
    }
}
