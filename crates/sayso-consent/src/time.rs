//! Moments and spans. Nothing here reads a clock.

use std::{fmt, str::FromStr};

use jiff::fmt::{StdFmtWrite, temporal::DateTimePrinter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de};

/// A moment, in milliseconds since 1970-01-01T00:00Z. Its text is RFC 3339 in UTC with exactly
/// three digits of a second, so that equal moments have equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

/// A text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time is written as in RFC 3339, for example `2026-02-01T18:30:00Z`, or as a date")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The earliest moment.
    pub const MIN: Self = Self(0);
    /// 9999-12-30T22:00:00Z, the last moment that RFC 3339 can write in every zone.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// This moment and `ms` milliseconds more.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// As the time library knows it.
    pub fn to_jiff(self) -> jiff::Timestamp {
        let ms = self.0.clamp(Self::MIN.0, Self::MAX.0);
        jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// This moment and a span more, in UTC; saturates at the ends of time.
    pub fn plus(self, span: &Span) -> Self {
        // In UTC all days are alike, so only months and years need a calendar.
        if let Some(later) = span.fixed_ms.and_then(|ms| self.0.checked_add(ms))
            && (Self::MIN.0..=Self::MAX.0).contains(&later)
        {
            return Self(later);
        }
        let later = self.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).checked_add(span.span);
        later.map_or(Self::MAX, |later| Self(later.timestamp().as_millisecond()))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let moment = text.parse::<jiff::Timestamp>().or_else(|_| {
            let date = text.parse::<jiff::civil::Date>()?;
            Ok::<_, jiff::Error>(date.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
        });
        let ms = moment.map_err(|_| InvalidTimestamp)?.as_millisecond();
        let in_range = (Self::MIN.0..=Self::MAX.0).contains(&ms);
        if in_range { Ok(Self(ms)) } else { Err(InvalidTimestamp) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        PRINTER.print_timestamp(&self.to_jiff(), StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A length of time as a person writes it: `90 days`, `2 years`, `15 seconds`, or `P90D`.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(with = "String")]
pub struct Span {
    span: jiff::Span,
    /// Its milliseconds, if it has no months or years, whose length depends on where they begin.
    fixed_ms: Option<i64>,
}

/// A text is no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a length of time is written like `90 days`, `15 seconds` or `P2Y`, and is not negative")]
pub struct InvalidSpan;

impl From<jiff::Span> for Span {
    fn from(span: jiff::Span) -> Self {
        let is_even = span.get_years() == 0
            && span.get_months() == 0
            && span.get_microseconds() == 0
            && span.get_nanoseconds() == 0;
        let relative = jiff::SpanRelativeTo::days_are_24_hours();
        let ms = || span.total((jiff::Unit::Millisecond, relative)).ok();
        // INVARIANT: a span is at most 20,000 years, which is far inside 2^53 milliseconds.
        Self { span, fixed_ms: is_even.then(ms).flatten().map(|ms| ms as i64) }
    }
}

impl Span {
    /// As milliseconds, a day being 24 hours and a year 365 days: for deadlines, which are short.
    pub fn to_ms(&self) -> i64 {
        let relative = jiff::SpanRelativeTo::days_are_24_hours();
        self.span.total((jiff::Unit::Millisecond, relative)).map_or_else(
            |_| Timestamp::MIN.plus(self).0,
            // INVARIANT: a span is at most 20,000 years, which is far inside 2^53 milliseconds.
            |ms| ms as i64,
        )
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Span {}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let span: jiff::Span = text.parse().map_err(|_| InvalidSpan)?;
        if span.is_negative() { Err(InvalidSpan) } else { Ok(span.into()) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.span)
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_one_text() {
        let at: Timestamp = "2026-02-01T19:30:00+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-02-01T18:30:00.000Z");
        assert_eq!(at.to_string().parse(), Ok(at));
        assert_eq!(
            "2026-02-01".parse::<Timestamp>().unwrap().to_string(),
            "2026-02-01T00:00:00.000Z"
        );
    }

    #[test]
    fn spans_read_as_people_write_them() {
        let start: Timestamp = "2024-02-29".parse().unwrap();
        for (text, end) in
            [("90 days", "2024-05-29"), ("2 years", "2026-02-28"), ("P1M", "2024-03-29")]
        {
            assert_eq!(start.plus(&text.parse().unwrap()), end.parse().unwrap(), "{text}");
        }
        let (day, calendar) = ("1 day 3 hours".parse::<Span>(), "1 month 1 day".parse::<Span>());
        assert_eq!(start.plus(&day.unwrap()), "2024-03-01T03:00:00Z".parse().unwrap());
        assert_eq!(start.plus(&calendar.unwrap()), "2024-03-30".parse().unwrap());
        assert_eq!("15 seconds".parse::<Span>().unwrap().to_ms(), 15_000);
        assert!("-1 day".parse::<Span>().is_err());
    }
}
