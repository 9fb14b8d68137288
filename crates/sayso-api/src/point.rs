//! What decisions are answered from: the same for a server and for a replica of it.

use std::{sync::Arc, time::Instant};

use sayso_consent::{Decision, Position, Reason, Timestamp, event::Key};
use sayso_decision::Snapshot;
use sayso_ledger::{Clock, keys::LookupKey};
use tokio::sync::watch;

use crate::{
    App,
    access::finder::Finder,
    auth::Principal,
    lease::{Lease, Moment},
    metrics::Counted,
    problem::Problem,
};

/// A decision point.
pub struct Point {
    /// Everyone's state.
    pub snapshot: Arc<Snapshot>,
    /// The clock.
    pub clock: Clock,
    /// What identifiers are found by.
    pub lookup_key: LookupKey,
    /// The head, for those who wait for the next.
    pub head: watch::Receiver<Position>,
    /// What is counted.
    pub metrics: Arc<Counted>,
    /// Where it is reached. Without a slash at the end.
    pub public_url: String,
    /// Whether and how long it may say yes; none for a server, which follows nobody.
    pub held: Option<Held>,
}

/// A replica's lease, and the clock that it is read by.
pub struct Held {
    /// The lease.
    pub lease: Lease,
    /// When the clock that never jumps began.
    pub begun: Instant,
}

/// What keys are looked up in.
pub(crate) trait Keys {
    /// The key whose secret has this digest.
    fn key(&self, digest: &str) -> Result<Option<Arc<Key>>, Problem>;
}

impl Keys for Arc<App> {
    fn key(&self, digest: &str) -> Result<Option<Arc<Key>>, Problem> {
        Ok(self.ledger.snapshot().key(digest))
    }
}

impl Keys for Arc<Point> {
    fn key(&self, digest: &str) -> Result<Option<Arc<Key>>, Problem> {
        Ok(self.snapshot.key(digest))
    }
}

impl Point {
    /// The server's own.
    pub(crate) fn of(app: &App) -> Self {
        Self {
            snapshot: Arc::clone(app.ledger.snapshot()),
            clock: app.ledger.clock().clone(),
            lookup_key: app.ledger.secrets().lookup_key().clone(),
            head: app.ledger.watch(),
            metrics: Arc::clone(&app.metrics.counted),
            public_url: app.public_url.clone(),
            held: None,
        }
    }

    /// Finds people for whoever asks.
    pub(crate) fn finder<'a>(&'a self, principal: &'a Principal) -> Finder<'a> {
        Finder::new(&self.snapshot, &self.lookup_key, principal)
    }

    /// For how long a yes may be given.
    pub(crate) fn term(&self, at: Timestamp) -> Term {
        let Some(held) = &self.held else { return Term::Unbounded };
        held.lease.left_ms(Moment::since(held.begun, at)).map_or(Term::Lapsed, Term::Left)
    }

    /// Lets pass only while a lease is held: an empty list would look like nobody's.
    pub(crate) fn require_lease(&self) -> Result<(), Problem> {
        match self.term(self.clock.at()) {
            Term::Lapsed => {
                Err(Problem::unavailable("this replica holds no lease; ask the server"))
            }
            _ => Ok(()),
        }
    }
}

impl Held {
    /// Ends the lease. The next one, of which nothing is held yet, is read by the same clock.
    pub(crate) fn end(&self) -> Self {
        Self { lease: self.lease.end(), begun: self.begun }
    }
}

/// For how long a yes may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// It is asked where the ledger is.
    Unbounded,
    /// So many milliseconds.
    Left(i64),
    /// No longer.
    Lapsed,
}

impl Term {
    /// What becomes of a decision: without a lease a yes that a person could have taken back since
    /// is none. What the law or a life demands nobody takes back.
    pub(crate) fn bound(self, mut decision: Decision, at: Timestamp) -> Decision {
        let stays = matches!(decision.reason, Reason::LegalObligation | Reason::VitalInterests);
        match self {
            Self::Unbounded => decision,
            Self::Left(left) => {
                // Whoever relies on the answer relies on the lease: they end together.
                decision.lease = decision.lease.min(at.plus_ms(left));
                decision
            }
            Self::Lapsed if decision.allow() && !stays => {
                let no = Decision::deny(Reason::NoLease, decision.activity.as_ref());
                Decision { as_of: decision.as_of, lease: at, ..no }
            }
            Self::Lapsed => {
                decision.lease = at;
                decision
            }
        }
    }
}
