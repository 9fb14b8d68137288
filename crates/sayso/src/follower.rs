//! What a replica does all day: it asks its server what it lacks, and applies it.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use sayso_api::{Replica, lease::Moment, replica::Following};
use sayso_consent::{Entry, Position, Timestamp};
use sayso_ledger::keys::{LookupKey, random};
use serde::Deserialize;

use crate::client::{Client, Refused};

/// The first wait after the server was not reached, and the longest, in milliseconds. Each is half
/// chance, so that replicas that lost one server do not come back to it all at once.
const RETRY_FIRST_MS: u64 = 50;
const RETRY_MAX_MS: u64 = 2_000;
/// How long the server may say nothing beyond what it was asked to wait, in milliseconds. A machine
/// that is gone says nothing; the lease lapses long before or long after, as it is set.
const SILENCE_MS_MAX: u64 = 5_000;

/// Who follows.
pub(crate) struct Follower {
    pub(crate) replica: Arc<Replica>,
    pub(crate) client: Client,
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

/// What is followed, and how far.
struct Standing {
    following: Arc<Following>,
    place: Place,
}

impl Follower {
    /// Follows without end.
    pub(crate) async fn run(self) {
        let mut standing = None;
        let mut failures = Failures::default();
        loop {
            match self.step(&mut standing).await {
                Ok(()) => failures.end(),
                Err(error) if is_diverged(&error) => {
                    tracing::warn!(
                        "the server's ledger is not the one that was followed; starting anew"
                    );
                    standing = None;
                }
                Err(error) => {
                    failures.note(&error, self.replica.lease_ms().is_some());
                    tokio::time::sleep(failures.pause()).await;
                }
            }
        }
    }

    /// Asks once, and applies what comes.
    async fn step(&self, standing: &mut Option<Standing>) -> Result<()> {
        // Read before the question goes out: the lease counts from here.
        let asked = self.replica.moment();
        let tail = self.ask(standing.as_ref().map(|standing| &standing.place)).await?;
        let following = match (&*standing, &tail.lookup_key) {
            (Some(standing), _) => Arc::clone(&standing.following),
            (None, Some(key)) => Arc::new(self.replica.begin(LookupKey::from_hex(key)?)),
            (None, None) => bail!("the server did not say what identifiers are found by"),
        };
        let place = tail.place.clone();
        self.apply(Arc::clone(&following), tail, asked).await?;
        *standing = Some(Standing { following, place });
        Ok(())
    }

    async fn apply(&self, following: Arc<Following>, tail: Tail, asked: Moment) -> Result<()> {
        let replica = Arc::clone(&self.replica);
        let apply = move || {
            following.apply(&tail.entries, tail.place.through, tail.at);
            replica.heard(&following, asked, tail.head);
        };
        tokio::task::spawn_blocking(apply).await.context("the entries could not be applied")
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

fn is_diverged(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.problem["code"] == "diverged")
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
