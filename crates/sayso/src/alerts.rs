//! Tells whoever is on call when something is wrong with a system, and when that is over: as an event
//! to a URL, signed like a delivery. What is wrong is looked at and not remembered: after a restart
//! it is told again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use sayso_api::App;
use sayso_consent::{
    Id, Timestamp,
    sink::{Mode, Sinks},
};
use sayso_ledger::{Ledger, deliver::Board, deliver::Standing};
use sayso_sinks::webhook::{Sent, Webhook, WebhookConfig};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use crate::{config, drivers};

/// In whose name alerts are signed; `sayso key alert` shows what they are verified with.
pub(crate) const NAME: &str = "sayso-alert";
/// How often everything is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The first and the longest wait after an alert that did not arrive.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long the receiver may take to answer, in milliseconds.
const TIMEOUT_MS: u64 = 10_000;
/// Alerts that wait; the oldest goes first.
const WAITING_MAX: usize = 1_000;
/// A system that has failed for less than this, in milliseconds, is busy or starts anew.
const FAILING_MS: i64 = 60_000;

/// What can be wrong with a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    /// It is past its deadline for some people, and its use is denied for them.
    Overdue,
    /// When it was read back, it held something else than it was told.
    Drifted,
    /// The newest change of its canary was not seen in time.
    CanaryLost,
    /// It cannot be read back.
    Unreadable,
    /// It has taken nothing for a minute.
    Failing,
}

/// What is wrong, and for how many people, where people are counted.
type Wrong = BTreeMap<(Id, Condition), Option<u64>>;

fn wrong(standings: Vec<(Id, Standing)>, sinks: &Sinks, at: Timestamp) -> Wrong {
    let mut wrong = Wrong::new();
    for (recipient, standing) in standings {
        let sink = sinks.get(&recipient);
        let reading = &standing.reading;
        let drifted = sink.and_then(|sink| sink.compared).map_or(0, |compared| compared.drifted);
        let (overdue, drifted) = (standing.overdue as u64, drifted + reading.strangers);
        let has_failed = |since: Timestamp| at.0 - since.0 >= FAILING_MS;
        let is_running = sink.is_some_and(|sink| sink.mode == Mode::Running);
        let all = [
            (Condition::Overdue, overdue > 0, Some(overdue)),
            (Condition::Drifted, drifted > 0, Some(drifted)),
            (Condition::CanaryLost, is_running && standing.canary.is_lost, None),
            (Condition::Unreadable, reading.failure.is_some(), None),
            (Condition::Failing, standing.failing_since.is_some_and(has_failed), None),
        ];
        for (condition, _, people) in all.into_iter().filter(|(_, is_so, _)| *is_so) {
            wrong.insert((recipient.clone(), condition), people);
        }
    }
    wrong
}

/// An alert on its way.
struct Waiting {
    id: String,
    body: Vec<u8>,
}

/// Sends alerts, for as long as it runs.
pub(crate) struct Alerts {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    webhook: Webhook,
    known: Wrong,
    waiting: VecDeque<Waiting>,
    sent: u64,
    retry_at: Instant,
    rest: Duration,
}

