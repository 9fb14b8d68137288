//! Times, zones and versions are what they have to be.

use sayso_consent::time::Span;

use crate::{problem::Problems, shape::shown, tree::At, words::did_you_mean};

pub(super) fn check(root: &At, problems: &mut Problems) {
    root.get("time_zone").iter().for_each(|zone| expect_zone(zone, problems));
    for recipient in root.entries_of("recipients") {
        expect_span(recipient.get("effect_deadline").as_ref(), problems, true);
        for own in recipient.get("effect_deadlines").iter() {
            for change in ["denial", "grant", "erasure"] {
                expect_span(own.get(change).as_ref(), problems, true);
            }
        }
    }
    for activity in root.entries_of("activities") {
        expect_span(activity.get("retention").as_ref(), problems, false);
    }
    for hours in root.entries_of("channels").filter_map(|channel| channel.get("quiet_hours")) {
        let (from, to) = (hours.get("from"), hours.get("to"));
        let time = |at: &Option<At>| at.as_ref().and_then(|at| at.text()).map(str::to_owned);
        if time(&from).is_some() && time(&from) == time(&to) {
            let message = "quiet hours that end when they begin are never quiet";
            let hint = "for no quiet hours leave them out; \
                        for a whole day end them a minute before they begin";
            problems.add(hours.key_place(), &hours.path, message, Some(hint.into()));
        }
    }
    root.entries_of("notices").for_each(|notice| expect_rising(&notice, problems));
}

fn expect_zone(zone: &At, problems: &mut Problems) {
    let Some(text) = zone.text() else { return };
    let zones = jiff::tz::db();
    if zones.get(text).is_ok() {
        return;
    }
    let names: Vec<_> = zones.available().map(|name| name.as_str().to_owned()).collect();
    let hint = did_you_mean(text, names.iter().map(String::as_str))
        .unwrap_or_else(|| "use an IANA name, such as `Europe/Berlin`".to_owned());
    problems.add(
        zone.place(),
        &zone.path,
        format!("there is no time zone `{}`", shown(text)),
        Some(hint),
    );
}

fn expect_span(at: Option<&At>, problems: &mut Problems, is_deadline: bool) {
    let Some((at, text)) = at.and_then(|at| Some((at, at.text()?))) else { return };
    match text.parse::<Span>() {
        Err(_) => {
            let message = format!("`{}` is no length of time", shown(text));
            let hint = "write it like `90 days`, `2 years`, `15 seconds` or `P2Y`";
            problems.add(at.place(), &at.path, message, Some(hint.into()));
        }
        Ok(span) if is_deadline && span.to_ms() == 0 => {
            let message = "a deadline of nothing cuts the recipient off at once";
            let hint = "give it the time that it needs to apply a choice, such as `15 minutes`";
            problems.add(at.place(), &at.path, message, Some(hint.into()));
        }
        Ok(_) => {}
    }
}

/// The last version in the list is taken for the newest, so their numbers have to count up.
fn expect_rising(notice: &At, problems: &mut Problems) {
    let mut newest: Option<u64> = None;
    for version in notice.items().filter_map(|version| version.get("version")) {
        let Some(number) = version.node.to_value().as_u64() else { continue };
        if let Some(before) = newest.filter(|before| number <= *before) {
            let message =
                format!("version {number} of notice `{}` follows version {before}", notice.name());
            let hint =
                format!("versions count up, the newest last: {} or more", before.saturating_add(1));
            problems.add(version.place(), &version.path, message, Some(hint));
        }
        newest = newest.max(Some(number));
    }
}
