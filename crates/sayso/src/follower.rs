//! What a replica does all day: it asks its server what it lacks, and applies it.

use std::{
    fmt, io,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use sayso_api::{Replica, lease::Moment, replica::Following};
use sayso_consent::{Entry, Position, Timestamp};
use sayso_ledger::{
    keys::{LookupKey, random},
    tail,
};
use serde::Deserialize;

use crate::{
    client::{Client, Refused},
    transfer,
};

/// The first wait after the server was not reached, and the longest, in milliseconds. Each is half
/// chance, so that replicas that lost one server do not come back to it all at once.
const RETRY_FIRST_MS: u64 = 50;
const RETRY_MAX_MS: u64 = 2_000;
/// How long the server may say nothing beyond what it was asked to wait, in milliseconds. A machine
/// that is gone says nothing; the lease lapses long before or long after, as it is set.
const SILENCE_MS_MAX: u64 = 5_000;
/// How many of the server's snapshots in a row may come to nothing before it is done without.
const SNAPSHOTS_IN_VAIN_MAX: u32 = 3;

/// Who follows.
pub(crate) struct Follower {
    pub(crate) replica: Arc<Replica>,
    pub(crate) client: Arc<Client>,
    /// The digest of the secret that it asks with.
    pub(crate) asker: String,
    /// How long the server waits for news before it answers that there are none.
    pub(crate) wait_ms: u64,
}

/// What the server answers.
#[derive(Deserialize)]
struct Tail {
    entries: Vec<Entry>,
    head: Position,
    at: Timestamp,
    lookup_key: Option<String>,
    #[serde(flatten)]
    place: Place,
}

/// Where the replica stands, in the server's words.
#[derive(Clone, Deserialize)]
struct Place {
    through: Position,
    chain: String,
    epoch: String,
    told: Position,
}

impl From<&tail::Place> for Place {
    fn from(place: &tail::Place) -> Self {
        let tail::Place { through, epoch, told } = place;
        let (position, chain) = (through.position, hex::encode(through.chain));
        Self { through: position, chain, epoch: epoch.clone(), told: *told }
    }
}

/// What is followed, and how far.
struct Standing {
    following: Arc<Following>,
    place: Place,
}

/// How far a replica has come.
#[derive(Default)]
struct Course {
    standing: Option<Standing>,
    /// How many of the server's snapshots in a row came to nothing.
    vain: u32,
}

impl Follower {
    /// Follows without end.
    pub(crate) async fn run(self) {
        let mut course = Course::default();
        let mut failures = Failures::default();
        loop {
            match self.step(&mut course).await {
                Ok(()) => failures.end(),
                Err(error) if must_begin_anew(&error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "what was followed leads no further; starting anew"
                    );
                    self.replica.let_go();
                    course.standing = None;
                }
                Err(error) => {
                    failures.note(&error, self.replica.lease_ms().is_some());
                    tokio::time::sleep(failures.pause()).await;
                }
            }
        }
    }

    /// Asks once, and applies what comes.
    async fn step(&self, course: &mut Course) -> Result<()> {
        if course.standing.is_none() && course.vain < SNAPSHOTS_IN_VAIN_MAX {
            course.standing = self.take_up(&mut course.vain).await?;
        }
        let standing = course.standing.as_ref();
        // Read before the question goes out: the lease counts from here.
        let asked = self.replica.moment();
        let tail = self.ask(standing.map(|standing| &standing.place)).await?;
        let following = match (standing, &tail.lookup_key) {
            (Some(standing), _) => Arc::clone(&standing.following),
            (None, Some(key)) => Arc::new(self.replica.begin(LookupKey::from_hex(key)?)),
            (None, None) => bail!("the server did not say what identifiers are found by"),
        };
        let place = tail.place.clone();
        self.apply(Arc::clone(&following), tail, asked).await?;
        *course = Course { standing: Some(Standing { following, place }), vain: 0 };
        Ok(())
    }

    /// Begins from what the server has saved; `None` if that is nothing.
    async fn take_up(&self, vain: &mut u32) -> Result<Option<Standing>> {
        let Some(response) = transfer::open(&self.client).await? else { return Ok(None) };
        // Until the server was seen to go on from it.
        *vain += 1;
        let begun = Instant::now();
        let given = transfer::take(response, &self.asker).await?;
        let place = Place::from(&given.place);
        let (seconds, through) = (begun.elapsed().as_secs_f64(), place.through);
        tracing::info!(%through, seconds, "took up the server's saved snapshot");
        let following = Arc::new(self.replica.take_up(given));
        Ok(Some(Standing { following, place }))
    }

    async fn apply(&self, following: Arc<Following>, tail: Tail, asked: Moment) -> Result<()> {
        let replica = Arc::clone(&self.replica);
        let apply = move || {
            following.apply(&tail.entries, tail.place.through, tail.at)?;
            replica.heard(&following, asked, tail.head);
            Ok(())
        };
        let applied: io::Result<()> =
            tokio::task::spawn_blocking(apply).await.context("the entries could not be applied")?;
        applied.map_err(|error| Stained(error).into())
    }

    async fn ask(&self, place: Option<&Place>) -> Result<Tail> {
        let mut path = format!("/v1/log/tail?wait_ms={}", self.wait_ms);
        if let Some(Place { through, chain, epoch, told }) = place {
            path += &format!("&after={through}&chain={chain}&epoch={epoch}&told={told}");
        }
        let patience = Duration::from_millis(self.wait_ms + SILENCE_MS_MAX);
        let silent = "the server says nothing";
        let opened = self.client.open(Method::GET, &path, &[], Bytes::new());
        let response = tokio::time::timeout(patience, opened).await.context(silent)??;
        let status = response.status();
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) =
            tokio::time::timeout(patience, body.frame()).await.context(silent)?
        {
            bytes.extend(frame?.into_data().unwrap_or_default());
        }
        if !status.is_success() {
            bail!(Refused { status, problem: serde_json::from_slice(&bytes).unwrap_or_default() });
        }
        serde_json::from_slice(&bytes).context("the server's answer cannot be read")
    }
}

