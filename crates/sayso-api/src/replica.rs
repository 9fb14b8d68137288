//! A replica: it follows a server and answers what is asked as the server would, as long as it holds
//! a lease. Everything is in memory; whoever drives it says what it heard.
//!
//! Each beginning, from nothing or from what the server has saved, is a [`Point`] of its own. It is
//! asked only once it has caught up, so that nobody ever meets half of a ledger.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use axum::{
    Json, Router,
    extract::{FromRef, State},
    response::Response,
    routing::{get, post},
};
use sayso_consent::{
    Entry, Position, Timestamp,
    event::{Grade, Key},
};
use sayso_decision::Snapshot;
use sayso_ledger::{
    Clock,
    image::{Given, Kept},
    keys::LookupKey,
};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    access::search_resource,
    auth::Principal,
    health,
    lease::{Lease, Moment},
    metrics::OfReplica,
    onward::Onward,
    openapi,
    point::{Held, Keys, Point},
    problem::{self, Problem},
    request_id,
};

/// A replica.
pub struct Replica {
    point: ArcSwap<Point>,
    metrics: OfReplica,
    has_begun: AtomicBool,
    server_head: AtomicU64,
}

/// What follows the ledger from a beginning.
pub struct Following {
    point: Arc<Point>,
    told: watch::Sender<Position>,
    /// What it began with, if that was not nothing.
    kept: Option<Kept>,
}

/// The replica as handlers see it, and what it cannot answer.
#[derive(Clone)]
pub(crate) struct Seat(Arc<Replica>, Arc<dyn Onward>);

impl Replica {
    /// One that knows nothing yet. It is reached at `public_url`; its lease lasts `bound_ms`.
    pub fn new(clock: Clock, public_url: String, bound_ms: i64) -> Self {
        let metrics = OfReplica::default();
        let nothing = Point {
            snapshot: Arc::default(),
            clock,
            lookup_key: LookupKey::default(),
            head: watch::channel(Position::START).1,
            metrics: Arc::clone(&metrics.counted),
            public_url,
            held: Some(Held { lease: Lease::new(bound_ms), begun: Instant::now() }),
        };
        let (has_begun, server_head) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { point: ArcSwap::from_pointee(nothing), metrics, has_begun, server_head }
    }

    /// Begins from nothing. Whatever was followed before gives no yes from now on.
    pub fn begin(&self, lookup_key: LookupKey) -> Following {
        self.begin_with(Snapshot::default(), lookup_key, None)
    }

    /// Begins from what the server has saved. Whatever was followed before gives no yes from now on.
    pub fn take_up(&self, given: Given) -> Following {
        let Given { snapshot, lookup_key, kept, .. } = given;
        self.begin_with(snapshot, lookup_key, Some(kept))
    }

    fn begin_with(
        &self,
        snapshot: Snapshot,
        lookup_key: LookupKey,
        kept: Option<Kept>,
    ) -> Following {
        let before = self.point.load();
        let (told, head) = watch::channel(snapshot.head());
        let point = Point {
            snapshot: Arc::new(snapshot),
            clock: before.clock.clone(),
            lookup_key,
            head,
            metrics: Arc::clone(&before.metrics),
            public_url: before.public_url.clone(),
            held: before.held.as_ref().map(Held::end),
        };
        Following { point: Arc::new(point), told, kept }
    }

    /// Gives no yes any more until something else is followed: what is followed is not what is there.
    pub fn let_go(&self) {
        if let Some(held) = &self.point.load().held {
            let _ = held.end();
        }
    }

    /// Takes note of the server's head. If the following is there, it has all that the server knew when
    /// it was asked: its lease is renewed from then on, and it is what is asked.
    pub fn heard(&self, following: &Following, asked: Moment, head: Position) {
        self.server_head.store(head.number, Ordering::Release);
        if following.point.snapshot.head() < head {
            return;
        }
        if let Some(held) = &following.point.held {
            held.lease.renew(asked);
        }
        if !Arc::ptr_eq(&self.point.load(), &following.point) {
            self.point.store(Arc::clone(&following.point));
            self.has_begun.store(true, Ordering::Release);
        }
    }

