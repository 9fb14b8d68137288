//! The port to a downstream system.

use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc, time::Duration};

use sayso_consent::{
    Timestamp,
    id::{Id, Lookup, Position, SubjectId},
};

use crate::deliver::{PermissionData, range};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct About {
    /// Whom.
    pub subject: SubjectId,
    /// The name that is theirs no longer and has to go; none for what may be done under the names
    /// that are. Messages of its own, for they tell of another moment than the newest state.
    pub former: Option<Lookup>,
}

/// A message for one recipient about one person.
#[derive(Clone, Debug)]
pub struct Message {
    /// Whom it is about. For telling messages apart in here: it never leaves.
    pub about: About,
    /// Names the message; the same again when it is sent again.
    pub id: String,
    /// Names the person to this recipient alone, in every message about them: what topics, rows
    /// and partitions go by. 32 hexadecimal digits; nobody else's key for the same person is the same.
    pub key: String,
    /// Through which entry: apply it only if nothing newer was applied under the key.
    pub position: Position,
    /// The names that this recipient knows the person by, as `namespace:value`.
    pub identifiers: Vec<String>,
    /// Delete what is held under these names.
    pub leaving: bool,
    /// Everything that is declared for this recipient; empty if `leaving` for good.
    pub permissions: Arc<[PermissionData]>,
    /// All of that as a CloudEvent in JSON, ready to be sent.
    pub body: Vec<u8>,
    /// When it was composed. Of two messages with one position the later one counts.
    pub at: Timestamp,
}

/// How a delivery ended. There is no fifth way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The system has it. It says for itself when it has applied it.
    Delivered,
    /// The system has it and has changed its data: that was one act, and it is durable.
    Applied {
        /// What it did, such as `2 rows`, without personal data.
        detail: Option<String>,
    },
    /// Try again, not before so many milliseconds if the system said so.
    RetryAfter {
        /// What the system asked for.
        after_ms: Option<u64>,
        /// The class of failure, without personal data.
        why: String,
    },
    /// The system will never take this message as it is. Parked, where a person sees it.
    Refused {
        /// The class of refusal, without personal data.
        why: String,
    },
}

impl Outcome {
    /// To be tried again, when the ledger thinks fit.
    pub fn again(why: impl Into<String>) -> Self {
        Self::RetryAfter { after_ms: None, why: why.into() }
    }
}

/// The answer of a sink, to come.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a sink wants to be fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Most messages in one delivery.
    pub batch_max: usize,
    /// Most deliveries under way at once.
    pub at_once: usize,
    /// Most messages a second, if the system has a limit.
    pub per_second: Option<u32>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { batch_max: 1, at_once: 16, per_second: None }
    }
}

/// Why a system could not be looked at: a class, such as `unreachable` or `credentials`, without
/// personal data and without anything that the system said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// Something that tells a downstream system.
pub trait Sink: Send + Sync {
    /// Delivers messages, all about different things, and says of each, in their order, how that
    /// ended. Must not retry by itself, and must come to an end.
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>>;

    /// How it wants to be fed.
    fn pace(&self) -> Pace {
        Pace::default()
    }

    /// Whether the system is there and would take messages: connects, proves who it is, looks
    /// whether what it needs exists. Changes nothing. Says in a few words each what it found.
    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>>;

    /// What was applied since it was last asked, for systems that are seen to have applied a
    /// message some time after they took it.
    fn applied(&self) -> Answer<'_, Vec<(About, Position)>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Reads back what the system holds, if that can be done.
    fn mirror(&self) -> Option<&dyn Mirror> {
        None
    }
}

/// What a system holds, read back: for seeing whether it is what the ledger says.
///
/// People are compared by `marks`: see [`crate::deliver::mark`]. First sums over ranges of keys,
/// then, where a sum differs, the people of that range.
pub trait Mirror: Send + Sync {
    /// The sums of all ranges that hold anybody, in any order.
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>>;

    /// Everybody in some ranges, in any order. They are asked for together because many systems
    /// read everything to find a part.
    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>>;

    /// One person, by their key.
    fn person<'a>(&'a self, key: &'a str) -> Answer<'a, Result<Option<Kept>, Trouble>> {
        Box::pin(async move {
            let people = self.people(&BTreeSet::from([range(key)])).await?;
            Ok(people.into_iter().find(|kept| kept.key == key))
        })
    }

    /// How long reading back everything may take before the system counts as unreachable.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// What a system holds in one range of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The first 12 bits of the keys.
    pub range: u16,
    /// How many people.
    pub people: u64,
    /// By how many names.
    pub names: u64,
    /// The sum of the marks of all their permissions.
    pub marks: u64,
}

/// What a system holds of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Their key.
    pub key: String,
    /// Through which entry it was told, if it says so.
    pub position: Option<Position>,
    /// By how many names.
    pub names: u64,
    /// The sum of the marks of all their permissions.
    pub marks: u64,
}

/// A kind of sink, as it is shown to whoever declares one.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Its settings.
    pub settings: Vec<Field>,
    /// What it keeps sealed.
    pub secrets: Vec<Field>,
}

/// Something that a kind of sink is told.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it means, and its unit.
    pub about: &'static str,
    /// What it is if nobody says; none if it has to be said.
    pub default: Option<&'static str>,
}

/// Who is told, for those who make sinks.
#[derive(Clone, Debug)]
pub struct Told {
    /// The recipient.
    pub recipient: Id,
    /// The ledger's id: a part of what names things at the other end.
    pub ledger: String,
}
