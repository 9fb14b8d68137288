//! Where the cases are tried: fresh people, deliveries that must end, and waiting for the system.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sayso_ledger::{
    Secrets,
    sink::{Kept, Message, Outcome, Sink},
};

use super::{
    people::Person,
    rig::{Cannot, Rig},
};

/// Why a case did not come to a good end.
#[derive(Debug)]
pub(super) enum Fault {
    /// The rule that was broken, in words.
    Broken(String),
    /// The rig cannot do what the case needs.
    LeftOut(Cannot),
}

impl From<String> for Fault {
    fn from(rule: String) -> Self {
        Self::Broken(rule)
    }
}

impl From<&str> for Fault {
    fn from(rule: &str) -> Self {
        Self::Broken(rule.to_owned())
    }
}

impl From<Cannot> for Fault {
    fn from(cannot: Cannot) -> Self {
        Self::LeftOut(cannot)
    }
}

/// How a case ended.
pub(super) type Verdict<T = ()> = Result<T, Fault>;

pub(super) fn must(holds: bool, rule: impl Into<String>) -> Verdict {
    if holds { Ok(()) } else { Err(Fault::Broken(rule.into())) }
}

/// How often a system is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A rig, and people that nobody was told about.
pub(super) struct Bench<'a> {
    pub(super) rig: &'a dyn Rig,
    pub(super) secrets: Secrets,
    next: AtomicU64,
}

impl<'a> Bench<'a> {
    pub(super) fn new(rig: &'a dyn Rig) -> Self {
        let secrets = Secrets::generate().expect("random bytes");
        Self { rig, secrets, next: AtomicU64::new(1) }
    }

    pub(super) fn person(&self) -> Person {
        Person::new(&self.secrets, self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn people(&self, count: usize) -> Vec<Person> {
        (0..count).map(|_| self.person()).collect()
    }

    /// One delivery, which must come to an end in time and answer for each message.
    pub(super) async fn deliver(
        &self,
        sink: &Arc<dyn Sink>,
        messages: &[Message],
    ) -> Verdict<Vec<Outcome>> {
        let delivery = sink.deliver(messages.into());
        let outcomes = tokio::time::timeout(self.rig.patience(), delivery).await;
        let outcomes =
            outcomes.map_err(|_| format!("no end of a delivery in {:?}", self.rig.patience()))?;
        let (told, answered) = (messages.len(), outcomes.len());
        must(told == answered, format!("{answered} answers to {told} messages"))?;
        for outcome in &outcomes {
            if let Outcome::RetryAfter { why, .. } | Outcome::Refused { why } = outcome {
                must(is_class(why), format!("`{why}` is no class of failure"))?;
            }
        }
        Ok(outcomes)
    }

    /// The same of one message.
    pub(super) async fn tell(&self, sink: &Arc<dyn Sink>, message: &Message) -> Verdict<Outcome> {
        let mut outcomes = self.deliver(sink, std::slice::from_ref(message)).await?;
        Ok(outcomes.pop().ok_or("no answer")?)
    }

    /// Delivers messages that nothing is in the way of, in batches as the sink wants them.
    pub(super) async fn take(&self, sink: &Arc<dyn Sink>, messages: &[Message]) -> Verdict {
        for batch in messages.chunks(sink.pace().batch_max.max(1)) {
            for outcome in self.deliver(sink, batch).await? {
                must(is_taken(&outcome), format!("a good message ended as {outcome:?}"))?;
            }
        }
        Ok(())
    }

    /// Delivers until everything is taken, as the ledger does to a system that is coming back.
    pub(super) async fn take_in_time(&self, sink: &Arc<dyn Sink>, messages: &[Message]) -> Verdict {
        let end = Instant::now() + self.rig.patience() * 2;
        let mut left = messages.to_vec();
        while !left.is_empty() {
            let mut again = Vec::new();
            for batch in left.chunks(sink.pace().batch_max.max(1)) {
                let outcomes = self.deliver(sink, batch).await?;
                for (message, outcome) in batch.iter().zip(outcomes) {
                    match outcome {
                        Outcome::Refused { why } => {
                            return Err(format!("a good message was refused: {why}").into());
                        }
                        Outcome::RetryAfter { why, .. } if Instant::now() > end => {
                            return Err(format!("the system is back, and still: {why}").into());
                        }
                        Outcome::RetryAfter { .. } => again.push(message.clone()),
                        Outcome::Delivered | Outcome::Applied { .. } => {}
                    }
                }
            }
            left = again;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// That the system ends up holding what these messages say, each the newest of its key.
    pub(super) async fn holds<'m>(&self, newest: impl IntoIterator<Item = &'m Message>) -> Verdict {
        let expected: BTreeMap<String, Option<Kept>> =
            newest.into_iter().map(|told| (told.key.clone(), self.rig.expects(told))).collect();
        self.holds_within(&expected, self.rig.patience()).await
    }

    /// That the system ends up holding this under these keys.
    pub(super) async fn holds_within(
        &self,
        expected: &BTreeMap<String, Option<Kept>>,
        time: Duration,
    ) -> Verdict {
        let end = Instant::now() + time;
        loop {
            let held = self.rig.held().await;
            let held: BTreeMap<&str, &Kept> =
                held.iter().map(|kept| (kept.key.as_str(), kept)).collect();
            let wrong = expected
                .iter()
                .find(|(key, kept)| held.get(key.as_str()).copied() != kept.as_ref());
            let Some((key, kept)) = wrong else { return Ok(()) };
            if Instant::now() > end {
                let found = held.get(key.as_str());
                return Err(format!("it should hold {kept:?} and holds {found:?}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

pub(super) fn is_taken(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Delivered | Outcome::Applied { .. })
}

pub(super) fn is_again(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::RetryAfter { .. })
}

/// Whether a failure is a class, such as `unreachable` or `http_503`, and not what somebody said.
pub(super) fn is_class(why: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=40).contains(&why.len()) && why.bytes().all(is_plain)
}
