//! What the company declares: data, purposes, recipients, channels, devices, activities, notices
//! and promises. One value, checked as a whole by `sayso-catalog`, recorded whole on the ledger.
//!
//! The types double as the written form: the published JSON Schema is derived from them.

mod recipient;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{Id, Position},
    scope::{Dimensions, Scope, overlaps},
    time::{Span, Timestamp},
};

pub use recipient::{Deadlines, Nameless, Recipient, RecipientKind};

/// A text by language tag: `{en: "Offers", de: "Angebote"}`.
pub type Text = BTreeMap<String, String>;

/// The text in a language, else in the first language of the catalog, else any.
pub fn text_in<'a>(text: &'a Text, language: &str, languages: &[String]) -> &'a str {
    let first = || languages.first().and_then(|first| text.get(first));
    text.get(language).or_else(first).or_else(|| text.values().next()).map_or("", String::as_str)
}

/// All that the company declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The version of this format: 1.
    pub sayso: u32,
    /// Who answers for the data (GDPR Art. 4(7) controller, DPV `dpv:DataController`).
    pub organisation: Organisation,
    /// The languages that every text comes in; the first is used where another is missing.
    pub languages: Vec<String>,
    /// The IANA time zone in which quiet hours are read.
    pub time_zone: String,
    /// The kinds of identifiers that systems know people by.
    #[serde(default)]
    pub namespaces: BTreeMap<Id, Namespace>,
    /// Categories of personal data (DPV `dpv:PersonalData`); dots make a tree.
    pub data: BTreeMap<Id, Data>,
    /// Purposes (DPV `dpv:Purpose`); dots make a tree.
    pub purposes: BTreeMap<Id, Purpose>,
    /// Who uses data (DPV `dpv:Recipient`).
    pub recipients: BTreeMap<Id, Recipient>,
    /// How a person is reached.
    #[serde(default)]
    pub channels: BTreeMap<Id, Channel>,
    /// The types of connected things.
    #[serde(default)]
    pub device_types: BTreeMap<Id, DeviceType>,
    /// The versions of each notice (DPV `dpv:Notice`), oldest first.
    #[serde(default)]
    pub notices: BTreeMap<Id, Vec<NoticeVersion>>,
    /// Processing activities (GDPR Art. 30, DPV `dpv:Process`).
    pub activities: BTreeMap<Id, Activity>,
    /// What the company will never do, whatever is ticked.
    #[serde(default)]
    pub promises: BTreeMap<Id, Promise>,
}

/// Who answers for the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its name.
    pub name: String,
    /// Where a person can write to.
    pub contact: String,
    /// Its postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its country, ISO 3166-1 alpha-2.
    #[schemars(regex(pattern = "^[A-Z]{2}$"))]
    pub country: String,
}

/// How values of a namespace are made comparable, in one place for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// As given, without surrounding white space.
    #[default]
    Exact,
    /// Lower-cased, without surrounding white space.
    Lowercase,
    /// An e-mail address: one `@`, lower-cased.
    Email,
    /// A telephone number: digits with a leading `+`.
    Phone,
}

/// A kind of identifier, such as `email` or `crm`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// Its name for people.
    pub title: Text,
    /// How its values are made comparable.
    #[serde(default)]
    pub normalise: Normalisation,
}

/// A category of personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Its name for people.
    pub title: Text,
    /// The term of the W3C Data Privacy Vocabulary, such as `pd:EmailAddress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpv: Option<String>,
    /// Special category (GDPR Art. 9) or otherwise sensitive.
    #[serde(default)]
    pub sensitive: bool,
    /// Concerns everyone who lives with the device it comes from: needs the owner's grant and no
    /// member's denial.
    #[serde(default)]
    pub household: bool,
}

/// Why data is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// Its name for people.
    pub title: Text,
    /// The term of the W3C Data Privacy Vocabulary, such as `dpv:Marketing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpv: Option<String>,
}

/// How a person is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// Its name for people: `e-mail`.
    pub title: Text,
    /// How a sentence goes on with it: `by e-mail`.
    #[serde(default)]
    pub phrase: Text,
    /// When nobody is reached over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
}

/// From `from` to `to` each day, over midnight if `to` is the earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// `HH:MM`, the first quiet minute.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// `HH:MM`, the first minute that is not quiet.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub to: String,
}

impl QuietHours {
    /// When the quiet that holds at `at` ends; `None` if it is not quiet, and also if zone or
    /// hours cannot be read, which `sayso catalog check` refuses.
    pub fn end(&self, at: Timestamp, zone: &str) -> Option<Timestamp> {
        let local = at.to_jiff().in_tz(zone).ok()?;
        let (from, to): (jiff::civil::Time, jiff::civil::Time) =
            (self.from.parse().ok()?, self.to.parse().ok()?);
        let time = local.time();
        let is_quiet =
            if from <= to { from <= time && time < to } else { time >= from || time < to };
        if !is_quiet {
            return None;
        }
        let day = if time < to { local.date() } else { local.date().tomorrow().ok()? };
        let end = day.to_datetime(to).to_zoned(local.time_zone().clone()).ok()?;
        Some(Timestamp(end.timestamp().as_millisecond()))
    }
}

