//! The suite is tried: a good sink passes, and with one planted fault it does not.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use sayso_ledger::sink::{Answer, Kept, Message, Mirror, Outcome, Pace, Sink, Sum, Trouble};

use super::{
    memory::Memory,
    rig::{Able, Hands, Rig, fold},
    run::{run, violations},
};

/// One thing done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AcknowledgesBeforeItSends,
    DropsTheSecondTry,
    CountsAnErrorAsSuccess,
    SwapsTheAnswers,
    AnswersForTheFirstOnly,
    SendsTheFirstOfABatchOnly,
    LeaksTheNamesOfOthers,
    LeaksTheSubject,
    SaysWhatThePeerSaid,
    RefusesWithoutCredentials,
    RefusesWhenAway,
    HangsWhenNobodyAnswers,
    SkipsWhatHasANameAlready,
    SkipsWhatHasAnEntryAlready,
    KeepsWhoLeaves,
    RefusesTheNeighboursOfPoison,
    IsAlwaysContent,
    MakesWhatIsMissing,
    MirrorsNothing,
    ForgetsUnderWay,
}

use Fault::*;

/// Each fault, and a rule that must be found broken.
const PLANTED: [(Fault, &str); 20] = [
    (AcknowledgesBeforeItSends, "a system that is away is waited for"),
    (DropsTheSecondTry, "a system that is away is waited for"),
    (CountsAnErrorAsSuccess, "a system that is away is waited for"),
    (SwapsTheAnswers, "a poisonous message is refused alone"),
    (AnswersForTheFirstOnly, "everybody is told at first"),
    (SendsTheFirstOfABatchOnly, "everybody is told at first"),
    (LeaksTheNamesOfOthers, "only what is the recipient's leaves"),
    (LeaksTheSubject, "only what is the recipient's leaves"),
    (SaysWhatThePeerSaid, "with wrong credentials it tries again"),
    (RefusesWithoutCredentials, "credentials may come back"),
    (RefusesWhenAway, "a system that is away is waited for"),
    (HangsWhenNobodyAnswers, "a system that does not answer holds nobody up"),
    (SkipsWhatHasANameAlready, "everybody is told of one entry"),
    (SkipsWhatHasAnEntryAlready, "the later of two through one entry counts"),
    (KeepsWhoLeaves, "who leaves is gone"),
    (RefusesTheNeighboursOfPoison, "a poisonous message is refused alone"),
    (IsAlwaysContent, "what is missing is found and not made"),
    (MakesWhatIsMissing, "what is missing is found and not made"),
    (MirrorsNothing, "a system that lies is found"),
    (ForgetsUnderWay, "a crash at any step loses nothing"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_sink_passes() {
    let memory = Memory::default();
    run(&memory).await;
    assert!(memory.deliveries() > 3_000, "the suite has told nobody");
    // The reference receiver, which reads the messages by itself, holds the same.
    assert_eq!(fold(memory.heard().await), memory.held().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_planted_fault_is_caught() {
    for (fault, rule) in PLANTED {
        let rig = Planted { good: Memory::default(), fault };
        let broken = violations(&rig, |case| case == rule).await;
        assert_eq!(broken.len(), 1, "{fault:?} is not caught by `{rule}`");
    }
}

/// A good system that is told by a faulty sink.
struct Planted {
    good: Memory,
    fault: Fault,
}

/// A good sink with one fault.
struct Faulty {
    good: Arc<dyn Sink>,
    system: Memory,
    fault: Fault,
    met: Mutex<HashSet<String>>,
}

impl Planted {
    fn plant(&self, good: Arc<dyn Sink>) -> Arc<dyn Sink> {
        let (system, fault) = (self.good.clone(), self.fault);
        Arc::new(Faulty { good, system, fault, met: Mutex::default() })
    }
}

impl Faulty {
    fn is_first(&self, what: String) -> bool {
        self.met.lock().unwrap().insert(what)
    }

    /// What it does to a message before it is sent; none keeps it back.
    fn bend(&self, message: &Message, batch: &[Message]) -> Option<Message> {
        let mut bent = message.clone();
        match self.fault {
            DropsTheSecondTry if !self.is_first(format!("{}{}", message.key, message.id)) => {
                return None;
            }
            SkipsWhatHasANameAlready if !self.is_first(message.id.clone()) => return None,
            SkipsWhatHasAnEntryAlready
                if !self.is_first(format!("{}{}", message.key, message.position)) =>
            {
                return None;
            }
            KeepsWhoLeaves if message.leaving => return None,
            LeaksTheNamesOfOthers => {
                for other in batch {
                    bent.body.extend(other.identifiers.concat().into_bytes());
                }
            }
            LeaksTheSubject => bent.body.extend(message.about.subject.0.to_be_bytes()),
            _ => {}
        }
        Some(bent)
    }

    async fn send(&self, messages: Arc<[Message]>) -> Vec<Outcome> {
        let bent: Vec<Option<Message>> =
            messages.iter().map(|message| self.bend(message, &messages)).collect();
        let mut sent: Vec<Message> = bent.iter().flatten().cloned().collect();
        if self.fault == SendsTheFirstOfABatchOnly {
            sent.truncate(1);
        }
        let mut answers = self.good.deliver(sent.into()).await.into_iter();
        // What was kept back is called delivered.
        bent.iter()
            .map(|bent| bent.as_ref().and_then(|_| answers.next()).unwrap_or(Outcome::Delivered))
            .collect()
    }

    /// What it does to the answers.
    fn twist(&self, outcomes: &mut Vec<Outcome>) {
        let has_poison = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused { .. }));
        let count = outcomes.len();
        match self.fault {
            SwapsTheAnswers => outcomes.reverse(),
            AnswersForTheFirstOnly => outcomes.truncate(1),
            RefusesTheNeighboursOfPoison if has_poison => {
                *outcomes = vec![Outcome::Refused { why: "too_large".into() }; count];
            }
            _ => {}
        }
        for outcome in outcomes {
            let Outcome::RetryAfter { why, .. } = outcome else { continue };
            let why = why.clone();
            match self.fault {
                CountsAnErrorAsSuccess => *outcome = Outcome::Delivered,
                RefusesWithoutCredentials if why == "credentials" => {
                    *outcome = Outcome::Refused { why };
                }
                RefusesWhenAway if why == "unreachable" => *outcome = Outcome::Refused { why },
                SaysWhatThePeerSaid => {
                    *outcome = Outcome::again("no entry for ana@example.org");
                }
                _ => {}
            }
        }
    }
}

impl Sink for Faulty {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            match self.fault {
                AcknowledgesBeforeItSends => {
                    let (good, count) = (Arc::clone(&self.good), messages.len());
                    tokio::spawn(async move { good.deliver(messages).await });
                    return vec![Outcome::Delivered; count];
                }
                HangsWhenNobodyAnswers => {
                    let outcomes = self.send(messages).await;
                    if outcomes.contains(&Outcome::again("timeout")) {
                        std::future::pending::<()>().await;
                    }
                    return outcomes;
                }
                MakesWhatIsMissing => {
                    let outcomes = self.send(Arc::clone(&messages)).await;
                    if outcomes.contains(&Outcome::again("no_table")) {
                        self.system.assemble().await;
                        return self.send(messages).await;
                    }
                    return outcomes;
                }
                ForgetsUnderWay => {
                    // It writes down that it sent before it has, where a restart finds it.
                    let outcomes = self.send(Arc::clone(&messages)).await;
                    if outcomes.len() > 1 {
                        self.system.lose(&messages[0].key).await.unwrap();
                    }
                    return outcomes;
                }
                _ => {}
            }
            let mut outcomes = self.send(messages).await;
            self.twist(&mut outcomes);
            outcomes
        })
    }

    fn pace(&self) -> Pace {
        self.good.pace()
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            match self.good.check().await {
                Err(_) if self.fault == IsAlwaysContent => Ok(vec!["fine".to_owned()]),
                found => found,
            }
        })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}

impl Mirror for Faulty {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        Box::pin(async move {
            if self.fault == MirrorsNothing {
                return Ok(Vec::new());
            }
            self.good.mirror().unwrap().sums().await
        })
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        self.good.mirror().unwrap().people(ranges)
    }
}

impl Rig for Planted {
    fn open(&self) -> Arc<dyn Sink> {
        self.plant(self.good.open())
    }

    fn hands(&self) -> &dyn Hands {
        self.good.hands()
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        self.good.held()
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        self.good.heard()
    }

    fn wire(&self) -> Able<Vec<u8>> {
        self.good.wire()
    }

    fn patience(&self) -> Duration {
        self.good.patience()
    }

    fn poison(&self, good: Message) -> Able<Message> {
        self.good.poison(good)
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        self.good.stranger().map(|sink| self.plant(sink))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        self.good.dismantle()
    }

    fn assemble(&self) -> Answer<'_, ()> {
        self.good.assemble()
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        self.good.lose(key)
    }
}
