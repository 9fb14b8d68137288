//! Every name that is used is declared, and so is every node's parent.

use std::collections::BTreeSet;

use sayso_consent::Id;

use crate::{problem::Problems, tree::At, words::did_you_mean};

pub(super) fn check(root: &At, problems: &mut Problems) {
    check_parents(root, problems);
    let declared = Declared {
        purposes: Names::of(root, "purpose", "purposes"),
        data: Names::of(root, "data", "data"),
        recipients: Names::of(root, "recipient", "recipients"),
        channels: Names::of(root, "channel", "channels"),
        device_types: Names::of(root, "device type", "device_types"),
        notices: Names::of(root, "notice", "notices"),
        namespaces: Names::of(root, "namespace", "namespaces"),
    };
    for recipient in root.entries_of("recipients") {
        declared.namespaces.expect(recipient.get("namespace"), problems);
    }
    for activity in root.entries_of("activities") {
        declared.purposes.expect(activity.get("purpose"), problems);
        declared.data.expect(activity.items_of("data"), problems);
        declared.recipients.expect(activity.items_of("recipients"), problems);
        declared.channels.expect(activity.items_of("channels"), problems);
        declared.notices.expect(activity.get("notice"), problems);
    }
    for scope in root.entries_of("promises").flat_map(|promise| promise.items_of("never")) {
        declared.purposes.expect(scope.get("purpose"), problems);
        declared.data.expect(scope.get("data"), problems);
        declared.recipients.expect(scope.get("recipient"), problems);
        declared.channels.expect(scope.get("channel"), problems);
        declared.device_types.expect(scope.get("device"), problems);
    }
}

/// What each section declares.
struct Declared<'a> {
    purposes: Names<'a>,
    data: Names<'a>,
    recipients: Names<'a>,
    channels: Names<'a>,
    device_types: Names<'a>,
    notices: Names<'a>,
    namespaces: Names<'a>,
}

/// The names that one section declares.
struct Names<'a> {
    noun: &'static str,
    section: &'static str,
    names: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(root: &At<'a>, noun: &'static str, section: &'static str) -> Self {
        Self { noun, section, names: root.entries_of(section).map(|entry| entry.name()).collect() }
    }

    /// Reports the references that lead nowhere. One that is no id is the schema's to report.
    fn expect<'b>(&self, references: impl IntoIterator<Item = At<'b>>, problems: &mut Problems) {
        for at in references {
            let Some(text) = at.text().filter(|text| text.parse::<Id>().is_ok()) else { continue };
            // One device is declared by its type.
            let name = text.split_once('/').map_or(text, |(kind, _)| kind);
            let is_device = self.section == "device_types";
            if self.names.contains(if is_device { name } else { text }) || problems.is_full() {
                continue;
            }
            let hint = did_you_mean(text, self.names.iter().copied())
                .unwrap_or_else(|| format!("declare it under `{}`", self.section));
            problems.add(
                at.place(),
                &at.path,
                format!("there is no {} `{text}`", self.noun),
                Some(hint),
            );
        }
    }
}

/// A grant on `contact` must not cover a `contact.email` that stands in no tree with it.
fn check_parents(root: &At, problems: &mut Problems) {
    for section in ["data", "purposes", "recipients", "channels", "device_types"] {
        let names: BTreeSet<&str> = root.entries_of(section).map(|entry| entry.name()).collect();
        for entry in root.entries_of(section) {
            let Some((parent, _)) = entry.name().rsplit_once('.') else { continue };
            if names.contains(parent) || parent.parse::<Id>().is_err() || problems.is_full() {
                continue;
            }
            let message =
                format!("`{}` stands below `{parent}`, which is not declared", entry.name());
            let hint =
                did_you_mean(parent, names.iter().copied().filter(|name| *name != entry.name()))
                    .unwrap_or_else(|| format!("declare `{parent}` under `{section}` as well"));
            problems.add(entry.key_place(), &entry.path, message, Some(hint));
        }
    }
}
