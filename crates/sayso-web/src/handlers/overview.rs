//! The operators' page.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use sayso_consent::{
    Id, Timestamp,
    catalog::text_in,
    sink::{Mode, SinkState, Sinks},
    subject::Change,
};
use sayso_ledger::deliver::{Minute, Standing};
use serde::Deserialize;

use super::{
    Web,
    respond::{page, refresh},
};
use crate::{
    Refreshing,
    console::{
        Alert, CanaryView, Chart, ComparedView, Head, Hour, LastError, Ordered, Overview, Parked,
        SinkView, SystemRow, SystemState,
    },
};

const REFRESH_SECONDS: u32 = 5;

/// What is asked of the page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    lang: Option<String>,
    watch: Option<String>,
}

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    shown(&web, &asked, &headers, None)
}

/// The page, after an order that was given on it if there was one.
pub(super) fn shown(
    web: &Web,
    asked: &Asked,
    headers: &HeaderMap,
    ordered: Option<Ordered>,
) -> Response {
    let Some(session) = web.operator(headers) else { return web.gone(headers) };
    let language = web.language(asked.lang.as_deref(), headers);
    let is_still = asked.watch.as_deref() == Some("off") || ordered.is_some();
    let refreshing = match is_still {
        true => Refreshing::Stopped { resume_href: "/overview".into() },
        false => {
            Refreshing::Every { seconds: REFRESH_SECONDS, stop_href: "/overview?watch=off".into() }
        }
    };
    let frame = web.frame("/overview", &language, Some(&session));
    let at = web.ledger.clock().at();
    let systems = systems(web, &language, at);
    let html = Overview {
        frame,
        now: at,
        refreshing,
        alerts: alerts(web, &systems),
        head: head(web),
        people: web.ledger.snapshot().count() as u64,
        choices: choices(web, at),
        systems,
        kinds: web.drivers.kinds.iter().map(|kind| kind.name).collect(),
        ordered,
        csrf: session.form_token,
    }
    .render();
    let response = page(StatusCode::OK, html);
    // It shows nobody's data and is there to be left open: it ends with the longest life of a
    // session, and not half an hour after the last click as a person's page does.
    if is_still { response } else { refresh(response, REFRESH_SECONDS, None) }
}

fn head(web: &Web) -> Option<Head> {
    let (size, root) = web.ledger.root();
    let root = root.iter().map(|byte| format!("{byte:02x}")).collect();
    let snapshot = web.ledger.snapshot();
    (size > 0).then(|| Head { position: snapshot.head(), at: snapshot.latest(), root })
}

fn choices(web: &Web, at: Timestamp) -> Chart {
    let counts = web.ledger.pulse().per_minute(at);
    let first = at.0 / 60_000 - counts.len() as i64 + 1;
    let minute = |(place, choices): (i64, u64)| (Timestamp((first + place) * 60_000), choices);
    Chart { minutes: (0..).zip(counts).map(minute).collect() }
}

fn systems(web: &Web, language: &str, at: Timestamp) -> Vec<SystemRow> {
    let snapshot = web.ledger.snapshot();
    let Some(in_force) = snapshot.in_force() else { return Vec::new() };
    let (catalog, sinks) = (&in_force.catalog, snapshot.sinks());
    let mut standings: BTreeMap<_, _> = web.board.standings().into_iter().collect();
    let told =
        catalog.recipients.iter().filter(|(_, recipient)| recipient.effect_deadline.is_some());
    told.map(|(id, declared)| {
        let title = text_in(&declared.title, language, &catalog.languages).to_owned();
        let deadline = declared.deadline(Change::Denial).map_or(0, |deadline| deadline.to_ms());
        let minutes = web.board.minutes(id, at);
        let standing = standings.remove(id).unwrap_or_default();
        let row = row((id, title), (standing, &sinks), deadline, at);
        SystemRow { hour: hour(&minutes), ..row }
    })
    .collect()
}

fn hour(minutes: &[Minute]) -> Hour {
    let lag = minutes.iter().map(|minute| (minute.from, minute.lag as u64)).collect();
    let ms = |minute: &Minute| u64::try_from(minute.p99_ms).unwrap_or(0);
    let effect = minutes.iter().map(|minute| (minute.from, ms(minute))).collect();
    Hour { lag: Chart { minutes: lag }, effect: Chart { minutes: effect } }
}

