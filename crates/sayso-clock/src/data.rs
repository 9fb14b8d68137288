//! The table of clocks and the calendars.

use std::sync::LazyLock;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// In what a period is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// From the very moment, through weekends.
    Hours,
    /// Calendar days.
    Days,
    /// Days on which people work, by a calendar.
    BusinessDays,
    /// Calendar months.
    Months,
}

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many.
    pub amount: i32,
    /// Of what.
    pub unit: Unit,
}

/// How surely it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// In the text, or an authority's own words.
    Text,
    /// In others' accounts: to be checked before it is relied on.
    Report,
}

/// How long the law gives for one thing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Its name: `gdpr-12.3`.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// Where it is written.
    pub law: String,
    /// Where it holds.
    #[serde(rename = "where")]
    pub jurisdiction: String,
    /// The calendar of its business days, unless another is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// How long it gives.
    pub limit: Limit,
    /// Whether it ends with the next working day if it would end on another.
    #[serde(default)]
    pub rolls: bool,
    /// How much longer, if the person is told in time why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Limit>,
    /// Whether it stands still while something is waited for from the person.
    #[serde(default)]
    pub pauses: bool,
    /// Since when it holds.
    #[serde(with = "day")]
    pub effective: Date,
    /// Where it was read.
    pub source: String,
    /// How surely.
    pub certainty: Certainty,
}

/// Days on which nobody works, besides weekends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// Its name.
    pub id: String,
    /// Whose.
    pub title: String,
    /// The first and the last year that it knows.
    pub years: (i16, i16),
    /// The days, in order.
    #[serde(with = "days")]
    pub days: Vec<Date>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Data {
    /// Raised whenever anything changes.
    pub version: u32,
    /// When the law was looked at.
    pub read: Date,
    /// The clocks.
    pub clocks: Vec<Clock>,
    /// The calendars.
    pub calendars: Vec<Calendar>,
}

#[derive(Deserialize)]
struct Clocks {
    version: u32,
    #[serde(with = "day")]
    read: Date,
    clock: Vec<Clock>,
}

#[derive(Deserialize)]
struct Calendars {
    calendar: Vec<Calendar>,
}

/// A day as `2026-11-22`.
mod day {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(date: &Date, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(date)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Several of them.
mod days {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(dates: &[Date], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(dates.iter().map(Date::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Date>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

static DATA: LazyLock<Data> = LazyLock::new(|| {
    let data =
        Data::read(include_str!("../data/clocks.toml"), include_str!("../data/calendars.toml"));
    // INVARIANT: the files are part of the program, and a test reads them.
    data.unwrap_or_else(|_| Data {
        version: 0,
        read: Date::ZERO,
        clocks: Vec::new(),
        calendars: Vec::new(),
    })
});

impl Data {
    /// What the program came with.
    pub fn own() -> &'static Self {
        &DATA
    }

    /// From the text of the two files.
    ///
    /// # Errors
    /// One of them cannot be read; the message says where.
    pub fn read(clocks: &str, calendars: &str) -> Result<Self, toml::de::Error> {
        let Clocks { version, read, clock: clocks } = toml::from_str(clocks)?;
        let Calendars { calendar: calendars } = toml::from_str(calendars)?;
        Ok(Self { version, read, clocks, calendars })
    }

    /// A clock by its name.
    pub fn clock(&self, id: &str) -> Option<&Clock> {
        self.clocks.iter().find(|clock| clock.id == id)
    }

    /// A calendar by its name.
    pub fn calendar(&self, id: &str) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_can_be_read_and_hold_together() {
        let read =
            Data::read(include_str!("../data/clocks.toml"), include_str!("../data/calendars.toml"));
        let data = read.unwrap();
        for clock in &data.clocks {
            let same = data.clocks.iter().filter(|other| other.id == clock.id).count();
            assert_eq!(same, 1, "{}", clock.id);
            let calendar = clock.calendar.as_deref().map(|calendar| data.calendar(calendar));
            assert_ne!(calendar, Some(None), "{}", clock.id);
            let needs_one = clock.limit.unit == Unit::BusinessDays;
            assert!(!needs_one || calendar.is_some(), "{} counts in no calendar", clock.id);
        }
        for calendar in &data.calendars {
            let (first, last) = calendar.years;
            let is_known = |day: &Date| (first..=last).contains(&day.year());
            assert!(calendar.days.iter().all(is_known) && calendar.days.is_sorted());
        }
        assert_eq!(Data::own().version, data.version);
    }
}
