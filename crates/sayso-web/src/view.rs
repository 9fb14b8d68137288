//! From state to view model: what the person's page shows. Pure but for the history it is given.

use sayso_consent::{
    Entry, Event, Id, Position, Scope, SubjectState, Timestamp,
    catalog::{Activity, Catalog, Text, text_in},
    choice::Choice,
    event::EffectReport,
};
use sayso_ledger::deliver::Trace;

use crate::{
    portal::{
        Card, ChoiceBox, DataItem, EffectState, Happened, HistoryEntry, NoticeText, RecipientItem,
        SystemEffect, Voice,
    },
    save::{Choosing, Standing, boxes},
    words::Words,
};

/// A catalog in one language.
pub(crate) struct Spoken<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) language: &'a str,
}

impl Spoken<'_> {
    fn text(&self, text: &Text) -> String {
        text_in(text, self.language, &self.catalog.languages).to_owned()
    }

    fn recipient(&self, id: &Id) -> String {
        let known = self.catalog.recipients.get(id);
        known.map_or_else(|| id.to_string(), |recipient| self.text(&recipient.title))
    }

    fn namespace(&self, id: &Id) -> String {
        let known = self.catalog.namespaces.get(id);
        known.map_or_else(|| id.to_string(), |namespace| self.text(&namespace.title))
    }

    fn data(&self, id: &Id) -> String {
        self.catalog.data.get(id).map_or_else(|| id.to_string(), |data| self.text(&data.title))
    }

    /// `Offers by e-mail`: an activity and how it reaches the person.
    fn label(&self, activity: &Activity, channel: Option<&Id>) -> String {
        let title = self.text(&activity.title);
        let phrase = channel.and_then(|id| self.catalog.channels.get(id));
        match phrase.map(|channel| self.text(&channel.phrase)).filter(|phrase| !phrase.is_empty()) {
            Some(phrase) => format!("{title} {phrase}"),
            None => title,
        }
    }

    /// A scope in words: the activity's title where one fits, else the purpose's.
    fn scope(&self, scope: &Scope) -> String {
        let fits = |activity: &&Activity| {
            scope.purpose.as_ref() == Some(&activity.purpose)
                && scope.data.as_ref().is_none_or(|data| activity.data.contains(data))
        };
        let activity = self.catalog.activities.values().find(fits);
        let purpose = || scope.purpose.as_ref().and_then(|id| self.catalog.purposes.get(id));
        let what = match (activity, purpose()) {
            (Some(activity), _) => self.label(activity, scope.channel.as_ref()),
            (None, Some(purpose)) => {
                let channel = scope.channel.as_ref().and_then(|id| self.catalog.channels.get(id));
                let phrase = channel.map(|channel| self.text(&channel.phrase)).unwrap_or_default();
                format!("{} {phrase}", self.text(&purpose.title)).trim().to_owned()
            }
            (None, None) => {
                let channel = scope.channel.as_ref().and_then(|id| self.catalog.channels.get(id));
                channel.map_or_else(|| "\u{2026}".to_owned(), |channel| self.text(&channel.title))
            }
        };
        let data = scope.data.as_ref().map(|id| self.data(id));
        let recipient = scope.recipient.as_ref().map(|id| self.recipient(id));
        let device = scope.device.as_ref().map(|id| self.device(id));
        let more: Vec<String> = [data, recipient, device].into_iter().flatten().collect();
        if more.is_empty() { what } else { format!("{what} ({})", more.join(", ")) }
    }

    fn device(&self, id: &Id) -> String {
        let kind = if id.is_device() { id.parent() } else { Some(id.clone()) };
        let known = kind.and_then(|kind| self.catalog.device_types.get(&kind));
        known.map_or_else(|| id.to_string(), |kind| self.text(&kind.title))
    }

    /// The cards that have boxes, and those that have none.
    pub(crate) fn cards(&self, standing: &Standing) -> (Vec<Card>, Vec<Card>) {
        let mut yours = Vec::new();
        let mut always = Vec::new();
        for (id, activity) in &self.catalog.activities {
            let card = self.card(standing, id, activity);
            if activity.basis.is_choosable() { yours.push(card) } else { always.push(card) }
        }
        (yours, always)
    }

    fn card(&self, standing: &Standing, id: &Id, activity: &Activity) -> Card {
        let words = Words::of(self.language);
        let (main, sharing) = match activity.basis.is_choosable() {
            true => boxes(self.catalog, id, activity),
            false => (Vec::new(), Vec::new()),
        };
        let ticked = |own: &Choosing, label: String| ChoiceBox {
            name: own.name(),
            label,
            ticked: standing.is_ticked(own),
            note: None,
        };
        let shared = |own: &Choosing| {
            let third_party =
                own.third_party.as_ref().map(|id| self.recipient(id)).unwrap_or_default();
            ticked(own, words.shared_with(&third_party))
        };
        let data = |id: &Id| DataItem {
            title: self.data(id),
            sensitive: self
                .catalog
                .data
                .iter()
                .any(|(own, data)| data.sensitive && id.overlaps(own)),
            household: self.catalog.is_household(id),
        };
        let recipient = |id: &Id| {
            let declared = self.catalog.recipients.get(id)?;
            let country = declared.country.clone();
            Some(RecipientItem { title: self.text(&declared.title), kind: declared.kind, country })
        };
        let notice = activity.notice.as_ref().and_then(|id| self.catalog.notice(id));
        Card {
            title: self.text(&activity.title),
            description: self.text(&activity.description),
            data: activity.data.iter().map(data).collect(),
            recipients: activity.recipients.iter().filter_map(recipient).collect(),
            retention: activity.retention,
            basis: activity.basis,
            notice: notice.map(|notice| NoticeText {
                version: notice.version,
                text: self.text(&notice.text),
            }),
            boxes: main
                .iter()
                .map(|own| ticked(own, self.label(activity, own.channel.as_ref())))
                .collect(),
            sharing: sharing.iter().map(shared).collect(),
        }
    }

    /// What the company promises never to do.
    pub(crate) fn promises(&self) -> Vec<String> {
        self.catalog.promises.values().map(|promise| self.text(&promise.title)).collect()
    }

    /// What every system that keeps permissions has done, given the person's history newest first.
    pub(crate) fn effects(
        &self,
        state: &SubjectState,
        history: &[Entry],
        trace: impl Fn(&Id) -> Option<Trace>,
        at: Timestamp,
    ) -> Vec<SystemEffect> {
        let told = self.catalog.recipients.iter().filter(|(_, own)| own.effect_deadline.is_some());
        told.map(|(id, declared)| {
            let known =
                declared.namespace.as_ref().is_some_and(|namespace| state.has_namespace(namespace));
            let own = state.pending.iter().filter(|pending| pending.recipient == *id);
            let due = own.clone().map(|pending| pending.due).min();
            let newest = own.map(|pending| pending.position).max();
            let title = self.text(&declared.title);
            match (newest, due) {
                (Some(newest), Some(due)) => {
                    waiting(title, due, trace(id).filter(|trace| trace.position == newest), at)
                }
                _ => settled(title, known, reported(history, id)),
            }
        })
        .collect()
    }

    /// The person's history in words.
    pub(crate) fn history(&self, entries: &[Entry]) -> Vec<HistoryEntry> {
        entries.iter().filter_map(|entry| self.history_entry(entry)).collect()
    }

    fn history_entry(&self, entry: &Entry) -> Option<HistoryEntry> {
        let happened: Vec<_> =
            entry.events.iter().filter_map(|event| self.happened(event, entry.at)).collect();
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
            Event::ChoiceRecorded(Choice { effect, scope, actor, method, .. }) => Happened::Chose {
                voice: Voice::of(actor, *method),
                effect: *effect,
                what: self.scope(scope),
            },
            Event::EffectReported(report) => {
                Happened::Applied { system: self.recipient(&report.recipient) }
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
            Event::CatalogApplied { .. }
            | Event::SubjectErased
            | Event::KeyCreated(_)
            | Event::KeyRevoked { .. }
            | Event::LedgerRestored { .. } => return None,
        })
    }
}

