//! `sayso clock`: how long the law gives, and when that is over.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use jiff::tz::TimeZone;
use sayso_catalog::did_you_mean;
use sayso_clock::{Clock, Data, Limit, Pause, Unit, due};
use serde_json::json;

use crate::output::{Output, fields, table};

#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// The clocks, with their law
    List,
    /// One of them, with where it was read
    Show { clock: String },
    /// When what a clock gives is over
    Due {
        clock: String,
        /// The moment of the event, as in 2026-11-22T10:00:00Z
        #[arg(long)]
        from: jiff::Timestamp,
        /// Where the company is, as in Europe/Berlin
        #[arg(long, default_value = "UTC")]
        zone: String,
        /// The calendar of working days, unless the clock has its own: de, us-ca, us-federal, weekends
        #[arg(long)]
        calendar: Option<String>,
        /// Something was waited for: FROM/UNTIL; may be given more than once
        #[arg(long, value_name = "FROM/UNTIL", value_parser = pause)]
        pause: Vec<(jiff::Timestamp, jiff::Timestamp)>,
    },
}

fn pause(text: &str) -> Result<(jiff::Timestamp, jiff::Timestamp), String> {
    let (from, until) = text.split_once('/').ok_or("write FROM/UNTIL")?;
    let read = |text: &str| text.parse::<jiff::Timestamp>().map_err(|error| error.to_string());
    let (from, until) = (read(from)?, read(until)?);
    if until <= from { Err("it ends before it begins".to_owned()) } else { Ok((from, until)) }
}

pub(crate) fn run(command: ClockCommand, out: Output) -> Result<()> {
    let data = Data::own();
    match command {
        ClockCommand::List => {
            let listed = json!({"version": data.version, "read": data.read.to_string(), "clocks": data.clocks});
            out.value(&listed, |_| {
                let row = |clock: &Clock| {
                    let limit = limit(clock.limit);
                    vec![clock.id.clone(), clock.jurisdiction.clone(), limit, clock.title.clone()]
                };
                let rows = table(&["clock", "where", "gives", "for"], data.clocks.iter().map(row));
                format!("{rows}\nversion {} of the table, read {}", data.version, data.read)
            })
        }
        ClockCommand::Show { clock } => {
            out.value(&serde_json::to_value(find(data, &clock)?)?, fields)
        }
        ClockCommand::Due { clock, from, zone, calendar, pause } => {
            let clock = find(data, &clock)?;
            let name = calendar.or_else(|| clock.calendar.clone());
            let name = name.unwrap_or_else(|| "weekends".to_owned());
            let calendar = data.calendar(&name);
            let calendar = calendar.with_context(|| format!("there is no calendar `{name}`"))?;
            let zone =
                TimeZone::get(&zone).with_context(|| format!("there is no time zone `{zone}`"))?;
            let pauses: Vec<Pause> =
                pause.into_iter().map(|(from, until)| Pause { from, until }).collect();
            let due = due(clock, calendar, (from, &zone), &pauses)?;
            let said = json!({
                "clock": clock.id, "law": clock.law, "calendar": name, "from": from.to_string(),
                "due": due.by.to_string(),
                "extended": due.extended.map(|extended| extended.to_string()),
            });
            out.value(&said, fields)
        }
    }
}

fn find<'a>(data: &'a Data, id: &str) -> Result<&'a Clock> {
    let Some(clock) = data.clock(id) else {
        let hint = did_you_mean(id, data.clocks.iter().map(|clock| clock.id.as_str()));
        bail!(
            "there is no clock `{id}`; {}",
            hint.unwrap_or("`sayso clock list` shows them".into())
        )
    };
    Ok(clock)
}

fn limit(limit: Limit) -> String {
    let unit = match limit.unit {
        Unit::Hours => "hour",
        Unit::Days => "day",
        Unit::BusinessDays => "business day",
        Unit::Months => "month",
    };
    let plural = if limit.amount == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", limit.amount)
}