impl Alerts {
    /// To where the operator wants them; none if they do not.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(crate) fn new(app: &App, config: &config::Alert) -> Result<Option<Self>> {
        let Some(url) = config.url.clone() else { return Ok(None) };
        let (ledger, board) = (Arc::clone(&app.ledger), Arc::clone(&app.board));
        let (secret, signing_key) = drivers::delivery_keys(ledger.secrets(), &NAME.parse()?)?;
        let (allow_private, timeout_ms) = (config.allow_private, TIMEOUT_MS);
        let config = WebhookConfig { url, secret, signing_key, allow_private, timeout_ms };
        let webhook = Webhook::new(config).context("the setting `url` of [alert]")?;
        let (known, waiting) = (Wrong::new(), VecDeque::new());
        let (retry_at, rest) = (Instant::now(), RETRY.0);
        Ok(Some(Self { ledger, board, webhook, known, waiting, sent: 0, retry_at, rest }))
    }

    /// Runs until told to stop.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            self.look();
            tokio::select! {
                () = self.send() => {}
                _ = stop.changed() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Notes what is wrong and was not, and what was and is no longer.
    fn look(&mut self) {
        let at = self.ledger.clock().at();
        let now = wrong(self.board.standings(), &self.ledger.snapshot().sinks(), at);
        let before = std::mem::replace(&mut self.known, now.clone());
        let begun = now.iter().filter(|(what, _)| !before.contains_key(what));
        let over = before.iter().filter(|(what, _)| !now.contains_key(what));
        let begun = begun.map(|(what, people)| (what, *people, false));
        for (what, people, is_over) in begun.chain(over.map(|(what, _)| (what, None, true))) {
            self.note(what, people, is_over, at);
        }
    }

    fn note(&mut self, what: &(Id, Condition), people: Option<u64>, is_over: bool, at: Timestamp) {
        if self.waiting.len() >= WAITING_MAX {
            tracing::error!("too many alerts wait; the oldest is given up");
            self.waiting.pop_front();
        }
        self.sent += 1;
        let (recipient, condition) = what;
        let id = format!("alert_{}_{}_{}", self.ledger.id(), at.0, self.sent);
        let body = json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("urn:sayso:{}", self.ledger.id()),
            "type": "sayso.alert.v1",
            "time": at.to_string(),
            "datacontenttype": "application/json",
            "data": {
                "recipient": recipient, "condition": condition, "is_over": is_over, "people": people,
            },
        });
        self.waiting.push_back(Waiting { id, body: body.to_string().into_bytes() });
    }

    /// Sends what waits, in order, until one does not arrive.
    async fn send(&mut self) {
        while let Some(first) = self.waiting.front()
            && Instant::now() >= self.retry_at
        {
            let at_seconds = self.ledger.clock().at().0 / 1_000;
            let sent = self.webhook.send(&first.id, first.body.clone().into(), at_seconds).await;
            if let Sent::Retry { after_ms, why } = sent {
                tracing::error!(%why, waiting = self.waiting.len(), "an alert did not arrive");
                let asked = after_ms.map_or(Duration::ZERO, Duration::from_millis);
                self.retry_at = Instant::now() + self.rest.max(asked);
                self.rest = (self.rest * 2).min(RETRY.1);
                return;
            }
            if let Sent::Refused { why } = sent {
                tracing::error!(%why, "an alert was refused and is given up");
            }
            self.waiting.pop_front();
            self.rest = RETRY.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use sayso_ledger::deliver::{Canary, Reading};

    use super::*;

    #[test]
    fn what_is_wrong_is_named_and_what_is_not_is_left_out() {
        let at = Timestamp(1_772_000_000_000);
        let id = |name: &str| name.parse::<Id>().unwrap();
        let busy = Standing { failing_since: Some(at.plus_ms(-59_999)), ..Standing::default() };
        let broken = Standing {
            overdue: 3,
            failing_since: Some(at.plus_ms(-60_000)),
            canary: Canary { is_lost: true, ..Canary::default() },
            reading: Reading {
                strangers: 2,
                failure: Some("timeout".into()),
                ..Reading::default()
            },
            ..Standing::default()
        };
        let found = wrong(vec![(id("crm"), busy), (id("mailer"), broken)], &Sinks::new(), at);
        let named = |((id, what), people): ((Id, Condition), _)| {
            assert_eq!(id.as_str(), "mailer");
            (what, people)
        };
        let found: Vec<_> = found.into_iter().map(named).collect();
        // Nobody tells the mailer, so nobody waits for its canary.
        let expected = [
            (Condition::Overdue, Some(3)),
            (Condition::Drifted, Some(2)),
            (Condition::Unreadable, None),
            (Condition::Failing, None),
        ];
        assert_eq!(found, expected);
    }
}