    /// This moment, for [`Replica::heard`]: read it before the server is asked.
    pub fn moment(&self) -> Moment {
        let point = self.point.load();
        // INVARIANT: a replica's points hold a lease each.
        let begun = point.held.as_ref().map_or_else(Instant::now, |held| held.begun);
        Moment::since(begun, point.clock.at())
    }

    /// What is left of the lease, in milliseconds; none if it has lapsed or was never held.
    pub fn lease_ms(&self) -> Option<i64> {
        let point = self.point.load();
        point.held.as_ref().and_then(|held| held.lease.left_ms(self.moment()))
    }

    /// All routes, ready to serve. What it cannot answer it passes on.
    pub fn router(self: &Arc<Self>, onward: Arc<dyn Onward>) -> Router {
        let (decisions, _) = openapi::decisions::<Seat>().split_for_parts();
        decisions
            .route(search_resource::PATH, post(search_resource::at_replica))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(Seat(Arc::clone(self), onward))
            .fallback(problem::not_found)
            .method_not_allowed_fallback(problem::method_not_allowed)
            .layer(request_id::Echo)
    }
}

/// How many people for whom something has ended are settled beside those whom entries are about.
const SETTLE_MORE: usize = 16;

impl Following {
    /// Applies entries in the order of the ledger; they and what is left out of them lead to a
    /// position. `at` is the server's time: what has ended there has ended here. Blocks while a
    /// catalog is brought into force.
    ///
    /// # Errors
    /// What an entry takes away cannot be overwritten. It must not be followed any further.
    pub fn apply(&self, entries: &[Entry], through: Position, at: Timestamp) -> io::Result<()> {
        let snapshot = &self.point.snapshot;
        if let Some(kept) = &self.kept {
            entries.iter().try_for_each(|entry| kept.obey(entry, snapshot))?;
        }
        snapshot.apply(entries);
        snapshot.advance(through);
        snapshot.settle(entries.len() + SETTLE_MORE);
        self.point.clock.seen(at.max(snapshot.latest()));
        self.told.send_replace(through);
        Ok(())
    }
}

impl Replica {
    /// How many entries of those that it knows of it lacks.
    fn lag(&self, head: Position) -> u64 {
        self.server_head.load(Ordering::Acquire).saturating_sub(head.number)
    }
}

impl Keys for Seat {
    fn key(&self, digest: &str) -> Result<Option<Arc<Key>>, Problem> {
        // Before there is a ledger every key is unknown, and none is wrong.
        if !self.0.has_begun.load(Ordering::Acquire) {
            return Err(Problem::unavailable("this replica has not caught up with its server yet"));
        }
        Ok(self.0.point.load().snapshot.key(digest))
    }
}

impl FromRef<Seat> for Arc<Point> {
    fn from_ref(seat: &Seat) -> Self {
        seat.0.point.load_full()
    }
}

impl FromRef<Seat> for Arc<dyn Onward> {
    fn from_ref(seat: &Seat) -> Self {
        Arc::clone(&seat.1)
    }
}

/// Prometheus metrics, as the server's, with how far it is behind and what is left of its lease.
async fn metrics(
    State(Seat(replica, _)): State<Seat>,
    principal: Principal,
) -> Result<Response, Problem> {
    principal.require(Grade::Administer)?;
    let snapshot = Arc::clone(&replica.point.load().snapshot);
    replica.metrics.told(&snapshot, replica.lag(snapshot.head()), replica.lease_ms())
}

/// How a replica is.
#[derive(Serialize)]
struct Standing {
    status: &'static str,
    /// The entry it has got to.
    head: Position,
    /// How many entries of those that it knows of it lacks.
    lag: u64,
    /// What is left of its lease, in milliseconds.
    lease_ms: i64,
}

/// Whether it holds a lease. Needs no key.
async fn ready(State(Seat(replica, _)): State<Seat>) -> Result<Json<Standing>, Problem> {
    let head = replica.point.load().snapshot.head();
    let lag = replica.lag(head);
    if let Some(lease_ms) = replica.lease_ms() {
        return Ok(Json(Standing { status: "ok", head, lag, lease_ms }));
    }
    let why = if replica.has_begun.load(Ordering::Acquire) {
        "the lease has lapsed, and what needs consent is denied"
    } else {
        "it has not caught up with its server yet"
    };
    Err(Problem::unavailable(format!("{why}; it is at {head}, {lag} entries behind")))
}
