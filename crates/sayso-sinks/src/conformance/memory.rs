//! A good sink, and the system behind it, in memory: what the suite itself is tried on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sayso_consent::{Timestamp, id::Position};
use sayso_ledger::{
    deliver::range,
    sink::{Answer, Kept, Message, Mirror, Outcome, Pace, Sink, Sum, Trouble},
};

use super::rig::{Able, Hands, Rig, expected};

/// The longest body that the system takes.
const BODY_BYTES_MAX: usize = 10_000;
/// How long the sink waits for the system.
const TIMEOUT: Duration = Duration::from_millis(200);

/// What the system does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Good,
    Away,
    Silent,
    Closed,
    Bare,
}

#[derive(Default)]
struct State {
    mood: Mood,
    held: BTreeMap<String, ((Position, Timestamp), Option<Kept>)>,
    heard: Vec<Vec<u8>>,
}

/// A receiving system.
#[derive(Clone, Default)]
pub(super) struct Memory {
    state: Arc<Mutex<State>>,
    deliveries: Arc<AtomicU64>,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    fn set(&self, mood: Mood) -> Able {
        self.state().mood = mood;
        Ok(())
    }

    /// How many messages it took.
    pub(super) fn deliveries(&self) -> u64 {
        self.deliveries.load(Ordering::Relaxed)
    }

    fn take(&self, message: &Message) -> Outcome {
        if message.body.len() > BODY_BYTES_MAX {
            return Outcome::Refused { why: "too_large".into() };
        }
        let mut state = self.state();
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        state.heard.push(message.body.clone());
        let newness = (message.position, message.at);
        if state.held.get(&message.key).is_none_or(|(held, _)| *held < newness) {
            state.held.insert(message.key.clone(), (newness, expected(message)));
        }
        Outcome::Applied { detail: Some("1 row".into()) }
    }
}

/// A sink that does everything right.
pub(super) struct Good {
    system: Memory,
    is_stranger: bool,
}

impl Good {
    async fn reach(&self) -> Result<(), String> {
        tokio::task::yield_now().await;
        let mood = self.system.state().mood;
        match mood {
            _ if self.is_stranger => Err("credentials".into()),
            Mood::Good => Ok(()),
            Mood::Away => Err("unreachable".into()),
            Mood::Closed => Err("credentials".into()),
            Mood::Bare => Err("no_table".into()),
            Mood::Silent => {
                tokio::time::sleep(TIMEOUT).await;
                Err("timeout".into())
            }
        }
    }
}

impl Sink for Good {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        Box::pin(async move {
            if let Err(why) = self.reach().await {
                return vec![Outcome::again(why); messages.len()];
            }
            let mut outcomes = Vec::new();
            for message in messages.iter() {
                tokio::task::yield_now().await;
                outcomes.push(self.system.take(message));
            }
            outcomes
        })
    }

    fn pace(&self) -> Pace {
        Pace { batch_max: 50, at_once: 4, per_second: None }
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(async move {
            let reached = self.reach().await;
            reached.map(|()| vec!["in memory".to_owned()]).map_err(Trouble)
        })
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}

impl Mirror for Good {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        Box::pin(async move {
            self.reach().await.map_err(Trouble)?;
            let mut sums: BTreeMap<u16, Sum> = BTreeMap::new();
            for kept in self.system.kept() {
                let range = range(&kept.key);
                let sum = sums.entry(range).or_insert(Sum { range, ..Sum::default() });
                sum.people += 1;
                sum.names += kept.names;
                sum.marks = sum.marks.wrapping_add(kept.marks);
            }
            Ok(sums.into_values().collect())
        })
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        Box::pin(async move {
            self.reach().await.map_err(Trouble)?;
            let is_within = |kept: &Kept| ranges.contains(&range(&kept.key));
            Ok(self.system.kept().into_iter().filter(is_within).collect())
        })
    }
}

impl Memory {
    fn kept(&self) -> Vec<Kept> {
        self.state().held.values().filter_map(|(_, kept)| kept.clone()).collect()
    }
}

impl Hands for Memory {
    fn break_off(&self) -> Answer<'_, Able> {
        Box::pin(async { self.set(Mood::Away) })
    }

    fn mend(&self) -> Answer<'_, ()> {
        Box::pin(async { self.state().mood = Mood::Good })
    }

    fn stall(&self) -> Answer<'_, Able> {
        Box::pin(async { self.set(Mood::Silent) })
    }

    fn wake(&self) -> Answer<'_, ()> {
        self.mend()
    }

    fn revoke(&self) -> Answer<'_, Able> {
        Box::pin(async { self.set(Mood::Closed) })
    }

    fn admit(&self) -> Answer<'_, ()> {
        self.mend()
    }
}

impl Rig for Memory {
    fn open(&self) -> Arc<dyn Sink> {
        Arc::new(Good { system: self.clone(), is_stranger: false })
    }

    fn hands(&self) -> &dyn Hands {
        self
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async { self.kept() })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        Box::pin(async { self.state().heard.clone() })
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Ok(self.state().heard.concat())
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn poison(&self, good: Message) -> Able<Message> {
        let padded = [good.body, vec![b' '; BODY_BYTES_MAX]].concat();
        Ok(Message { body: padded, ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Ok(Arc::new(Good { system: self.clone(), is_stranger: true }))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        Box::pin(async { self.set(Mood::Bare) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        self.mend()
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        Box::pin(async move {
            self.state().held.remove(key);
            Ok(())
        })
    }
}