/// What was taken away may still lie in the replica's file.
#[derive(Debug)]
struct Stained(io::Error);

impl fmt::Display for Stained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what was taken away cannot be overwritten: {}", self.0)
    }
}

impl std::error::Error for Stained {}

fn must_begin_anew(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    error.is::<Stained>() || refused.is_some_and(|refused| refused.problem["code"] == "diverged")
}

/// How often it failed in a row, and what of it was said.
#[derive(Default)]
struct Failures {
    count: u32,
    has_lapsed: bool,
}

impl Failures {
    /// Says so once when it begins, and once when the lease lapses.
    fn note(&mut self, error: &anyhow::Error, holds_lease: bool) {
        if self.count == 0 {
            tracing::warn!(error = format!("{error:#}"), "cannot follow the server; trying again");
        }
        if !holds_lease && !self.has_lapsed {
            self.has_lapsed = true;
            tracing::error!("no lease: what needs consent is denied until the server is reached");
        }
        self.count = self.count.saturating_add(1);
    }

    fn end(&mut self) {
        if self.count > 0 {
            tracing::info!(failures = self.count, "follows the server again");
        }
        *self = Self::default();
    }

    fn pause(&self) -> Duration {
        let [dice] = random::<1>().unwrap_or_default();
        pause(self.count, dice)
    }
}

/// Twice as long each time, of which half is chance.
fn pause(failures: u32, dice: u8) -> Duration {
    let doubled = 2_u64.saturating_pow(failures.saturating_sub(1).min(16));
    let longest = RETRY_FIRST_MS.saturating_mul(doubled).min(RETRY_MAX_MS);
    Duration::from_millis(longest / 2 + longest * u64::from(dice) / 510)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_are_half_chance() {
        let cases =
            [(1, 25, 50), (2, 50, 100), (3, 100, 200), (7, 1_000, 2_000), (999, 1_000, 2_000)];
        for (failures, shortest, longest) in cases {
            let wait = |dice| pause(failures, dice).as_millis();
            assert_eq!((wait(0), wait(255)), (shortest, longest), "{failures}");
        }
    }
}
