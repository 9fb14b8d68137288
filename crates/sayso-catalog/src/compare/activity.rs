//! Activities: who may do what with which data, why, and on what ground.

use sayso_consent::{
    Catalog, Id,
    catalog::{Activity, LegalBasis, text_in},
};

use super::{Changes, Kind, entry::written, ids, missing};
use crate::words::list;

pub(super) fn compare(before: &Catalog, after: &Catalog, changes: &mut Changes) {
    for (id, old) in &before.activities {
        match after.activities.get(id) {
            None => {
                let title = text_in(&old.title, "", &before.languages);
                let summary =
                    format!("activity `{id}` ({title}) is gone: nobody may do it any more");
                changes.add(&["activities", id.as_str()], Kind::Removed, summary);
            }
            Some(new) if old != new => {
                let material = |catalog: &Catalog, activity: &Activity| {
                    activity.notice.as_ref().and_then(|notice| catalog.material_version(notice))
                };
                let is_asked =
                    old.notice != new.notice || material(after, new) > material(before, old);
                Pair { id, old, new, is_asked }.compare(changes);
            }
            Some(_) => {}
        }
    }
    for (id, new) in after.activities.iter().filter(|(id, _)| !before.activities.contains_key(*id))
    {
        let summary = format!(
            "activity `{id}` ({}) is new: {} used for `{}` by {}, on {}",
            text_in(&new.title, "", &after.languages),
            ids(&new.data),
            new.purpose,
            ids(&new.recipients),
            written(&new.basis),
        );
        changes.add(&["activities", id.as_str()], Kind::Added, summary);
    }
}

/// One activity before and after.
struct Pair<'a> {
    id: &'a Id,
    old: &'a Activity,
    new: &'a Activity,
    /// Its notice asks people again anyway.
    is_asked: bool,
}

impl Pair<'_> {
    fn compare(&self, changes: &mut Changes) {
        let Self { id, old, new, .. } = self;
        let whose = format!("activity `{id}`");
        let path = |field: &'static str| ["activities", self.id.as_str(), field];
        changes.add_text(&path("title"), &whose, &old.title, &new.title);
        changes.add_text(&path("description"), &whose, &old.description, &new.description);
        self.compare_purpose(changes);
        self.compare_basis(changes);
        self.compare_list("data", "uses", &old.data, &new.data, changes);
        self.compare_list("recipients", "is done by", &old.recipients, &new.recipients, changes);
        self.compare_list("channels", "reaches people by", &old.channels, &new.channels, changes);
        let retention = format!("how long data may be kept for {whose}");
        changes.add_value(
            &path("retention"),
            &retention,
            &old.retention.to_string(),
            &new.retention.to_string(),
        );
        let notice = |activity: &Activity| {
            activity
                .notice
                .as_ref()
                .map_or_else(|| "none".to_owned(), |notice| format!("`{notice}`"))
        };
        changes.add_value(
            &path("notice"),
            &format!("the notice of {whose}"),
            &notice(old),
            &notice(new),
        );
        let fields = |activity: &Activity| {
            let fields = list(activity.redact.iter().map(String::as_str));
            if fields.is_empty() { "nothing".to_owned() } else { fields }
        };
        let redact = format!("what is blanked first for {whose}");
        changes.add_value(&path("redact"), &redact, &fields(old), &fields(new));
    }

    /// A grant for `marketing.offers` says nothing about all of `marketing`: a purpose that is not
    /// within the old one has to be asked for.
    fn compare_purpose(&self, changes: &mut Changes) {
        let Self { id, old, new, .. } = self;
        let path = ["activities", id.as_str(), "purpose"];
        let was = format!(
            "the purpose of activity `{id}` was `{}` and is `{}`",
            old.purpose, new.purpose
        );
        if old.purpose == new.purpose {
        } else if old.purpose.covers(&new.purpose) {
            changes.add(&path, Kind::Changed, format!("{was}, which is narrower"));
        } else if new.basis == LegalBasis::Consent {
            let summary = format!("{was}; a yes to the old purpose is no yes to the new one");
            changes.add_asking(&path, Kind::Changed, summary);
        } else {
            changes.add(&path, Kind::Changed, was);
        }
    }

    fn compare_basis(&self, changes: &mut Changes) {
        let Self { id, old, new, .. } = self;
        let path = ["activities", id.as_str(), "basis"];
        let was = format!(
            "activity `{id}` rested on {} and rests on {}",
            written(&old.basis),
            written(&new.basis)
        );
        match (old.basis, new.basis) {
            (before, after) if before == after => {}
            (_, LegalBasis::Consent) => {
                let summary = format!("{was}: whoever has not said yes has to be asked");
                changes.add_asking(&path, Kind::Changed, summary);
            }
            (LegalBasis::Consent, _) => {
                changes.add(&path, Kind::Changed, format!("{was}: a yes is not needed any more"));
            }
            _ => changes.add(&path, Kind::Changed, was),
        }
    }

    fn compare_list(&self, field: &str, verb: &str, old: &[Id], new: &[Id], changes: &mut Changes) {
        let id = self.id;
        let path = ["activities", id.as_str(), field];
        let (added, removed) = (missing(new, old), missing(old, new));
        if !added.is_empty() {
            let is_unasked = self.new.basis == LegalBasis::Consent && !self.is_asked;
            let remark = if is_unasked {
                "; its notice has no newer material version, so nobody is asked again"
            } else {
                ""
            };
            let summary =
                format!("activity `{id}` {verb} {} too{remark}", list(added.iter().copied()));
            changes.add(&path, Kind::Added, summary);
        }
        if !removed.is_empty() {
            let summary =
                format!("activity `{id}` no longer {verb} {}", list(removed.iter().copied()));
            changes.add(&path, Kind::Removed, summary);
        }
        if old != new && added.is_empty() && removed.is_empty() {
            let summary = format!("the {field} of activity `{id}` are the same in another order");
            changes.add(&path, Kind::Changed, summary);
        }
    }
}
