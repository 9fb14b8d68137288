//! When a period is over.

use jiff::{
    Span, Timestamp, ToSpan, Zoned,
    civil::{Date, Weekday, time},
    tz::TimeZone,
};

use crate::data::{Calendar, Clock, Limit, Unit};

/// Something was waited for from the person: the clock stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// From here on.
    pub from: Timestamp,
    /// Until here.
    pub until: Timestamp,
}

/// When it has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The last moment.
    pub by: Zoned,
    /// The last moment with the extension, if there is one and it was asked for.
    pub extended: Option<Zoned>,
}

/// Why it cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReckoned {
    /// The calendar does not know the year.
    #[error("calendar `{calendar}` knows the years {first} to {last}, not {year}")]
    Year {
        /// Which calendar.
        calendar: String,
        /// The first year that it knows.
        first: i16,
        /// The last.
        last: i16,
        /// The one that is needed.
        year: i16,
    },
    /// The clock does not pause.
    #[error("clock `{0}` does not stand still for anything")]
    NoPause(String),
    /// The moment is out of every range.
    #[error("the moment is too far away to reckon with")]
    Range,
}

impl From<jiff::Error> for NotReckoned {
    fn from(_: jiff::Error) -> Self {
        Self::Range
    }
}

/// When what a clock gives is over, from the moment of the event, where the company is.
///
/// # Errors
/// The calendar does not know a year that is needed, or the clock does not pause; see
/// [`NotReckoned`].
pub fn due(
    clock: &Clock,
    calendar: &Calendar,
    (event, zone): (Timestamp, &TimeZone),
    pauses: &[Pause],
) -> Result<Due, NotReckoned> {
    if !clock.pauses && !pauses.is_empty() {
        return Err(NotReckoned::NoPause(clock.id.clone()));
    }
    let stood = pauses.iter().try_fold(Span::new(), |stood, pause| {
        stood.checked_add(pause.until.duration_since(pause.from))
    })?;
    let begun = event.to_zoned(zone.clone());
    let end = |limits: &[Limit]| -> Result<Zoned, NotReckoned> {
        let end =
            limits.iter().try_fold(begun.clone(), |from, limit| after(&from, *limit, calendar))?;
        let end = end.checked_add(stood)?;
        match clock.rolls && limits.iter().all(|limit| limit.unit != Unit::Hours) {
            true => end_of_day(&working(end.date(), calendar)?, zone),
            false => Ok(end),
        }
    };
    let extended = clock.extension.map(|extension| end(&[clock.limit, extension])).transpose()?;
    Ok(Due { by: end(&[clock.limit])?, extended })
}

/// The end of a period that begins with an event.
fn after(event: &Zoned, limit: Limit, calendar: &Calendar) -> Result<Zoned, NotReckoned> {
    let zone = event.time_zone();
    let date = event.date();
    match limit.unit {
        Unit::Hours => Ok(event.checked_add(limit.amount.hours())?),
        Unit::Days => end_of_day(&date.checked_add(limit.amount.days())?, zone),
        Unit::Months => end_of_day(&date.checked_add(limit.amount.months())?, zone),
        Unit::BusinessDays => {
            let mut date = date;
            for _ in 0..limit.amount {
                date = working(date.tomorrow()?, calendar)?;
            }
            end_of_day(&date, zone)
        }
    }
}

/// This day, or the next on which people work.
fn working(mut date: Date, calendar: &Calendar) -> Result<Date, NotReckoned> {
    loop {
        let (first, last) = calendar.years;
        if !(first..=last).contains(&date.year()) {
            let (calendar, year) = (calendar.id.clone(), date.year());
            return Err(NotReckoned::Year { calendar, first, last, year });
        }
        let is_weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        if !is_weekend && calendar.days.binary_search(&date).is_err() {
            return Ok(date);
        }
        date = date.tomorrow()?;
    }
}

fn end_of_day(date: &Date, zone: &TimeZone) -> Result<Zoned, NotReckoned> {
    Ok(date.to_datetime(time(23, 59, 59, 0)).to_zoned(zone.clone())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Data;

    fn by(clock: &str, calendar: &str, event: &str, zone: &str) -> String {
        let (data, zone) = (Data::own(), TimeZone::get(zone).unwrap());
        let (clock, calendar) = (data.clock(clock).unwrap(), data.calendar(calendar).unwrap());
        let due = due(clock, calendar, (event.parse().unwrap(), &zone), &[]).unwrap();
        due.by.strftime("%Y-%m-%d %H:%M").to_string()
    }

    #[test]
    fn a_month_is_no_thirty_days_and_february_is_short() {
        let month = |event| by("gdpr-12.3", "de", event, "Europe/Berlin");
        assert_eq!(month("2026-01-31T09:00:00Z"), "2026-03-02 23:59", "28 February is a Saturday");
        assert_eq!(month("2026-03-10T09:00:00Z"), "2026-04-10 23:59");
        assert_eq!(month("2026-11-25T09:00:00Z"), "2026-12-28 23:59", "over Christmas");
        assert_eq!(month("2026-03-09T23:30:00Z"), "2026-04-10 23:59", "it is the 10th in Berlin");
    }

    #[test]
    fn business_days_leave_out_weekends_and_holidays() {
        let revoked =
            by("tcpa-revocation", "us-federal", "2026-11-20T15:00:00Z", "America/New_York");
        assert_eq!(revoked, "2026-12-07 23:59", "Thanksgiving lies between");
        let opted_out = by("ccpa-opt-out", "us-ca", "2026-11-20T20:00:00Z", "America/Los_Angeles");
        assert_eq!(opted_out, "2026-12-15 23:59", "and the day after it");
    }

    #[test]
    fn hours_run_through_weekends_and_changes_of_the_clock() {
        let breach = by("gdpr-33.1", "de", "2026-10-23T22:00:00Z", "Europe/Berlin");
        assert_eq!(breach, "2026-10-26 23:00", "72 hours, of which one came twice");
    }

    #[test]
    fn a_pause_moves_the_end_and_only_where_the_law_lets_it() {
        let (data, zone) = (Data::own(), TimeZone::UTC);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let pause = Pause { from: at("2026-03-12T00:00:00Z"), until: at("2026-03-15T00:00:00Z") };
        let event = (at("2026-03-10T09:00:00Z"), &zone);
        let (clock, calendar) = (data.clock("gdpr-12.3").unwrap(), data.calendar("de").unwrap());
        let due_at = due(clock, calendar, event, &[pause]).unwrap();
        assert_eq!(due_at.by.date().to_string(), "2026-04-13");
        assert_eq!(
            due_at.extended.unwrap().date().to_string(),
            "2026-06-15",
            "the 13th is a Saturday"
        );
        let clock = data.clock("ccpa-answer").unwrap();
        let refused = due(clock, calendar, event, &[pause]).unwrap_err();
        assert_eq!(refused, NotReckoned::NoPause("ccpa-answer".into()));
    }

    #[test]
    fn a_year_that_a_calendar_does_not_know_is_not_guessed() {
        let (data, zone) = (Data::own(), TimeZone::UTC);
        let (clock, calendar) =
            (data.clock("can-spam-opt-out").unwrap(), data.calendar("us-federal").unwrap());
        let event = ("2028-12-28T09:00:00Z".parse().unwrap(), &zone);
        let refused = due(clock, calendar, event, &[]).unwrap_err();
        assert!(matches!(refused, NotReckoned::Year { year: 2029, .. }), "{refused}");
    }
}
