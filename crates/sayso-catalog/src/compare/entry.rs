//! The head of the catalog, and the sections whose entries are plain declarations.

use std::collections::BTreeMap;

use sayso_consent::time::Span;
use sayso_consent::{
    Catalog, Id, Scope,
    catalog::{Channel, Data, DeviceType, Namespace, Promise, Purpose, Recipient, Text, text_in},
};
use serde::Serialize;

use super::{Changes, Kind};

/// What an entry of a section is, for comparing.
pub(super) trait Entry: PartialEq {
    /// Its name for people.
    fn title(&self) -> &Text;

    /// Adds what differs besides the title. `whose` names it, as in "recipient `crm`".
    fn compare(&self, after: &Self, path: &[&str], whose: &str, changes: &mut Changes);
}

pub(super) fn compare<T: Entry>(
    section: &str,
    noun: &str,
    before: &BTreeMap<Id, T>,
    after: &BTreeMap<Id, T>,
    languages: &[String],
    changes: &mut Changes,
) {
    let title = |entry: &T| text_in(entry.title(), "", languages).to_owned();
    for (id, old) in before {
        let path = [section, id.as_str()];
        let whose = format!("{noun} `{id}`");
        match after.get(id) {
            None => changes.add(&path, Kind::Removed, format!("{whose} ({}) is gone", title(old))),
            Some(new) => {
                let title_path = [section, id.as_str(), "title"];
                changes.add_text(&title_path, &whose, old.title(), new.title());
                old.compare(new, &path, &whose, changes);
            }
        }
    }
    for (id, new) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
        changes.add(
            &[section, id.as_str()],
            Kind::Added,
            format!("{noun} `{id}` ({}) is new", title(new)),
        );
    }
}

/// Organisation, languages, time zone.
pub(super) fn compare_head(before: &Catalog, after: &Catalog, changes: &mut Changes) {
    let (b, a) = (&before.organisation, &after.organisation);
    for (field, old, new) in [
        ("name", Some(&b.name), Some(&a.name)),
        ("contact", Some(&b.contact), Some(&a.contact)),
        ("address", b.address.as_ref(), a.address.as_ref()),
        ("country", Some(&b.country), Some(&a.country)),
    ] {
        let what = format!("the {field} of the organisation");
        changes.add_value(&["organisation", field], &what, &option(old), &option(new));
    }
    let languages = |catalog: &Catalog| catalog.languages.join(", ");
    changes.add_value(
        &["languages"],
        "the list of languages",
        &languages(before),
        &languages(after),
    );
    changes.add_value(
        &["time_zone"],
        "the time zone of quiet hours",
        &before.time_zone,
        &after.time_zone,
    );
    changes.add_value(
        &["sayso"],
        "the format",
        &before.sayso.to_string(),
        &after.sayso.to_string(),
    );
}

fn option(value: Option<&String>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
}

/// A closed option by the name that it is written with.
pub(super) fn written<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => format!("`{name}`"),
        _ => "unknown".to_owned(),
    }
}

/// Adds a flag that was set or taken back.
fn add_flag(
    changes: &mut Changes,
    path: &[&str],
    before: bool,
    after: bool,
    on: String,
    off: String,
) {
    if before != after {
        changes.add(path, Kind::Changed, if after { on } else { off });
    }
}

impl Entry for Namespace {
    fn title(&self) -> &Text {
        &self.title
    }

    fn compare(&self, after: &Self, path: &[&str], whose: &str, changes: &mut Changes) {
        let path = [path, &["normalise"]].concat();
        let what = format!("the normalisation of {whose}");
        changes.add_value(&path, &what, &written(&self.normalise), &written(&after.normalise));
    }
}

impl Entry for Data {
    fn title(&self) -> &Text {
        &self.title
    }

    fn compare(&self, after: &Self, path: &[&str], whose: &str, changes: &mut Changes) {
        let sensitive = [path, &["sensitive"]].concat();
        let (on, off) =
            (format!("{whose} is sensitive now"), format!("{whose} is not sensitive any more"));
        add_flag(changes, &sensitive, self.sensitive, after.sensitive, on, off);
        let household = [path, &["household"]].concat();
        let on = format!(
            "{whose} concerns a household now: it needs the owner's yes and no member's no"
        );
        let off =
            format!("{whose} concerns its owner alone now: the members of a household have no say");
        add_flag(changes, &household, self.household, after.household, on, off);
        let dpv = [path, &["dpv"]].concat();
        let what = format!("the DPV term of {whose}");
        changes.add_value(&dpv, &what, &option(self.dpv.as_ref()), &option(after.dpv.as_ref()));
    }
}

