//! A person's history in words.

use std::collections::BTreeSet;

use sayso_consent::{Entry, Event, Id, Scope, Timestamp, catalog::Activity, choice::Effect};

use super::{Spoken, receipt_href};
use crate::{
    portal::{Happened, HistoryEntry, Voice},
    save::parties,
    words::Words,
};

impl Spoken<'_> {
    /// The person's history in words.
    pub(crate) fn history(&self, entries: &[Entry]) -> Vec<HistoryEntry> {
        entries.iter().filter_map(|entry| self.history_entry(entry)).collect()
    }

    fn history_entry(&self, entry: &Entry) -> Option<HistoryEntry> {
        let rest = entry.events.iter().filter_map(|event| self.happened(event, entry.at));
        let mut happened: Vec<Happened> = rest.collect();
        happened.extend(self.chosen(entry));
        let receipt_href = receipt_href(entry.position);
        (!happened.is_empty()).then_some(HistoryEntry {
            at: entry.at,
            position: entry.position,
            happened,
            receipt_href,
        })
    }

    fn happened(&self, event: &Event, at: Timestamp) -> Option<Happened> {
        Some(match event {
            Event::EffectReported(report) => {
                Happened::Applied { system: self.recipient(&report.recipient) }
            }
            Event::DriftFound { recipient } => {
                Happened::Drifted { system: self.recipient(recipient) }
            }
            Event::ExceptionAccepted { recipient, .. } => {
                Happened::Excepted { system: self.recipient(recipient) }
            }
            Event::SubjectCreated { .. } => Happened::BecameKnown,
            Event::IdentifierAdded(identifier) => {
                Happened::IdentifierAdded { kind: self.namespace(&identifier.namespace) }
            }
            Event::IdentifierRemoved { namespace, .. } => {
                Happened::IdentifierRemoved { kind: self.namespace(namespace) }
            }
            Event::RelationshipChanged { is_active } => {
                Happened::RelationshipChanged { is_active: *is_active }
            }
            Event::RestrictionChanged { is_restricted } => {
                Happened::RestrictionChanged { is_restricted: *is_restricted }
            }
            Event::MinorityChanged { minor_until } => {
                Happened::MinorityChanged { is_minor: minor_until.is_some_and(|until| until > at) }
            }
            Event::GuardianChanged { is_guardian, .. } => {
                Happened::GuardianChanged { is_guardian: *is_guardian }
            }
            Event::DeviceAcquired { device, .. } => {
                Happened::DeviceAcquired { device: self.device(device) }
            }
            Event::DeviceReleased { device } => {
                Happened::DeviceReleased { device: self.device(device) }
            }
            Event::HouseholdChanged { device, .. } => {
                Happened::HouseholdChanged { device: self.device(device) }
            }
            Event::ErasureRequested => Happened::ErasureRequested,
            Event::ChoiceRecorded(_)
            | Event::DeliveryParked { .. }
            | Event::DeliveryRepeated { .. }
            | Event::SinkDeclared { .. }
            | Event::SinkModeChanged { .. }
            | Event::SinkReplayed { .. }
            | Event::SinkCompared { .. }
            | Event::SinkRemoved { .. }
            | Event::CatalogApplied { .. }
            | Event::SubjectErased
            | Event::KeyCreated(_)
            | Event::KeyRevoked { .. }
            | Event::LedgerRestored { .. } => return None,
        })
    }
    /// What was said, one line for each box rather than one for each use that the box covers.
    fn chosen(&self, entry: &Entry) -> Vec<Happened> {
        let mut lines: Vec<(Voice, Effect, What, Vec<&Scope>)> = Vec::new();
        for event in &entry.events {
            let Event::ChoiceRecorded(choice) = event else { continue };
            let (voice, effect) = (Voice::of(&choice.actor, choice.method), choice.effect);
            let what = self.what(&choice.scope);
            match lines.iter_mut().find(|line| (line.0, line.1, &line.2) == (voice, effect, &what))
            {
                Some((.., scopes)) => scopes.push(&choice.scope),
                None => lines.push((voice, effect, what, vec![&choice.scope])),
            }
        }
        lines
            .into_iter()
            .map(|(voice, effect, what, scopes)| Happened::Chose {
                voice,
                effect,
                what: self.in_words(&what, &scopes),
            })
            .collect()
    }

    /// What a scope is about. A person chooses among the activities that have a box, so none of
    /// the others may lend its name, and none lends it if the scope speaks of several.
    fn what(&self, scope: &Scope) -> What {
        let channel = scope.channel.clone();
        let Some(purpose) = &scope.purpose else { return What::Anything { channel } };
        let is_meant = |(_, activity): &(&Id, &Activity)| {
            activity.basis.is_choosable()
                && activity.purpose == *purpose
                && scope.data.as_ref().is_none_or(|data| activity.data.contains(data))
        };
        let mut meant = self.catalog.activities.iter().filter(is_meant).map(|(id, _)| id);
        match (meant.next(), meant.next()) {
            (Some(activity), None) => What::Activity { activity: activity.clone(), channel },
            _ => What::Purpose { purpose: purpose.clone(), channel },
        }
    }

    fn in_words(&self, what: &What, scopes: &[&Scope]) -> String {
        let (name, activity) = match what {
            What::Activity { activity, channel } => {
                let declared = self.catalog.activities.get(activity);
                let name = declared.map(|own| self.label(own, channel.as_ref()));
                (name.unwrap_or_else(|| activity.to_string()), declared)
            }
            What::Purpose { purpose, channel } => {
                let known = self.catalog.purposes.get(purpose);
                let title = known.map_or_else(|| purpose.to_string(), |own| self.text(&own.title));
                (self.with_phrase(title, channel.as_ref()), None)
            }
            What::Anything { channel } => {
                let everything = Words::of(self.language).portal.everything.to_owned();
                (self.with_phrase(everything, channel.as_ref()), None)
            }
        };
        let details = self.details(activity, scopes);
        if details.is_empty() { name } else { format!("{name} ({})", details.join(", ")) }
    }

    /// What the name leaves open: a part of the data, somebody in particular, a device.
    fn details(&self, activity: Option<&Activity>, scopes: &[&Scope]) -> Vec<String> {
        let data: BTreeSet<&Id> = scopes.iter().filter_map(|scope| scope.data.as_ref()).collect();
        let whole = |own: &Activity| own.data.iter().all(|id| data.contains(id));
        let is_any = scopes.iter().any(|scope| scope.data.is_none()) || activity.is_some_and(whole);
        let named = scopes.iter().filter_map(|scope| scope.recipient.as_ref());
        let named: BTreeSet<&Id> = named.collect();
        let devices = scopes.iter().filter_map(|scope| scope.device.as_ref());
        let devices: BTreeSet<&Id> = devices.collect();
        let mut details = Vec::new();
        if !is_any {
            details.extend(data.into_iter().map(|id| self.data(id)));
        }
        let own = activity.map(|activity| parties(self.catalog, activity).0).unwrap_or_default();
        // Those who work for the company go without saying, unless only some of them are meant.
        let is_every_own = own.iter().all(|id| named.contains(*id));
        let told = named.into_iter().filter(|id| !is_every_own || !own.contains(id));
        details.extend(told.map(|id| self.recipient(id)));
        details.extend(devices.into_iter().map(|id| self.device(id)));
        details
    }
}