/// Where a receipt is downloaded.
pub(crate) fn receipt_href(position: Position) -> String {
    format!("/me/receipts/{position}")
}

fn waiting(title: String, due: Timestamp, trace: Option<Trace>, at: Timestamp) -> SystemEffect {
    let received_at = trace.and_then(|trace| trace.received_at);
    let state = match (due <= at, trace, received_at) {
        (true, ..) => EffectState::Late,
        (_, _, Some(_)) => EffectState::Received,
        (_, Some(_), None) => EffectState::Told,
        (_, None, _) => EffectState::Waiting,
    };
    let told_at = trace.map(|trace| trace.sent_at);
    SystemEffect {
        title,
        state,
        told_at,
        received_at,
        applied_at: None,
        due: Some(due),
        detail: None,
    }
}

fn settled(
    title: String,
    is_known: bool,
    report: Option<(&EffectReport, Timestamp)>,
) -> SystemEffect {
    let state = if is_known { EffectState::Applied } else { EffectState::NotNeeded };
    SystemEffect {
        title,
        state,
        told_at: report.and_then(|(report, _)| report.sent_at),
        received_at: report.and_then(|(report, _)| report.received_at),
        applied_at: report.map(|(report, at)| report.applied_at.unwrap_or(at)),
        due: None,
        detail: report.and_then(|(report, _)| report.detail.clone()),
    }
}

/// The newest report of a system, and when it was recorded.
fn reported<'a>(history: &'a [Entry], recipient: &Id) -> Option<(&'a EffectReport, Timestamp)> {
    history.iter().find_map(|entry| {
        entry.events.iter().find_map(|event| match event {
            Event::EffectReported(report) if report.recipient == *recipient => {
                Some((report, entry.at))
            }
            _ => None,
        })
    })
}
