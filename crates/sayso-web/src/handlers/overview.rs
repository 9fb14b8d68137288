//! The operators' page.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use sayso_consent::{Timestamp, catalog::text_in};
use sayso_ledger::deliver::Standing;
use serde::Deserialize;

use super::{
    Web,
    respond::{page, refresh},
};
use crate::{
    Refreshing,
    console::{Alert, Head, LastError, Minute, Overview, Parked, SystemRow, SystemState},
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
    let Some(session) = web.operator(&headers) else { return web.gone(&headers) };
    let language = web.language(asked.lang.as_deref(), &headers);
    let is_still = asked.watch.as_deref() == Some("off");
    let refreshing = match is_still {
        true => Refreshing::Stopped { resume_href: "/overview".into() },
        false => {
            Refreshing::Every { seconds: REFRESH_SECONDS, stop_href: "/overview?watch=off".into() }
        }
    };
    let frame = web.frame("/overview", &language, Some(&session));
    let at = web.ledger.clock().at();
    let systems = systems(&web, &language, at);
    let html = Overview {
        frame,
        now: at,
        refreshing,
        alerts: alerts(&web, &systems),
        head: head(&web),
        people: web.ledger.snapshot().count() as u64,
        minutes: minutes(&web, at),
        systems,
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

fn minutes(web: &Web, at: Timestamp) -> Vec<Minute> {
    let counts = web.ledger.pulse().per_minute(at);
    let first = at.0 / 60_000 - counts.len() as i64 + 1;
    let minute = |(place, choices): (i64, u64)| Minute {
        from: Timestamp((first + place) * 60_000),
        choices,
    };
    (0..).zip(counts).map(minute).collect()
}

fn systems(web: &Web, language: &str, at: Timestamp) -> Vec<SystemRow> {
    let Some(in_force) = web.ledger.snapshot().in_force() else { return Vec::new() };
    let catalog = &in_force.catalog;
    let mut standings: std::collections::BTreeMap<_, _> =
        web.board.standings().into_iter().collect();
    let told =
        catalog.recipients.iter().filter(|(_, recipient)| recipient.effect_deadline.is_some());
    told.map(|(id, declared)| {
        let title = text_in(&declared.title, language, &catalog.languages).to_owned();
        let deadline = declared.effect_deadline.map_or(0, |deadline| deadline.to_ms());
        row(id.to_string(), title, standings.remove(id).unwrap_or_default(), deadline, at)
    })
    .collect()
}

fn row(
    id: String,
    title: String,
    standing: Standing,
    deadline_ms: i64,
    at: Timestamp,
) -> SystemRow {
    let state = state(&standing);
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
        id,
        title,
        state,
        lag: standing.unapplied as u64,
        oldest: standing.oldest_due.map(|due| due.plus_ms(-deadline_ms)),
        overdue: standing.overdue as u64,
        parked,
        last_error: failure.map(|class| LastError { class, at: failed_at }),
        delivered: standing.delivered,
    }
}

fn state(standing: &Standing) -> SystemState {
    match standing {
        Standing { is_connected: false, .. } => SystemState::NotConnected,
        Standing { overdue: 1.., .. } => SystemState::Late,
        Standing { unapplied: 0, .. } => SystemState::InStep,
        Standing { failing_since: Some(_), .. } => SystemState::Unreachable,
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
    for row in systems.iter().filter(|row| !row.parked.is_empty()) {
        let items = row.parked.iter().map(|parked| parked.items).sum();
        alerts.push(Alert::Parked { system: row.title.clone(), items });
    }
    alerts
}