/// A type of connected thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceType {
    /// Its name for people.
    pub title: Text,
}

/// One version of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeVersion {
    /// Counts up.
    pub version: u32,
    /// Whether people have to be asked again: earlier grants stop counting.
    #[serde(default)]
    pub material: bool,
    /// The text, by language.
    pub text: Text,
}

/// The ground that a use stands on (GDPR Art. 6(1); DPV `eu-gdpr:A6-1-*`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LegalBasis {
    /// Art. 6(1)(a).
    Consent,
    /// Art. 6(1)(b).
    Contract,
    /// Art. 6(1)(c).
    LegalObligation,
    /// Art. 6(1)(d).
    VitalInterests,
    /// Art. 6(1)(e).
    PublicTask,
    /// Art. 6(1)(f).
    LegitimateInterests,
}

impl LegalBasis {
    /// Whether the use may go on against a denial of channel, in quiet hours and by a system that
    /// is late: the law or a life demands it.
    pub fn is_imperative(self) -> bool {
        matches!(self, Self::LegalObligation | Self::VitalInterests)
    }

    /// Whether the person has a box for it: consent, or an objection (Art. 21).
    pub fn is_choosable(self) -> bool {
        matches!(self, Self::Consent | Self::LegitimateInterests | Self::PublicTask)
    }
}

/// A declared processing activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// Its name for people, short: the label of a box.
    pub title: Text,
    /// One or two plain sentences.
    #[serde(default)]
    pub description: Text,
    /// Why.
    pub purpose: Id,
    /// What.
    pub data: Vec<Id>,
    /// Who.
    pub recipients: Vec<Id>,
    /// On what ground.
    pub basis: LegalBasis,
    /// How the person is reached; then a decision is asked with one of them. None: not at all.
    #[serde(default)]
    pub channels: Vec<Id>,
    /// How long data used for it may be kept.
    pub retention: Span,
    /// The text that people are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Id>,
    /// Fields that have to be blanked before the use.
    #[serde(default)]
    pub redact: Vec<String>,
}

impl Activity {
    /// Whether it covers (purpose, data, recipient).
    pub fn covers(&self, purpose: &Id, data: &Id, recipient: &Id) -> bool {
        self.purpose.covers(purpose)
            && self.data.iter().any(|node| node.covers(data))
            && self.recipients.iter().any(|node| node.covers(recipient))
    }

    /// Whether a scope meets it in every dimension that it has.
    pub fn overlaps(&self, scope: &Scope) -> bool {
        let meets = |node: &Option<Id>, own: &[Id]| {
            node.as_ref().is_none_or(|node| own.iter().any(|own| own.overlaps(node)))
        };
        scope.purpose.as_ref().is_none_or(|purpose| purpose.overlaps(&self.purpose))
            && meets(&scope.data, &self.data)
            && meets(&scope.recipient, &self.recipients)
            && (self.channels.is_empty() || meets(&scope.channel, &self.channels))
    }
}

/// What the company will never do. Nothing overrides it, no choice and no activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The promise in plain words.
    pub title: Text,
    /// What is never done: each a scope.
    pub never: Vec<Scope>,
}

impl Catalog {
    /// The activities that cover (purpose, data, recipient), in the order of their ids.
    pub fn covering<'a>(
        &'a self,
        purpose: &'a Id,
        data: &'a Id,
        recipient: &'a Id,
    ) -> impl Iterator<Item = (&'a Id, &'a Activity)> {
        self.activities
            .iter()
            .filter(move |(_, activity)| activity.covers(purpose, data, recipient))
    }

    /// Whether a promise meets the scope. Asking for more than was promised never to be done is
    /// asking for that too, so the test is overlap.
    pub fn promises_never(&self, scope: Dimensions) -> bool {
        let never = self.promises.values().flat_map(|promise| &promise.never);
        never.into_iter().any(|never| overlaps(never.dimensions(), scope))
    }

    /// The newest version of a notice.
    pub fn notice(&self, id: &Id) -> Option<&NoticeVersion> {
        self.notices.get(id).and_then(|versions| versions.last())
    }

    /// The newest version of a notice that people had to be asked on; the first version always.
    pub fn material_version(&self, id: &Id) -> Option<u32> {
        let versions = self.notices.get(id)?;
        let material = versions.iter().rev().find(|notice| notice.material);
        material.or(versions.first()).map(|notice| notice.version)
    }

    /// Whether any category at or below `data` concerns a whole household.
    pub fn is_household(&self, data: &Id) -> bool {
        self.data.iter().any(|(id, node)| node.household && id.overlaps(data))
    }

    /// The recipients whose permissions a choice over this scope can change, in order.
    pub fn recipients_of<'a>(
        &'a self,
        scope: &'a Scope,
    ) -> impl Iterator<Item = (&'a Id, &'a Recipient)> {
        self.recipients.iter().filter(move |(recipient, _)| {
            scope.recipient.as_ref().is_none_or(|node| node.overlaps(recipient))
                && self.activities.values().any(|activity| {
                    activity.overlaps(scope)
                        && activity.recipients.iter().any(|own| own.overlaps(recipient))
                })
        })
    }
}

