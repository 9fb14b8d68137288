//! Catalogs: those of the examples, and what chance changes about them.

use std::sync::LazyLock;

use proptest::{prelude::*, sample::Index};
use sayso_consent::{
    Catalog, Id, Scope,
    catalog::{Activity, LegalBasis, Promise, QuietHours, Text},
};

const OVENS: &str = include_str!("../../../../examples/hearth/catalog.yaml");
const WATERWORKS: &str = include_str!("../../../../golden/catalogs/waterworks.yaml");

static HEARTH: LazyLock<Catalog> = LazyLock::new(|| read(OVENS));
static TOWN: LazyLock<Catalog> = LazyLock::new(|| read(WATERWORKS));

fn read(text: &str) -> Catalog {
    sayso_catalog::read(text, "catalog.yaml").unwrap()
}

/// What is declared when a story begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum First {
    /// Hearth's catalog.
    Hearth,
    /// The same without deadlines: nobody is ever overdue.
    Patient,
    /// The waterworks'.
    Town,
}

pub(crate) fn first() -> impl Strategy<Value = First> {
    prop_oneof![10 => Just(First::Patient), 4 => Just(First::Hearth), 1 => Just(First::Town)]
}

impl First {
    pub(crate) fn catalog(self) -> Catalog {
        match self {
            Self::Hearth => HEARTH.clone(),
            Self::Town => TOWN.clone(),
            Self::Patient => {
                let mut catalog = HEARTH.clone();
                for recipient in catalog.recipients.values_mut() {
                    recipient.effect_deadline = None;
                }
                catalog
            }
        }
    }
}

/// What the company changes about the catalog in force.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Begin again with one of the examples.
    Whole(First),
    /// A new version of a notice.
    Publish { notice: Index, material: bool },
    /// Another ground for an activity.
    Basis { activity: Index, basis: LegalBasis },
    /// An activity ends.
    End { activity: Index },
    /// An activity reaches people over any channel, or over one only.
    Channels { activity: Index, one: Option<Index> },
    /// A promise never to do what an activity does.
    Promise { activity: Index, data: Index },
    /// A category concerns a whole household, or no more.
    Household { data: Index },
    /// A system gets a deadline, or is rid of it.
    Deadline { recipient: Index, deadline: Option<&'static str> },
    /// A channel rests at noon, or never.
    Quiet { channel: Index, rests: bool },
    /// A system leaves, though activities still name it.
    Leave { recipient: Index },
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let basis = proptest::sample::select(
        &[
            LegalBasis::Consent,
            LegalBasis::Contract,
            LegalBasis::LegitimateInterests,
            LegalBasis::PublicTask,
            LegalBasis::VitalInterests,
        ][..],
    );
    let deadline = proptest::sample::select(&[None, Some("15 seconds"), Some("2 days")][..]);
    prop_oneof![
        1 => first().prop_map(Change::Whole),
        8 => (at(), any::<bool>()).prop_map(|(notice, material)| Change::Publish { notice, material }),
        2 => (at(), basis).prop_map(|(activity, basis)| Change::Basis { activity, basis }),
        1 => at().prop_map(|activity| Change::End { activity }),
        1 => (at(), proptest::option::of(at()))
            .prop_map(|(activity, one)| Change::Channels { activity, one }),
        2 => (at(), at()).prop_map(|(activity, data)| Change::Promise { activity, data }),
        1 => at().prop_map(|data| Change::Household { data }),
        1 => (at(), deadline).prop_map(|(recipient, deadline)| Change::Deadline { recipient, deadline }),
        1 => (at(), any::<bool>()).prop_map(|(channel, rests)| Change::Quiet { channel, rests }),
        1 => at().prop_map(|recipient| Change::Leave { recipient }),
    ]
}

/// One of a map's values, if it has any.
fn one<'a, V>(map: impl ExactSizeIterator<Item = V> + 'a, at: &Index) -> Option<V> {
    let mut map = map;
    let len = map.len();
    if len == 0 { None } else { map.nth(at.index(len)) }
}

/// One of the activities; those that people have a say in come up most.
pub(crate) fn activity<'a>(catalog: &'a Catalog, at: &Index) -> Option<(&'a Id, &'a Activity)> {
    let mut all: Vec<_> = catalog.activities.iter().collect();
    let is_choosable = |(_, activity): &(&Id, &Activity)| activity.basis.is_choosable();
    let choosable: Vec<_> = all.iter().copied().filter(is_choosable).collect();
    all.extend(choosable.repeat(3));
    one(all.into_iter(), at)
}

/// A new version of a notice.
pub(crate) fn publish(catalog: &mut Catalog, notice: &Id, material: bool) {
    if let Some(versions) = catalog.notices.get_mut(notice) {
        let mut newest = versions.last().unwrap().clone();
        (newest.version, newest.material) = (newest.version + 1, material);
        versions.push(newest);
    }
}

impl Change {
    /// The catalog with this changed.
    pub(crate) fn of(&self, catalog: &Catalog) -> Catalog {
        let mut next = catalog.clone();
        match self {
            Self::Whole(first) => next = first.catalog(),
            Self::Publish { notice, material } => {
                if let Some(id) = one(catalog.notices.keys(), notice) {
                    publish(&mut next, id, *material);
                }
            }
            Self::Quiet { channel, rests } => {
                let noon = || QuietHours { from: "11:00".into(), to: "14:00".into() };
                if let Some(channel) = one(next.channels.values_mut(), channel) {
                    channel.quiet_hours = rests.then(noon);
                }
            }
            Self::Household { data } => {
                if let Some(data) = one(next.data.values_mut(), data) {
                    data.household = !data.household;
                }
            }
            Self::Deadline { recipient, deadline } => {
                if let Some(recipient) = one(next.recipients.values_mut(), recipient) {
                    recipient.effect_deadline = deadline.map(|deadline| deadline.parse().unwrap());
                }
            }
            Self::Leave { recipient } => {
                let gone = one(next.recipients.keys(), recipient).cloned();
                next.recipients.retain(|id, _| Some(id) != gone.as_ref());
            }
            Self::Basis { .. }
            | Self::End { .. }
            | Self::Channels { .. }
            | Self::Promise { .. } => {
                self.of_activity(&mut next);
            }
        }
        next
    }

    fn of_activity(&self, next: &mut Catalog) {
        let (Self::Basis { activity: at, .. }
        | Self::End { activity: at }
        | Self::Channels { activity: at, .. }
        | Self::Promise { activity: at, .. }) = self
        else {
            return;
        };
        let Some(id) = activity(next, at).map(|(id, _)| id.clone()) else { return };
        let Some(activity) = next.activities.get_mut(&id) else { return };
        match self {
            Self::Basis { basis, .. } => activity.basis = *basis,
            Self::Channels { one: only, .. } => {
                let only = only.as_ref().and_then(|at| one(next.channels.keys(), at));
                activity.channels = only.cloned().into_iter().collect();
            }
            Self::Promise { data, .. } => {
                let never = Scope {
                    purpose: Some(activity.purpose.clone()),
                    data: one(activity.data.iter(), data).cloned(),
                    ..Scope::default()
                };
                next.promises.insert(id, Promise { title: Text::new(), never: vec![never] });
            }
            _ => drop(next.activities.remove(&id)),
        }
    }
}
