//! Prometheus metrics. No label ever holds anything about a person.

use std::sync::{Arc, atomic::AtomicU64};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use sayso_consent::{Reason, event::Grade};
use sayso_decision::Snapshot;

use crate::{App, auth::Principal, problem::Problem};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRecipient {
    recipient: String,
}

/// What is counted wherever decisions are answered.
pub struct Counted {
    registry: Registry,
    /// One counter a reason, in the order of [`Reason::ALL`]: no map on the decision's path.
    decisions: Vec<Counter>,
    people: Gauge,
    head: Gauge,
}

impl Counted {
    fn new(register_more: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix("sayso");
        let mut decisions = Vec::new();
        for reason in &Reason::ALL {
            let counter = Counter::default();
            let (code, allow) = (reason.code(), reason.allows().to_string());
            let labels = [("reason".into(), code.into()), ("allow".into(), allow.into())];
            registry.sub_registry_with_labels(labels.into_iter()).register(
                "decisions",
                "Decisions answered",
                Counter::clone(&counter),
            );
            decisions.push(counter);
        }
        let (people, head) = (Gauge::default(), Gauge::default());
        registry.register("subjects", "People known", people.clone());
        registry.register("ledger_entries", "Entries of the ledger", head.clone());
        register_more(&mut registry);
        Self { registry, decisions, people, head }
    }

    /// Counts decisions.
    pub fn decided(&self, reason: Reason, count: u64) {
        if let Some(counter) = self.decisions.get(reason as usize) {
            counter.inc_by(count);
        }
    }

    /// All of it, in the OpenMetrics text format.
    fn told(&self, snapshot: &Snapshot) -> Result<Response, Problem> {
        self.people.set(count(snapshot.count()));
        self.head.set(count(snapshot.head().number));
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|_| Problem::unavailable("no metrics"))?;
        let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Ok(([(header::CONTENT_TYPE, media)], text).into_response())
    }
}

fn count(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

/// What a server counts.
pub struct Metrics {
    pub(crate) counted: Arc<Counted>,
    choices: Gauge<u64, AtomicU64>,
    healthy: Gauge,
    waiting: Family<ByRecipient, Gauge>,
    overdue: Family<ByRecipient, Gauge>,
    parked: Family<ByRecipient, Gauge>,
    delivered: Family<ByRecipient, Gauge<u64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let (choices, healthy): (Gauge<u64, AtomicU64>, Gauge) = Default::default();
        let (waiting, overdue, parked): (
            Family<ByRecipient, Gauge>,
            Family<ByRecipient, Gauge>,
            Family<ByRecipient, Gauge>,
        ) = Default::default();
        let delivered: Family<ByRecipient, Gauge<u64, AtomicU64>> = Family::default();
        let counted = Arc::new(Counted::new(|registry| {
            registry.register("choices", "Choices on the ledger", choices.clone());
            let help = "1 if the store takes writes";
            registry.register("ledger_healthy", help, healthy.clone());
            for (name, help, of) in [
                ("system_waiting", "People a system is still to be told about", &waiting),
                ("system_overdue", "People for whom a system is past its deadline", &overdue),
                ("system_parked", "Messages that a system refused", &parked),
            ] {
                registry.register(name, help, of.clone());
            }
            let help = "Messages delivered since the start";
            registry.register("system_delivered", help, delivered.clone());
        }));
        Self { counted, choices, healthy, waiting, overdue, parked, delivered }
    }
}

impl Metrics {
    fn refresh(&self, app: &App) {
        self.choices.set(app.ledger.pulse().total());
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

/// What a replica counts.
pub(crate) struct OfReplica {
    pub(crate) counted: Arc<Counted>,
    lag: Gauge,
    lease: Gauge<f64, AtomicU64>,
}

impl Default for OfReplica {
    fn default() -> Self {
        let (lag, lease): (Gauge, Gauge<f64, AtomicU64>) = Default::default();
        let counted = Arc::new(Counted::new(|registry| {
            registry.register("replica_lag_entries", "Entries that it lacks", lag.clone());
            let help = "What is left of its lease; 0 if it has lapsed";
            registry.register("replica_lease_seconds", help, lease.clone());
        }));
        Self { counted, lag, lease }
    }
}

impl OfReplica {
    /// All of it, as of this state of the replica.
    pub(crate) fn told(
        &self,
        snapshot: &Snapshot,
        lag: u64,
        lease_ms: Option<i64>,
    ) -> Result<Response, Problem> {
        self.lag.set(count(lag));
        self.lease.set(lease_ms.unwrap_or(0) as f64 / 1_000.0);
        self.counted.told(snapshot)
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
) -> Result<Response, Problem> {
    principal.require(Grade::Administer)?;
    app.metrics.refresh(&app);
    app.metrics.counted.told(app.ledger.snapshot())
}
