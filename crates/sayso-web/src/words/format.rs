//! Times, lengths of time and numbers as people of a language write them.

use askama::filters::Safe;
use sayso_consent::time::{Span, Timestamp};

use super::{Words, countries};
use crate::frame::Frame;

impl Frame {
    /// A moment in full, as an element: `22 Nov 2026, 07:14:05 CET`.
    pub(crate) fn when(&self, at: &Timestamp) -> Safe<String> {
        self.time(at, self.words().everywhere.moment)
    }

    /// The hour, minute and second of a moment, as an element.
    pub(crate) fn clock(&self, at: &Timestamp) -> Safe<String> {
        self.time(at, "%H:%M:%S")
    }

    /// The hour and minute of a moment.
    pub(crate) fn minute(&self, at: &Timestamp) -> Safe<String> {
        self.time(at, "%H:%M")
    }

    /// What the zone of the page is called at a moment: `CET`, in summer `CEST`.
    pub(crate) fn zone_at(&self, at: &Timestamp) -> String {
        at.to_jiff().to_zoned(self.zone.clone()).strftime("%Z").to_string()
    }

    /// Safe as HTML: digits, the names of months and zones and what the words say; nothing that
    /// was typed in.
    fn time(&self, at: &Timestamp, format: &str) -> Safe<String> {
        let local = at.to_jiff().to_zoned(self.zone.clone());
        Safe(format!("<time datetime=\"{at}\">{}</time>", local.strftime(format)))
    }
}

impl Words {
    /// A length of time: `2 years`, `1 day 12 hours`.
    pub(crate) fn span(&self, span: &Span) -> String {
        // INVARIANT: a span writes itself as ISO 8601, which the time library reads.
        let parts = span.to_string().parse::<jiff::Span>().unwrap_or_default();
        let counts = [
            i64::from(parts.get_years()),
            i64::from(parts.get_months()),
            i64::from(parts.get_weeks()),
            i64::from(parts.get_days()),
            i64::from(parts.get_hours()),
            parts.get_minutes(),
            parts.get_seconds(),
        ];
        let written = |(count, (one, many)): (&i64, &(&str, &str))| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let units = self.everywhere.units.iter();
        let written: Vec<String> = counts.iter().zip(units).filter_map(written).collect();
        if written.is_empty() { self.everywhere.not_kept.into() } else { written.join(" ") }
    }

    /// How long something has waited, in the two largest units: `12 s`, `2 h 5 min`.
    pub(crate) fn age(&self, since: &Timestamp, now: &Timestamp) -> String {
        let seconds = now.0.saturating_sub(since.0).max(0) / 1000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => format!("{seconds} s"),
            (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
            (0, _, _) => format!("{hours} h {} min", minutes % 60),
            _ => (self.everywhere.days)(days),
        }
    }

    /// A number in groups of three.
    pub(crate) fn number(&self, number: &u64) -> String {
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push_str(self.everywhere.thousands);
            }
            text.push(digit);
        }
        text
    }

    /// A country by its name, or its code where no name is known.
    pub(crate) fn country<'a>(&self, code: &'a str) -> &'a str {
        countries::name(self.tag, code).unwrap_or(code)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DE, EN};
    use crate::frame::Frame;
    use sayso_consent::time::Timestamp;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn moments_read_as_people_write_them() {
        let moment = at("2026-11-22T06:14:05.250Z");
        let written = |language: &str, zone: &str| {
            let zone = jiff::tz::TimeZone::get(zone).unwrap();
            Frame { zone, ..Frame::sample(language) }.when(&moment).0
        };
        let element = |text| format!("<time datetime=\"2026-11-22T06:14:05.250Z\">{text}</time>");
        assert_eq!(written("en", "UTC"), element("22 Nov 2026, 06:14:05 UTC"));
        assert_eq!(written("de", "UTC"), element("22.11.2026, 06:14:05 UTC"));
        assert_eq!(written("en", "Europe/Berlin"), element("22 Nov 2026, 07:14:05 CET"));
    }

    #[test]
    fn spans_are_counted_in_words() {
        for (span, en, de) in [
            ("2 years", "2 years", "2 Jahre"),
            ("1 year", "1 year", "1 Jahr"),
            ("90 days", "90 days", "90 Tage"),
            ("P1DT12H", "1 day 12 hours", "1 Tag 12 Stunden"),
            ("0 seconds", "not kept", "wird nicht aufbewahrt"),
        ] {
            let span = span.parse().unwrap();
            assert_eq!((EN.span(&span).as_str(), DE.span(&span).as_str()), (en, de));
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, en, de) in [
            (7, "7", "7"),
            (999, "999", "999"),
            (10_000, "10,000", "10.000"),
            (1_234_567, "1,234,567", "1.234.567"),
        ] {
            assert_eq!((EN.number(&number).as_str(), DE.number(&number).as_str()), (en, de));
        }
    }

    #[test]
    fn ages_keep_two_units() {
        let start = at("2026-11-22T06:00:00Z");
        for (later, en) in [
            ("2026-11-22T06:00:12Z", "12 s"),
            ("2026-11-22T06:03:04Z", "3 min 4 s"),
            ("2026-11-22T08:05:00Z", "2 h 5 min"),
            ("2026-11-23T06:00:00Z", "1 day"),
            ("2026-11-21T06:00:00Z", "0 s"),
        ] {
            assert_eq!(EN.age(&start, &at(later)), en);
        }
    }
}
