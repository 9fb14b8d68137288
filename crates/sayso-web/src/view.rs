//! From state to view model: what the person's page shows. Pure but for the history it is given.

mod past;

use sayso_consent::{
    Entry, Event, Id, Position, Timestamp,
    catalog::{Activity, Catalog, Text, text_in},
    event::EffectReport,
};
use sayso_ledger::deliver::{Effect, Stage};

use crate::{
    portal::{Card, ChoiceBox, DataItem, EffectState, NoticeText, RecipientItem, SystemEffect},
    save::{Choosing, Standing, Tick, boxes},
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
        self.with_phrase(self.text(&activity.title), channel)
    }

    fn with_phrase(&self, title: String, channel: Option<&Id>) -> String {
        let phrase = channel.and_then(|id| self.catalog.channels.get(id));
        match phrase.map(|channel| self.text(&channel.phrase)).filter(|phrase| !phrase.is_empty()) {
            Some(phrase) => format!("{title} {phrase}"),
            None => title,
        }
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
        let ticked = |own: &Choosing, label: String| {
            let tick = standing.tick(own);
            let note = (tick == Tick::Part).then(|| words.portal.in_part.to_owned());
            ChoiceBox { name: own.name(), label, ticked: tick.is_ticked(), note }
        };
        let shared = |own: &Choosing| {
            let third_party =
                own.third_party.as_ref().map(|id| self.recipient(id)).unwrap_or_default();
            // Sharing widens a use: while there is none, there is nothing to share.
            let is_idle = !main.iter().any(|own| standing.tick(own).is_ticked());
            let choice = ticked(own, words.shared_with(&third_party));
            let waits = is_idle.then(|| words.portal.sharing_waits.to_owned());
            ChoiceBox { note: waits.or(choice.note), ..choice }
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
    pub(crate) fn effects(&self, effects: &[Effect], history: &[Entry]) -> Vec<SystemEffect> {
        let shown = |effect: &Effect| {
            let declared = self.catalog.recipients.get(&effect.recipient);
            let title = declared.map(|declared| self.text(&declared.title)).unwrap_or_default();
            match effect.deadline {
                Some(due) => waiting(title, effect, due),
                None => settled(title, effect, reported(history, &effect.recipient)),
            }
        };
        effects.iter().map(shown).collect()
    }
}

/// Where a receipt is downloaded.
pub(crate) fn receipt_href(position: Position) -> String {
    format!("/me/receipts/{position}")
}

fn waiting(title: String, effect: &Effect, due: Timestamp) -> SystemEffect {
    let trace = effect.trace;
    let received_at = trace.and_then(|trace| trace.received_at);
    // A try that nobody took has told nobody.
    let told_at = trace.filter(|_| received_at.is_some()).map(|trace| trace.sent_at);
    let trying_since = trace.filter(|_| received_at.is_none()).map(|trace| trace.tried_at);
    SystemEffect {
        title,
        state: state(effect.stage),
        trying_since,
        told_at,
        received_at,
        applied_at: None,
        verified_at: None,
        due: Some(due),
        detail: None,
    }
}

fn state(stage: Stage) -> EffectState {
    match stage {
        // Why nobody tells it is the company's affair; that nobody does yet is what there is to say.
        Stage::Pending | Stage::Parked => EffectState::Waiting,
        Stage::Sent => EffectState::Told,
        Stage::Received => EffectState::Received,
        Stage::Applied => EffectState::Applied,
        Stage::Verified => EffectState::Verified,
        Stage::Overdue => EffectState::Late,
        Stage::Exception => EffectState::Excepted,
        Stage::Unresolved => EffectState::Unresolved,
        Stage::NotApplicable => EffectState::NotNeeded,
    }
}

fn settled(
    title: String,
    effect: &Effect,
    report: Option<(&EffectReport, Timestamp)>,
) -> SystemEffect {
    let told_at = report.and_then(|(report, _)| report.sent_at);
    let received_at = report.and_then(|(report, _)| report.received_at).max(told_at);
    // A system may apply a choice before its answer has arrived, and has a clock of its own.
    let applied_at = report.map(|(report, at)| report.applied_at.unwrap_or(at));
    SystemEffect {
        title,
        state: state(effect.stage),
        trying_since: None,
        told_at,
        received_at,
        applied_at: applied_at.max(received_at).max(told_at),
        verified_at: effect.verified_at,
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

#[cfg(test)]
mod tests {
    use sayso_ledger::deliver::Trace;

    use super::*;

    fn effect(stage: Stage, trace: Option<Trace>) -> Effect {
        Effect {
            recipient: "mailer".parse().unwrap(),
            stage,
            position: None,
            trace,
            applied_at: None,
            verified_at: None,
            deadline: Some(Timestamp(100)),
            exception: None,
            parked: None,
        }
    }

    #[test]
    fn told_is_said_once_it_is_true() {
        let trace = |received_at| {
            let (tried_at, sent_at) = (Timestamp(10), Timestamp(70));
            Some(Trace { position: Position::at(1), tried_at, sent_at, received_at })
        };
        let row = |stage, trace| waiting("Mailer".into(), &effect(stage, trace), Timestamp(100));
        let tried = row(Stage::Sent, trace(None));
        assert_eq!((tried.told_at, tried.trying_since), (None, Some(Timestamp(10))));
        let late = row(Stage::Overdue, trace(None));
        assert_eq!((late.state, late.told_at), (EffectState::Late, None));
        let taken = row(Stage::Received, trace(Some(Timestamp(71))));
        assert_eq!((taken.told_at, taken.trying_since), (Some(Timestamp(70)), None));
    }

    #[test]
    fn what_was_applied_was_received_before() {
        let report = EffectReport {
            recipient: "mailer".parse().unwrap(),
            through: Position::at(1),
            applied_at: Some(Timestamp(5)),
            sent_at: Some(Timestamp(6)),
            received_at: Some(Timestamp(9)),
            detail: None,
            former: None,
        };
        let applied = effect(Stage::Applied, None);
        let row = settled("Mailer".into(), &applied, Some((&report, Timestamp(8))));
        assert_eq!((row.received_at, row.applied_at), (Some(Timestamp(9)), Some(Timestamp(9))));
    }
}