/// One thing that a recipient may or may not do: the grain at which it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell<'a> {
    /// The activity that declares it.
    pub activity: &'a Id,
    /// Why.
    pub purpose: &'a Id,
    /// What.
    pub data: &'a Id,
    /// How the person is reached, if the activity says.
    pub channel: Option<&'a Id>,
}

impl Catalog {
    /// Everything that is declared for a recipient, cell by cell.
    pub fn cells<'a>(&'a self, recipient: &'a Id) -> impl Iterator<Item = Cell<'a>> {
        let is_for = move |(_, activity): &(&'a Id, &'a Activity)| {
            activity.recipients.iter().any(|own| own.covers(recipient))
        };
        self.activities.iter().filter(is_for).flat_map(|(id, activity)| activity.cells(id))
    }

    /// Whether what this catalog lets a recipient do differs from what another does, texts aside.
    pub fn rules_differ(&self, other: &Catalog, recipient: &Id) -> bool {
        let promises = |catalog: &Catalog| -> Vec<Scope> {
            catalog.promises.values().flat_map(|promise| promise.never.clone()).collect()
        };
        let rules = |catalog: &Catalog| -> Vec<_> {
            let rule = |(id, activity): (&Id, &Activity)| {
                let notice = activity.notice.as_ref();
                let material = notice.and_then(|notice| catalog.material_version(notice));
                let plain = Activity {
                    title: Text::new(),
                    description: Text::new(),
                    recipients: Vec::new(),
                    ..activity.clone()
                };
                (id.clone(), plain, material)
            };
            let own = |(_, activity): &(&Id, &Activity)| {
                activity.recipients.iter().any(|own| own.covers(recipient))
            };
            catalog.activities.iter().filter(own).map(rule).collect()
        };
        promises(self) != promises(other) || rules(self) != rules(other)
    }
}

impl Activity {
    fn cells<'a>(&'a self, id: &'a Id) -> impl Iterator<Item = Cell<'a>> {
        let channels: Vec<Option<&Id>> = if self.channels.is_empty() {
            vec![None]
        } else {
            self.channels.iter().map(Some).collect()
        };
        self.data.iter().flat_map(move |data| {
            let cell = |channel: &Option<&'a Id>| Cell {
                activity: id,
                purpose: &self.purpose,
                data,
                channel: *channel,
            };
            channels.iter().map(cell).collect::<Vec<_>>()
        })
    }
}

/// A catalog and since when it is in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InForce {
    /// The catalog.
    pub catalog: std::sync::Arc<Catalog>,
    /// Where it was recorded.
    pub position: Position,
    /// Where each notice's newest material version was first recorded. A grant that was given on
    /// no stated version counts if it was recorded later.
    pub material_since: BTreeMap<Id, Position>,
}

impl InForce {
    /// The catalog that follows another on the ledger, or begins it.
    pub fn follow(
        before: Option<&Self>,
        catalog: std::sync::Arc<Catalog>,
        position: Position,
    ) -> Self {
        let since = |id: &Id| {
            let known = before.and_then(|before| {
                let is_same = before.catalog.material_version(id) == catalog.material_version(id);
                before.material_since.get(id).copied().filter(|_| is_same)
            });
            (id.clone(), known.unwrap_or(position))
        };
        let material_since = catalog.notices.keys().map(since).collect();
        Self { catalog, position, material_since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_end_in_the_morning() {
        let quiet = QuietHours { from: "21:00".into(), to: "08:00".into() };
        for (at, end) in [
            ("2026-01-10T20:30:00Z", Some("2026-01-11T07:00:00Z")),
            ("2026-01-10T03:00:00Z", Some("2026-01-10T07:00:00Z")),
            ("2026-01-10T12:00:00Z", None),
            ("2026-01-10T07:00:00Z", None),
        ] {
            let end = end.map(|end| end.parse().unwrap());
            assert_eq!(quiet.end(at.parse().unwrap(), "Europe/Berlin"), end, "{at}");
        }
    }
}
