//! Notices: a newer material version is what people are asked again on.

use sayso_consent::{Catalog, Id, catalog::NoticeVersion};

use super::{Changes, Kind};

pub(super) fn compare(before: &Catalog, after: &Catalog, changes: &mut Changes) {
    for (id, old) in &before.notices {
        match after.notices.get(id) {
            None => {
                let summary = format!("notice `{id}` is gone");
                changes.add(&["notices", id.as_str()], Kind::Removed, summary);
            }
            Some(new) => {
                let is_newer = after.material_version(id) > before.material_version(id);
                compare_versions(id, old, new, is_newer, changes);
            }
        }
    }
    for (id, new) in after.notices.iter().filter(|(id, _)| !before.notices.contains_key(*id)) {
        let version = new.last().map_or(0, |newest| newest.version);
        let summary = format!("notice `{id}` is new, in version {version}");
        changes.add(&["notices", id.as_str()], Kind::Added, summary);
    }
}

fn compare_versions(
    id: &Id,
    before: &[NoticeVersion],
    after: &[NoticeVersion],
    is_newer: bool,
    changes: &mut Changes,
) {
    let path = ["notices", id.as_str()];
    if before == after {
        return;
    }
    let of = |versions: &'_ [NoticeVersion], number: u32| {
        versions.iter().find(|notice| notice.version == number).cloned()
    };
    for new in after {
        let number = new.version;
        match of(before, number) {
            None if new.material && is_newer => {
                let summary = format!(
                    "notice `{id}` has version {number}, on which people have to be asked again"
                );
                changes.add_asking(&path, Kind::Added, summary);
            }
            None => {
                let summary =
                    format!("notice `{id}` has version {number}; nobody has to be asked again");
                changes.add(&path, Kind::Added, summary);
            }
            Some(old) => compare_version(&path, &old, new, is_newer, changes),
        }
    }
    for old in before.iter().filter(|old| of(after, old.version).is_none()) {
        let summary = format!("version {} of notice `{id}` is gone", old.version);
        changes.add(&path, Kind::Removed, summary);
    }
}

fn compare_version(
    path: &[&str; 2],
    old: &NoticeVersion,
    new: &NoticeVersion,
    is_newer: bool,
    changes: &mut Changes,
) {
    let [_, id] = path;
    let number = new.version;
    if old.text != new.text {
        let summary = format!(
            "the text of notice `{id}` changed within version {number}, \
             on which people have chosen already"
        );
        changes.add(path, Kind::Changed, summary);
    }
    if old.material == new.material {
        return;
    }
    if new.material && is_newer {
        let summary = format!(
            "version {number} of notice `{id}` is material now: people have to be asked again"
        );
        changes.add_asking(path, Kind::Changed, summary);
    } else {
        let now = if new.material { "material now" } else { "not material any more" };
        changes.add(path, Kind::Changed, format!("version {number} of notice `{id}` is {now}"));
    }
}
