//! Prometheus metrics. No label ever holds anything about a person.

use std::sync::{Arc, atomic::AtomicU64};

use axum::{extract::State, http::header, response::IntoResponse};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use sayso_consent::{Reason, event::Grade};

use crate::{App, auth::Principal, problem::Problem};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRecipient {
    recipient: String,
}

/// What is counted.
pub struct Metrics {
    registry: Registry,
    /// One counter a reason, in the order of [`Reason::ALL`]: no map on the decision's path.
    decisions: Vec<Counter>,
    choices: Gauge<u64, AtomicU64>,
    people: Gauge,
    head: Gauge<i64>,
    healthy: Gauge,
    waiting: Family<ByRecipient, Gauge>,
    overdue: Family<ByRecipient, Gauge>,
    parked: Family<ByRecipient, Gauge>,
    delivered: Family<ByRecipient, Gauge<u64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("sayso");
        let by_reason = |reason: &Reason| {
            let counter: Counter = Counter::default();
            (reason.code(), reason.allows(), counter)
        };
        let counted: Vec<_> = Reason::ALL.iter().map(by_reason).collect();
        for (reason, allow, counter) in &counted {
            let labels =
                [("reason".into(), (*reason).into()), ("allow".into(), allow.to_string().into())];
            registry.sub_registry_with_labels(labels.into_iter()).register(
                "decisions",
                "Decisions answered",
                counter.clone(),
            );
        }
        let choices: Gauge<u64, AtomicU64> = Gauge::default();
        registry.register("choices", "Choices on the ledger", choices.clone());
        let (people, head, healthy) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("subjects", "People known", people.clone());
        registry.register("ledger_entries", "Entries of the ledger", head.clone());
        registry.register("ledger_healthy", "1 if the store takes writes", healthy.clone());
        let (waiting, overdue) = (Family::default(), Family::default());
        let (parked, delivered) = (Family::default(), Family::default());
        registry.register(
            "system_waiting",
            "People a system is still to be told about",
            waiting.clone(),
        );
        registry.register(
            "system_overdue",
            "People for whom a system is past its deadline",
            overdue.clone(),
        );
        registry.register("system_parked", "Messages that a system refused", parked.clone());
        registry.register(
            "system_delivered",
            "Messages delivered since the start",
            delivered.clone(),
        );
        let decisions = counted.into_iter().map(|(_, _, counter)| counter).collect();
        Self {
            registry,
            decisions,
            choices,
            people,
            head,
            healthy,
            waiting,
            overdue,
            parked,
            delivered,
        }
    }
}

impl Metrics {
    /// Counts a decision.
    pub fn decided(&self, reason: Reason) {
        if let Some(counter) = self.decisions.get(reason as usize) {
            counter.inc();
        }
    }

    fn refresh(&self, app: &App) {
        let count = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let snapshot = app.ledger.snapshot();
        self.choices.set(app.ledger.pulse().total());
        self.people.set(count(snapshot.count()));
        self.head.set(i64::try_from(snapshot.head().number).unwrap_or(i64::MAX));
        self.healthy.set(i64::from(app.ledger.is_healthy()));
        for (recipient, standing) in app.board.standings() {
            let labels = ByRecipient { recipient: recipient.to_string() };
            self.waiting.get_or_create(&labels).set(count(standing.waiting));
            self.overdue.get_or_create(&labels).set(count(standing.overdue));
            self.parked.get_or_create(&labels).set(count(standing.parked.len()));
            self.delivered.get_or_create(&labels).set(standing.delivered);
        }
    }
}

/// Prometheus metrics, in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", operation_id = "show_metrics", tag = "operations",
    responses(
        (status = 200, description = "The metrics.", body = String, content_type = "application/openmetrics-text"),
        (status = 401, description = "No valid key.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
) -> Result<impl IntoResponse, Problem> {
    principal.require(Grade::Administer)?;
    app.metrics.refresh(&app);
    let mut text = String::new();
    encode(&mut text, &app.metrics.registry).map_err(|_| Problem::unavailable("no metrics"))?;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media)], text))
}
