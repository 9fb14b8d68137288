//! Whether a box is ticked: asked of the very rule that decides, for the page must not say no where
//! a use is allowed.
//!
//! What a box is about is often allowed in part: to one recipient, for one kind of the data, for one
//! device. So each use is asked about as a whole and, where the person's choices or a household go
//! into detail, in all its details.

use sayso_consent::{
    Id, Scope,
    catalog::Activity,
    request::{Reason, Request},
};
use sayso_decision::decide::{Passing, decide};

use super::{Choosing, Standing, boxes, main_recipients, product, ways};

/// How much of what a box is about is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    No,
    Part,
    Whole,
}

impl Tick {
    /// Whether the box is ticked: whether unticking it would take anything away.
    pub(crate) fn is_ticked(self) -> bool {
        self != Self::No
    }

    /// What several come to.
    fn of(all: impl IntoIterator<Item = Self>) -> Self {
        let mut all = all.into_iter();
        let Some(first) = all.next() else { return Self::No };
        all.fold(first, |one, other| if one == other { one } else { Self::Part })
    }
}

impl Standing<'_> {
    /// How a box stands.
    pub(crate) fn tick(&self, own: &Choosing) -> Tick {
        let catalog = &self.in_force.catalog;
        let Some(activity) = catalog.activities.get(&own.activity) else { return Tick::No };
        let (recipients, channels) = match &own.third_party {
            None => (main_recipients(catalog, activity), vec![own.channel.as_ref()]),
            Some(third_party) => (vec![third_party], self.shared_ways(own, activity)),
        };
        let uses = product(activity, &recipients, &channels);
        Tick::of(uses.iter().map(|scope| self.stands(&own.activity, scope)))
    }

    /// Whether the use that a scope names is allowed as a whole.
    pub(super) fn allows(&self, activity: &Id, scope: &Scope) -> bool {
        let request = self.request(scope);
        request.is_some_and(|request| self.is_allowed(activity, &request) == Some(true))
    }

    /// The ways over which a third party could have what is used: those that are ticked; where the
    /// third party has it over another, that one counts as well.
    fn shared_ways<'a>(&self, own: &Choosing, activity: &'a Activity) -> Vec<Option<&'a Id>> {
        let (main, _) = boxes(&self.in_force.catalog, &own.activity, activity);
        let is_used = |channel: &Option<&Id>| {
            let mut same = main.iter().filter(|way| way.channel.as_ref() == *channel);
            same.any(|way| self.tick(way).is_ticked())
        };
        let third_party: Vec<&Id> = own.third_party.iter().collect();
        let has_it = |channel: &Option<&Id>| {
            let uses = product(activity, &third_party, &[*channel]);
            uses.iter().any(|scope| self.stands(&own.activity, scope).is_ticked())
        };
        ways(activity).into_iter().filter(|channel| is_used(channel) || has_it(channel)).collect()
    }

    /// The request for what a scope names; none if it leaves open why, what or who.
    fn request(&self, scope: &Scope) -> Option<Request> {
        Some(Request {
            subject: Some(self.subject),
            data: scope.data.clone()?,
            purpose: scope.purpose.clone()?,
            recipient: scope.recipient.clone()?,
            channel: scope.channel.clone(),
            device: None,
        })
    }

    /// How one use stands, in all its details.
    fn stands(&self, activity: &Id, scope: &Scope) -> Tick {
        let asked = self.request(scope).map(|whole| self.details(&whole)).unwrap_or_default();
        let said = asked.iter().filter_map(|request| self.is_allowed(activity, request));
        Tick::of(said.map(|is_allowed| if is_allowed { Tick::Whole } else { Tick::No }))
    }

    /// Whether a request is allowed under an activity; none if that does not cover it, or a promise
    /// keeps it out of everybody's hands.
    fn is_allowed(&self, activity: &Id, request: &Request) -> Option<bool> {
        let (people, state) = (self.snapshot, Some(self.state));
        let decision =
            decide(Some(self.in_force), people, state, request, self.at, Passing::LeftOut);
        let is_own = decision.activity.as_ref() == Some(activity);
        (is_own && decision.reason != Reason::PromisedNever).then(|| decision.allow())
    }

    /// A use, and everything below it that choices tell apart: the person's own, which are at hand,
    /// and those of a household, where everything is taken to be told apart.
    fn details(&self, whole: &Request) -> Vec<Request> {
        let (catalog, choices) = (&self.in_force.catalog, &self.state.choices);
        let is_household = catalog.is_household(&whole.data);
        let purposes = self.parts(&whole.purpose, catalog.purposes.keys(), |own| &own.purpose);
        let recipients =
            self.parts(&whole.recipient, catalog.recipients.keys(), |own| &own.recipient);
        let data = match is_household {
            true => below(&whole.data, catalog.data.keys()),
            false => self.parts(&whole.data, catalog.data.keys(), |own| &own.data),
        };
        let mut devices = vec![None];
        if is_household || choices.iter().any(|held| held.scope.device.is_some()) {
            devices.extend(self.state.devices.iter().map(|link| Some(link.device.clone())));
        }
        let mut all = vec![whole.clone()];
        all = each(&all, &purposes, |own, purpose| Request { purpose: purpose.clone(), ..own });
        all = each(&all, &data, |own, data| Request { data: data.clone(), ..own });
        all = each(&all, &recipients, |own, id| Request { recipient: id.clone(), ..own });
        each(&all, &devices, |own, device| Request { device: device.clone(), ..own })
    }

    /// A node, and those below it if a choice names one of them.
    fn parts<'a>(
        &self,
        own: &Id,
        known: impl Iterator<Item = &'a Id>,
        of: fn(&Scope) -> &Option<Id>,
    ) -> Vec<Id> {
        let mut named = self.state.choices.iter().filter_map(|held| of(&held.scope).as_ref());
        let are_told_apart = named.any(|id| id != own && own.covers(id));
        if are_told_apart { below(own, known) } else { vec![own.clone()] }
    }
}

/// A node and those below it.
fn below<'a>(own: &Id, known: impl Iterator<Item = &'a Id>) -> Vec<Id> {
    let below = known.filter(|id| *id != own && own.covers(id)).cloned();
    std::iter::once(own.clone()).chain(below).collect()
}

/// Each request with each value.
fn each<T>(all: &[Request], values: &[T], with: impl Fn(Request, &T) -> Request) -> Vec<Request> {
    all.iter().flat_map(|own| values.iter().map(|value| with(own.clone(), value))).collect()
}