impl Entry for Purpose {
    fn title(&self) -> &Text {
        &self.title
    }

    fn compare(&self, after: &Self, path: &[&str], whose: &str, changes: &mut Changes) {
        let path = [path, &["dpv"]].concat();
        let what = format!("the DPV term of {whose}");
        changes.add_value(&path, &what, &option(self.dpv.as_ref()), &option(after.dpv.as_ref()));
    }
}

impl Entry for Recipient {
    fn title(&self) -> &Text {
        &self.title
    }

    fn compare(&self, after: &Self, path: &[&str], whose: &str, changes: &mut Changes) {
        let deadline = |recipient: &Self| {
            let deadline = recipient.effect_deadline.as_ref();
            deadline.map_or_else(|| "none".to_owned(), |span| span.to_string())
        };
        let kinds = |recipient: &Self| {
            let own = recipient.effect_deadlines;
            let of =
                |change: &str, span: Option<Span>| span.map(|span| format!("{change}: {span}"));
            let all =
                [of("denial", own.denial), of("grant", own.grant), of("erasure", own.erasure)];
            let all: Vec<String> = all.into_iter().flatten().collect();
            if all.is_empty() { "none".to_owned() } else { all.join(", ") }
        };
        let clocks = |recipient: &Self| {
            let names: Vec<&str> = recipient.clocks.iter().map(Id::as_str).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let namespace = |recipient: &Self| recipient.namespace.as_ref().map(Id::to_string);
        for (field, what, old, new) in [
            ("kind", "kind", written(&self.kind), written(&after.kind)),
            ("country", "country", format!("`{}`", self.country), format!("`{}`", after.country)),
            (
                "namespace",
                "namespace",
                option(namespace(self).as_ref()),
                option(namespace(after).as_ref()),
            ),
            ("effect_deadline", "deadline", deadline(self), deadline(after)),
            ("effect_deadlines", "deadlines by kind of change", kinds(self), kinds(after)),
            (
                "without_identifier",
                "meaning of a missing name",
                written(&self.without_identifier),
                written(&after.without_identifier),
            ),
            ("clocks", "legal clocks", clocks(self), clocks(after)),
        ] {
            let path = [path, &[field]].concat();
            changes.add_value(&path, &format!("the {what} of {whose}"), &old, &new);
        }
    }
}

impl Entry for Channel {
    fn title(&self) -> &Text {
        &self.title
    }

    fn compare(&self, after: &Self, path: &[&str], whose: &str, changes: &mut Changes) {
        changes.add_text(&[path, &["phrase"]].concat(), whose, &self.phrase, &after.phrase);
        let hours = |channel: &Self| {
            let hours = channel.quiet_hours.as_ref();
            hours.map_or_else(
                || "none".to_owned(),
                |hours| format!("{} to {}", hours.from, hours.to),
            )
        };
        let path = [path, &["quiet_hours"]].concat();
        changes.add_value(
            &path,
            &format!("the quiet time of {whose}"),
            &hours(self),
            &hours(after),
        );
    }
}

impl Entry for DeviceType {
    fn title(&self) -> &Text {
        &self.title
    }

    fn compare(&self, _: &Self, _: &[&str], _: &str, _: &mut Changes) {}
}

impl Entry for Promise {
    fn title(&self) -> &Text {
        &self.title
    }

    fn compare(&self, after: &Self, path: &[&str], whose: &str, changes: &mut Changes) {
        let path = [path, &["never"]].concat();
        let missing = |these: &[Scope], those: &[Scope]| -> Vec<String> {
            these.iter().filter(|scope| !those.contains(scope)).map(words).collect()
        };
        let (added, removed) =
            (missing(&after.never, &self.never), missing(&self.never, &after.never));
        for scope in &added {
            changes.add(&path, Kind::Added, format!("{whose} rules out {scope} too"));
        }
        for scope in &removed {
            changes.add(&path, Kind::Removed, format!("{whose} no longer rules out {scope}"));
        }
        if added.is_empty() && removed.is_empty() && self.never != after.never {
            changes.add(&path, Kind::Changed, format!("{whose} lists the same in another order"));
        }
    }
}

/// A scope in words: "purpose `marketing`, data `voice`".
fn words(scope: &Scope) -> String {
    let named = ["purpose", "data", "recipient", "channel", "device"]
        .into_iter()
        .zip(scope.dimensions())
        .filter_map(|(name, node)| node.map(|node| format!("{name} `{node}`")))
        .collect::<Vec<_>>();
    if named.is_empty() { "everything".to_owned() } else { named.join(", ") }
}