/// What a line of the history is about.
#[derive(PartialEq, Eq)]
enum What {
    Activity { activity: Id, channel: Option<Id> },
    Purpose { purpose: Id, channel: Option<Id> },
    Anything { channel: Option<Id> },
}

#[cfg(test)]
mod tests {
    use sayso_consent::{
        Choice, Position,
        catalog::Catalog,
        choice::{Actor, Method},
        event::VERSION,
    };

    use super::*;

    /// Two activities of one purpose: one in the contract, one with a box; and one with a channel.
    const CATALOG: &str = r#"{
        "sayso": 1, "organisation": {"name": "H", "contact": "c", "country": "DE"}, "languages": ["en"],
        "time_zone": "UTC",
        "data": {"usage": {"title": {"en": "Usage"}}, "camera": {"title": {"en": "Pictures"}},
            "contact": {"title": {"en": "Contact"}}, "birthday": {"title": {"en": "Birthday"}}},
        "purposes": {"support": {"title": {"en": "Support"}}, "offers": {"title": {"en": "Offering"}}},
        "recipients": {
            "mailer": {"title": {"en": "Mailer"}, "kind": "processor", "country": "DE"},
            "crm": {"title": {"en": "Records"}, "kind": "own", "country": "DE"},
            "partner": {"title": {"en": "Partner"}, "kind": "third_party", "country": "US"}},
        "channels": {"email": {"title": {"en": "E-mail"}, "phrase": {"en": "by e-mail"}}},
        "activities": {
            "help": {"title": {"en": "Help"}, "purpose": "support", "data": ["usage"],
                "recipients": ["crm"], "basis": "contract", "retention": "1 year"},
            "look": {"title": {"en": "Help with pictures"}, "purpose": "support", "data": ["camera"],
                "recipients": ["crm"], "basis": "consent", "retention": "1 year"},
            "offers": {"title": {"en": "Offers"}, "purpose": "offers", "data": ["contact", "birthday"],
                "recipients": ["mailer", "crm", "partner"], "basis": "consent",
                "channels": ["email"], "retention": "1 year"}}}"#;

    /// Effect, purpose, data, recipient, channel.
    type Said = (Effect, &'static str, &'static str, &'static str, &'static str);

    /// The lines for choices that were made at once.
    fn lines(said: &[Said]) -> Vec<String> {
        let catalog: Catalog = serde_json::from_str(CATALOG).unwrap();
        let id = |text: &str| (!text.is_empty()).then(|| text.parse::<Id>().unwrap());
        let choice = |(effect, purpose, data, recipient, channel): &Said| {
            let (purpose, data) = (id(purpose), id(data));
            let (recipient, channel) = (id(recipient), id(channel));
            let scope = Scope { purpose, data, recipient, channel, device: None };
            let own = Choice::of_person(*effect, scope);
            Event::ChoiceRecorded(Choice { actor: Actor::Person, method: Method::Portal, ..own })
        };
        let entry = Entry {
            v: VERSION,
            position: Position::at(1),
            at: Timestamp(0),
            subject: None,
            by: "test".into(),
            events: said.iter().map(choice).collect(),
        };
        let spoken = Spoken { catalog: &catalog, language: "en" };
        let happened = spoken.history(&[entry]).remove(0).happened;
        happened.iter().map(|one| (Words::of("en").portal.happened)(one)).collect()
    }

    #[test]
    fn a_choice_is_named_after_its_box() {
        use Effect::{Denial, Grant};
        for (said, line) in [
            (vec![(Grant, "support", "camera", "crm", "")], "You said yes to Help with pictures"),
            (vec![(Denial, "support", "", "", "")], "You said no to Help with pictures"),
            (vec![(Denial, "", "", "", "email")], "You said no to everything by e-mail"),
            (
                vec![(Grant, "offers", "contact", "mailer", "email")],
                "You said yes to Offers by e-mail (Contact, Mailer)",
            ),
        ] {
            assert_eq!(lines(&said), [line]);
        }
    }

    #[test]
    fn one_tick_is_one_line() {
        let cells = |recipients: &[&'static str]| {
            let mut cells: Vec<Said> = Vec::new();
            for data in ["contact", "birthday"] {
                cells.extend(
                    recipients.iter().map(|own| (Effect::Grant, "offers", data, *own, "email")),
                );
            }
            cells
        };
        assert_eq!(lines(&cells(&["mailer", "crm"])), ["You said yes to Offers by e-mail"]);
        let shared = lines(&cells(&["mailer", "crm", "partner"]));
        assert_eq!(shared, ["You said yes to Offers by e-mail (Partner)"]);
    }
}
