//! The activities and promises make sense together.

use sayso_consent::{
    Id, Scope,
    catalog::{Activity, LegalBasis, Promise},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{problem::Problems, tree::At, words::list};

pub(super) fn check(root: &At, value: &Value, problems: &mut Problems) {
    let activities: Vec<Declared<Activity>> = declared(root, value, "activities");
    let promises: Vec<Declared<Promise>> = declared(root, value, "promises");
    let sensitive = sensitive(value);
    for activity in &activities {
        check_notice(activity, problems);
        check_sensitive(activity, &sensitive, problems);
        promises.iter().for_each(|promise| check_promise(activity, promise, problems));
    }
    check_ambiguous(&activities, problems);
}

/// An entry that could be read, and where it stands.
struct Declared<'a, T> {
    id: Id,
    at: At<'a>,
    entry: T,
}

/// The entries of a section that can be read; the schema has reported the others.
fn declared<'a, T: DeserializeOwned>(
    root: &At<'a>,
    value: &Value,
    section: &str,
) -> Vec<Declared<'a, T>> {
    let read = |at: At<'a>| {
        let id = at.name().parse().ok()?;
        let entry = serde_json::from_value(value.get(section)?.get(at.name())?.clone()).ok()?;
        Some(Declared { id, at, entry })
    };
    root.entries_of(section).filter_map(read).collect()
}

fn sensitive(value: &Value) -> Vec<Id> {
    let data = value.get("data").and_then(Value::as_object);
    let is_sensitive = |node: &Value| node.get("sensitive").is_some_and(|flag| flag == true);
    data.into_iter()
        .flatten()
        .filter(|(_, node)| is_sensitive(node))
        .filter_map(|(id, _)| id.parse().ok())
        .collect()
}

/// Consent is consent to something: without a notice nobody could say to what.
fn check_notice(activity: &Declared<Activity>, problems: &mut Problems) {
    if activity.entry.basis == LegalBasis::Consent && activity.entry.notice.is_none() {
        let message = format!("activity `{}` rests on consent but shows no notice", activity.id);
        let hint = "name the text that people agree to: `notice: …`, declared under `notices`";
        problems.add(activity.at.key_place(), &activity.at.path, message, Some(hint.into()));
    }
}

/// GDPR Art. 9(2) has no legitimate interests.
fn check_sensitive(activity: &Declared<Activity>, sensitive: &[Id], problems: &mut Problems) {
    if activity.entry.basis != LegalBasis::LegitimateInterests {
        return;
    }
    for item in activity.at.items_of("data") {
        let Some(node) = item.text().and_then(|text| text.parse::<Id>().ok()) else { continue };
        if let Some(sensitive) = sensitive.iter().find(|sensitive| sensitive.overlaps(&node)) {
            let message = format!(
                "activity `{}` uses `{sensitive}`, which is sensitive, on legitimate interests",
                activity.id
            );
            let hint = "ask for consent, or leave this data out";
            problems.add(item.place(), &item.path, message, Some(hint.into()));
        }
    }
}

/// A promise may take something out of an activity; one that leaves nothing of a listed item
/// contradicts it: the catalog would declare what it also swears never to do.
fn check_promise(
    activity: &Declared<Activity>,
    promise: &Declared<Promise>,
    problems: &mut Problems,
) {
    let entry = &activity.entry;
    for (number, never) in promise.entry.never.iter().enumerate() {
        let Some((data, recipient)) = contradicted(entry, never) else { continue };
        let line = promise.at.items_of("never").nth(number).map_or(0, |scope| scope.place().line);
        let message = format!(
            "activity `{}` does what promise `{}` says is never done: \
             `{}` with `{data}` by `{recipient}`",
            activity.id, promise.id, entry.purpose
        );
        let hint = if entry.channels.is_empty() && never.channel.is_some() {
            format!(
                "the promise on line {line} names a channel and the activity names none, so asking \
                 without one meets it; list the activity's channels"
            )
        } else {
            format!("take one of the two out; the promise is on line {line}")
        };
        problems.add(activity.at.key_place(), &activity.at.path, message, Some(hint));
        return;
    }
}

/// What an activity lists of which the promise leaves nothing.
fn contradicted<'a>(activity: &'a Activity, never: &Scope) -> Option<(&'a Id, &'a Id)> {
    let covers =
        |node: &Option<Id>, listed: &Id| node.as_ref().is_none_or(|node| node.covers(listed));
    let all_channels = activity.channels.iter().all(|channel| covers(&never.channel, channel));
    // A promise about one type of device leaves the use through all others.
    if never.device.is_some() || !all_channels || !covers(&never.purpose, &activity.purpose) {
        return None;
    }
    let data = activity.data.iter().find(|data| covers(&never.data, data))?;
    let recipient =
        activity.recipients.iter().find(|recipient| covers(&never.recipient, recipient))?;
    Some((data, recipient))
}

/// Each question has one activity that answers it: with two, the ground and the notice of the
/// answer would hang on the order of their names.
fn check_ambiguous(activities: &[Declared<Activity>], problems: &mut Problems) {
    for (number, activity) in activities.iter().enumerate() {
        for before in activities.iter().take(number) {
            if problems.is_full() {
                return;
            }
            let Some(shared) = shared(&before.entry, &activity.entry) else { continue };
            let message = format!(
                "activities `{}` and `{}` are ambiguous: both cover {shared}",
                before.id, activity.id
            );
            let line = before.at.key_place().line;
            let hint = format!(
                "`{}` is on line {line}; give one of them other data, recipients or channels, \
                 or a purpose of its own",
                before.id
            );
            problems.add(activity.at.key_place(), &activity.at.path, message, Some(hint));
        }
    }
}

/// What two activities both cover, in words.
fn shared(one: &Activity, other: &Activity) -> Option<String> {
    if !one.purpose.overlaps(&other.purpose) {
        return None;
    }
    let lower = |one: &Id, other: &Id| if one.covers(other) { other.clone() } else { one.clone() };
    let meet = |ones: &[Id], others: &[Id]| -> Option<Id> {
        let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| (one, other)));
        pairs
            .into_iter()
            .find(|(one, other)| one.overlaps(other))
            .map(|(one, other)| lower(one, other))
    };
    let purpose = lower(&one.purpose, &other.purpose);
    let data = meet(&one.data, &other.data)?;
    let recipient = meet(&one.recipients, &other.recipients)?;
    let channel = match (&one.channels[..], &other.channels[..]) {
        ([], []) => None,
        // An activity that names no channel is asked about with any.
        ([], [channel, ..]) | ([channel, ..], []) => Some(channel),
        (ones, others) => Some(ones.iter().find(|channel| others.contains(channel))?),
    };
    let parts: Vec<&str> =
        [&purpose, &data, &recipient].into_iter().chain(channel).map(Id::as_str).collect();
    Some(list(parts))
}