fn row(
    (id, title): (&Id, String),
    (standing, sinks): (Standing, &Sinks),
    deadline_ms: i64,
    at: Timestamp,
) -> SystemRow {
    let sink = sinks.get(id).map(|sink| sink_view(sink, &standing));
    let state = state(&standing, sink.is_some());
    let mut parked: Vec<Parked> = Vec::new();
    for refused in &standing.parked {
        match parked.iter_mut().find(|known| known.reason == refused.why) {
            Some(known) => known.items += 1,
            None => parked.push(Parked { reason: refused.why.clone(), items: 1 }),
        }
    }
    let failed_at = standing.failing_since.unwrap_or(at);
    let failure = standing.last_failure.filter(|_| standing.failing_since.is_some());
    SystemRow {
        id: id.to_string(),
        title,
        state,
        lag: standing.unapplied as u64,
        oldest: standing.oldest_due.map(|due| due.plus_ms(-deadline_ms)),
        overdue: standing.overdue as u64,
        parked,
        last_error: failure.map(|class| LastError { class, at: failed_at }),
        delivered: standing.delivered,
        excepted: standing.excepted as u64,
        unresolved: standing.unresolved as u64,
        sink,
        hour: Hour::default(),
    }
}

fn sink_view(sink: &SinkState, standing: &Standing) -> SinkView {
    let canary = standing.canary;
    let seen = canary.took_ms.and_then(|took_ms| u64::try_from(took_ms).ok());
    SinkView {
        kind: sink.declared.kind.clone(),
        mode: sink.mode,
        reason: sink.reason.clone(),
        backfill: standing.backfill.map(|backfill| (backfill.done as u64, backfill.total as u64)),
        compared: sink.compared.map(|compared| ComparedView {
            at: compared.at,
            people: compared.people,
            drifted: compared.drifted,
        }),
        unreadable: standing.reading.failure.clone(),
        canary: match (canary.is_lost, seen, canary.changed_at) {
            (true, ..) => Some(CanaryView::Lost),
            (false, Some(ms), _) => Some(CanaryView::Seen(ms)),
            (false, None, Some(_)) => Some(CanaryView::Awaited),
            (false, None, None) => None,
        },
    }
}

fn state(standing: &Standing, has_sink: bool) -> SystemState {
    match standing {
        _ if !has_sink => SystemState::NotConnected,
        Standing { overdue: 1.., .. } => SystemState::Late,
        Standing { failing_since: Some(_), .. } => SystemState::Unreachable,
        Standing { unapplied: 0, .. } => SystemState::InStep,
        _ => SystemState::Behind,
    }
}

fn alerts(web: &Web, systems: &[SystemRow]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    if !web.ledger.is_healthy() {
        alerts.push(Alert::ReadOnly);
    }
    for row in systems.iter().filter(|row| row.overdue > 0) {
        alerts.push(Alert::Late { system: row.title.clone(), people: row.overdue });
    }
    for row in systems.iter().filter(|row| row.state == SystemState::NotConnected) {
        alerts.push(Alert::NotConnected { system: row.title.clone() });
    }
    for row in systems.iter().filter(|row| row.state == SystemState::Unreachable) {
        alerts.push(Alert::Unreachable { system: row.title.clone() });
    }
    for row in systems {
        alerts.extend(row.sink.iter().flat_map(|sink| told(row, sink)));
    }
    for row in systems.iter().filter(|row| !row.parked.is_empty()) {
        let items = row.parked.iter().map(|parked| parked.items).sum();
        alerts.push(Alert::Parked { system: row.title.clone(), items });
    }
    alerts
}

/// What there is to say about how a system is told.
fn told(row: &SystemRow, sink: &SinkView) -> Vec<Alert> {
    let system = || row.title.clone();
    let mut alerts = Vec::new();
    if sink.canary == Some(CanaryView::Lost) {
        alerts.push(Alert::CanaryLost { system: system() });
    }
    if let Some(people) =
        sink.compared.map(|compared| compared.drifted).filter(|people| *people > 0)
    {
        alerts.push(Alert::Drifted { system: system(), people });
    }
    if sink.mode != Mode::Running {
        let reason = sink.reason.clone().unwrap_or_default();
        alerts.push(Alert::NotRunning { system: system(), reason });
    }
    alerts
}
