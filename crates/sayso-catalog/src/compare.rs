//! What differs between two catalogs, in words that a privacy officer reads.

mod activity;
mod entry;
mod notice;

use std::collections::{BTreeMap, BTreeSet};

use sayso_consent::{Catalog, Id, catalog::Text};
use serde::Serialize;

use crate::{tree::push_segment, words::list};

/// Whether something came, went or is otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is otherwise than before.
    Changed,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// What differs, as a JSON pointer: `/activities/offers/data`.
    pub path: String,
    /// How.
    pub kind: Kind,
    /// The same in words.
    pub summary: String,
    /// Whether people have to be asked again: what they said before does not count for it.
    pub asks_again: bool,
}

/// What changes when `after` takes the place of `before`, sorted by path.
///
/// Two catalogs have no changes between them if and only if they are equal.
pub fn compare(before: Option<&Catalog>, after: &Catalog) -> Vec<Change> {
    let mut changes = Changes::default();
    match before {
        Some(before) => {
            entry::compare_head(before, after, &mut changes);
            compare_sections(before, after, &mut changes);
        }
        None => {
            let nothing = empty(after);
            compare_sections(&nothing, after, &mut changes);
        }
    }
    changes.found.sort();
    changes.found
}

fn compare_sections(before: &Catalog, after: &Catalog, changes: &mut Changes) {
    let (b, a) = (before, after);
    let languages = &after.languages;
    entry::compare("namespaces", "namespace", &b.namespaces, &a.namespaces, languages, changes);
    entry::compare("data", "data", &b.data, &a.data, languages, changes);
    entry::compare("purposes", "purpose", &b.purposes, &a.purposes, languages, changes);
    entry::compare("recipients", "recipient", &b.recipients, &a.recipients, languages, changes);
    entry::compare("channels", "channel", &b.channels, &a.channels, languages, changes);
    entry::compare(
        "device_types",
        "device type",
        &b.device_types,
        &a.device_types,
        languages,
        changes,
    );
    entry::compare("promises", "promise", &b.promises, &a.promises, languages, changes);
    notice::compare(before, after, changes);
    activity::compare(before, after, changes);
}

/// The same company before it declared anything.
fn empty(catalog: &Catalog) -> Catalog {
    Catalog {
        sayso: catalog.sayso,
        organisation: catalog.organisation.clone(),
        languages: catalog.languages.clone(),
        time_zone: catalog.time_zone.clone(),
        namespaces: BTreeMap::new(),
        data: BTreeMap::new(),
        purposes: BTreeMap::new(),
        recipients: BTreeMap::new(),
        channels: BTreeMap::new(),
        device_types: BTreeMap::new(),
        notices: BTreeMap::new(),
        activities: BTreeMap::new(),
        promises: BTreeMap::new(),
    }
}

#[derive(Default)]
struct Changes {
    found: Vec<Change>,
}

impl Changes {
    fn add(&mut self, path: &[&str], kind: Kind, summary: String) {
        self.push(path, kind, summary, false);
    }

    /// For a change after which people have to be asked again.
    fn add_asking(&mut self, path: &[&str], kind: Kind, summary: String) {
        self.push(path, kind, summary, true);
    }

    fn push(&mut self, path: &[&str], kind: Kind, summary: String, asks_again: bool) {
        let mut pointer = String::new();
        path.iter().for_each(|segment| push_segment(&mut pointer, segment));
        self.found.push(Change { path: pointer, kind, summary, asks_again });
    }

    /// A text that differs, language by language.
    fn add_text(&mut self, path: &[&str], whose: &str, before: &Text, after: &Text) {
        let languages: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for language in languages {
            let field = path.last().copied().unwrap_or_default();
            let (kind, summary) = match (before.get(language), after.get(language)) {
                (Some(old), Some(new)) if old != new => (
                    Kind::Changed,
                    format!("the {field} of {whose} in `{language}` was “{old}” and is “{new}”"),
                ),
                (None, Some(new)) => (
                    Kind::Added,
                    format!("the {field} of {whose} comes in `{language}` too: “{new}”"),
                ),
                (Some(_), None) => (
                    Kind::Removed,
                    format!("the {field} of {whose} no longer comes in `{language}`"),
                ),
                _ => continue,
            };
            let path: Vec<&str> = path.iter().copied().chain([language.as_str()]).collect();
            self.add(&path, kind, summary);
        }
    }

    /// A value that differs.
    fn add_value(&mut self, path: &[&str], what: &str, before: &str, after: &str) {
        if before != after {
            self.add(path, Kind::Changed, format!("{what} was {before} and is {after}"));
        }
    }
}

/// What is in `these` and not in `those`.
fn missing<'a>(these: &'a [Id], those: &[Id]) -> Vec<&'a str> {
    these.iter().filter(|id| !those.contains(id)).map(Id::as_str).collect()
}

fn ids(ids: &[Id]) -> String {
    list(ids.iter().map(Id::as_str))
}
