//! The overview as the operators of the sample company would see it.

use sayso_consent::{id::Position, sink::Mode, time::Timestamp};

use super::{
    Alert, CanaryView, Chart, ComparedView, Head, Hour, LastError, Overview, Parked, SinkView,
    SystemRow, SystemState,
};
use crate::frame::{Frame, Refreshing};

/// 22 Nov 2026, 06:14:00 UTC.
const MINUTE: Timestamp = Timestamp(1_795_328_040_000);

impl Overview {
    /// One system in step, one behind, one late, one that refused messages.
    pub fn sample(language: &str) -> Self {
        Self {
            frame: Frame { leave: None, ..Frame::sample(language) },
            now: MINUTE.plus_ms(22_000),
            refreshing: Refreshing::Every { seconds: 2, stop_href: "?still".into() },
            alerts: vec![
                Alert::Late { system: "Nimbus Ads".into(), people: 3 },
                Alert::Parked { system: "Service cloud".into(), items: 2 },
            ],
            head: Some(Head {
                position: Position::at(10_418),
                at: MINUTE.plus_ms(5_310),
                root: "9f3c1b77e02a4d58c6d1f0aa83b2e914d7f55c20b1e8840f6a2c93d1704be86f".into(),
            }),
            people: 10_000,
            choices: choices(),
            systems: systems(),
            kinds: vec!["webhook", "sql"],
            ordered: None,
            csrf: "sample".into(),
        }
    }

    /// A quiet day: nothing waits, nothing is wrong.
    pub fn sample_calm(language: &str) -> Self {
        let mut overview = Self::sample(language);
        overview.alerts.clear();
        overview.refreshing = Refreshing::Stopped { resume_href: "?".into() };
        for system in &mut overview.systems {
            let (id, title) = (system.id.clone(), system.title.clone());
            *system = SystemRow { delivered: system.delivered, ..in_step(&id, &title) };
        }
        overview
    }
}

/// A morning: quiet, then a wave, in a pattern that repeats without chance.
fn choices() -> Chart {
    hourly(|index| (index * index / 40 + (index * 37) % 23) * (index % 11).min(3) / 2)
}

fn hourly(number: impl Fn(u64) -> u64) -> Chart {
    let from = |index: u64| {
        let back = i64::try_from(59 - index).unwrap_or_default();
        MINUTE.plus_ms(-60_000 * back)
    };
    Chart { minutes: (0..60).map(|index| (from(index), number(index))).collect() }
}

fn in_step(id: &str, title: &str) -> SystemRow {
    SystemRow {
        id: id.into(),
        title: title.into(),
        state: SystemState::InStep,
        lag: 0,
        oldest: None,
        overdue: 0,
        parked: Vec::new(),
        last_error: None,
        delivered: 10_411,
        excepted: 0,
        unresolved: 0,
        sink: Some(sink("webhook")),
        hour: Hour {
            lag: hourly(|index| (index * 13) % 7),
            effect: hourly(|index| 80 + (index * 29) % 170),
        },
    }
}

fn sink(kind: &str) -> SinkView {
    let compared = ComparedView { at: MINUTE.plus_ms(-41_000), people: 10_000, drifted: 0 };
    SinkView {
        kind: kind.into(),
        mode: Mode::Running,
        reason: None,
        backfill: None,
        compared: Some(compared),
        unreadable: None,
        canary: Some(CanaryView::Seen(412)),
    }
}

fn systems() -> Vec<SystemRow> {
    let refused = |class: &str, ms| Some(LastError { class: class.into(), at: MINUTE.plus_ms(ms) });
    vec![
        SystemRow {
            state: SystemState::Late,
            lag: 5,
            oldest: Some(MINUTE.plus_ms(-184_000)),
            overdue: 3,
            last_error: refused("connection refused", 20_100),
            delivered: 9_983,
            sink: Some(SinkView { canary: Some(CanaryView::Lost), ..sink("suppression") }),
            ..in_step("ad-partner", "Nimbus Ads")
        },
        SystemRow {
            state: SystemState::Behind,
            lag: 1,
            oldest: Some(MINUTE.plus_ms(19_000)),
            parked: vec![Parked { reason: "410 gone: unknown customer".into(), items: 2 }],
            last_error: refused("410", -9_000),
            delivered: 10_402,
            unresolved: 12,
            sink: Some(SinkView {
                mode: Mode::Paused,
                reason: Some("they move to another data centre".into()),
                ..sink("nats")
            }),
            ..in_step("service-cloud", "Service cloud")
        },
        in_step("mailer", "Mailer"),
        SystemRow { sink: Some(sink("sql")), ..in_step("crm", "Customer records") },
    ]
}
