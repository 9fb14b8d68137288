//! The deadline for taking something away keeps the legal clocks that a recipient says it is under.

use sayso_clock::{Clock, Data, Unit};
use sayso_consent::time::Span;

use crate::{problem::Problems, shape::shown, tree::At, words::did_you_mean};

/// The shortest that a clock's limit can be, whatever the calendar: what a deadline has to keep.
fn shortest_ms(clock: &Clock) -> i64 {
    const HOUR: i64 = 3_600_000;
    let each = match clock.limit.unit {
        Unit::Hours => HOUR,
        Unit::Days | Unit::BusinessDays => 24 * HOUR,
        Unit::Months => 28 * 24 * HOUR,
    };
    i64::from(clock.limit.amount) * each
}

pub(super) fn check(root: &At, problems: &mut Problems) {
    let data = Data::own();
    for recipient in root.entries_of("recipients") {
        let mut kept: Vec<&Clock> = Vec::new();
        for named in recipient.items_of("clocks") {
            let Some(text) = named.text() else { continue };
            match data.clock(text) {
                Some(clock) => kept.push(clock),
                None => {
                    let names = data.clocks.iter().map(|clock| clock.id.as_str());
                    let hint = did_you_mean(text, names)
                        .unwrap_or_else(|| "`sayso clock list` shows them".to_owned());
                    let message = format!("there is no legal clock `{}`", shown(text));
                    problems.add(named.place(), &named.path, message, Some(hint));
                }
            }
        }
        // The clocks are about taking away; what is given may take its time.
        let own = recipient.get("effect_deadlines").and_then(|own| own.get("denial"));
        if let Some(deadline) = own.or_else(|| recipient.get("effect_deadline")) {
            keep(&deadline, &kept, problems);
        }
    }
}

fn keep(deadline: &At, kept: &[&Clock], problems: &mut Problems) {
    let Some(span) = deadline.text().and_then(|text| text.parse::<Span>().ok()) else { return };
    for clock in kept.iter().filter(|clock| span.to_ms() > shortest_ms(clock)) {
        let message = format!("a deadline of {span} does not keep `{}` ({})", clock.id, clock.law);
        let hint = "shorten the deadline; weekends and holidays are not counted on here";
        problems.add(deadline.place(), &deadline.path, message, Some(hint.into()));
    }
}
