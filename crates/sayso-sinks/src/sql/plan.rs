//! What a batch changes, given what the tables hold: pure, so that all databases do the same.

use std::collections::HashMap;

use sayso_ledger::{deliver::PermissionData, sink::Message};

use super::statement::{Run, Statement, split};

/// How new a message is. Of two about one person the greater counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) epoch: i32,
    pub(super) number: i64,
    pub(super) told_at_ms: i64,
}

impl Version {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            epoch: message.position.partition.into(),
            number: i64::try_from(message.position.number).unwrap_or(i64::MAX),
            told_at_ms: message.at.0,
        }
    }
}

impl Version {
    /// What two people's claims to one name are compared by: a message says whose a name was when
    /// it was composed, whichever entry it is through.
    fn claim(self) -> (i64, i32, i64) {
        (self.told_at_ms, self.epoch, self.number)
    }
}

/// A namespace and a value.
pub(super) type Name<'a> = (&'a str, &'a str);

/// What the tables hold about the people and the names of a batch.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Through which message somebody was told of, by key.
    pub(super) people: HashMap<String, Version>,
    /// Who goes by a name, and how new that is, by namespace and value.
    pub(super) holders: HashMap<(String, String), (String, Version)>,
}

/// One row of `permissions`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) key: &'a str,
    pub(super) permission: &'a PermissionData,
    /// How many before it are about the same: two activities may declare one thing.
    pub(super) nth: i16,
}

impl Row<'_> {
    pub(super) fn channel(&self) -> &str {
        self.permission.channel.as_ref().map_or("", |channel| channel.as_str())
    }

    pub(super) fn until_ms(&self) -> Option<i64> {
        self.permission.until.map(|until| until.0)
    }

    pub(super) fn reason(&self) -> &'static str {
        self.permission.reason.code()
    }
}

/// What is written, in this order: keys are cleared, names let go, and the rest put in.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// Who is told of, and that they are leaving.
    pub(super) people: Vec<(&'a str, Version, bool)>,
    /// Names that are nobody's any more, or somebody else's from now on.
    pub(super) released: Vec<Name<'a>>,
    /// Names and whose they are.
    pub(super) names: Vec<(Name<'a>, &'a str)>,
    pub(super) permissions: Vec<Row<'a>>,
    /// What each statement is run with, by statement.
    pub(super) runs: Vec<Vec<Run>>,
    /// The newest message.
    pub(super) newest: Version,
    /// How many rows of ours each message of the batch fills.
    pub(super) filled: Vec<u64>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(messages: &'a [Message], found: &'a Found, statements: &[Statement]) -> Self {
        let is_news = |message: &Message| {
            found.people.get(&message.key).is_none_or(|known| Version::of(message) > *known)
        };
        let mut fresh: Vec<(usize, &Message)> =
            messages.iter().enumerate().filter(|(_, message)| is_news(message)).collect();
        // Whoever came to a name last has it, so the older come first.
        fresh.sort_by_key(|(_, message)| Version::of(message).claim());
        let mut plan = Self {
            newest: messages.iter().map(Version::of).max().unwrap_or_default(),
            filled: vec![0; messages.len()],
            runs: statements.iter().map(|_| Vec::new()).collect(),
            ..Self::default()
        };
        plan.assign_names(&fresh, found);
        let mut names: HashMap<&str, u64> = HashMap::new();
        for (_, key) in &plan.names {
            *names.entry(key).or_default() += 1;
        }
        for (place, message) in fresh {
            plan.people.push((&message.key, Version::of(message), message.leaving));
            let rows = rows(message).collect::<Vec<_>>();
            let filled = rows.len() as u64 + names.get(&*message.key).copied().unwrap_or(0);
            if let Some(own) = plan.filled.get_mut(place) {
                *own = filled;
            }
            plan.permissions.extend(rows);
            for (runs, statement) in plan.runs.iter_mut().zip(statements) {
                runs.extend(statement.runs(message, place));
            }
        }
        plan
    }

    /// Decides whose each name is. An older message about somebody else takes no name away.
    fn assign_names(&mut self, fresh: &[(usize, &'a Message)], found: &'a Found) {
        let known = found.holders.iter().map(|((namespace, value), (key, version))| {
            ((namespace.as_str(), value.as_str()), (key.as_str(), *version))
        });
        let mut holders: HashMap<Name<'a>, (&'a str, Version)> = known.collect();
        let mut touched: Vec<Name<'a>> = Vec::new();
        for (_, message) in fresh {
            let version = Version::of(message);
            for name in message.identifiers.iter().map(|name| split(name)) {
                let is_later = |(key, held): &(&str, Version)| {
                    *key != message.key && held.claim() > version.claim()
                };
                if holders.get(&name).is_some_and(is_later) {
                    continue;
                }
                touched.push(name);
                match message.leaving {
                    true => holders.remove(&name),
                    false => holders.insert(name, (&message.key, version)),
                };
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let kept = touched.iter().filter_map(|name| Some((*name, holders.get(name)?.0)));
        self.names = kept.collect();
        self.released = touched;
    }
}

fn rows(message: &Message) -> impl Iterator<Item = Row<'_>> {
    let all: &[PermissionData] = if message.leaving { &[] } else { &message.permissions };
    all.iter().enumerate().map(|(place, permission)| {
        let is_same = |other: &&PermissionData| {
            (&other.purpose, &other.data, &other.channel)
                == (&permission.purpose, &permission.data, &permission.channel)
        };
        let before = all.iter().take(place).filter(is_same).count();
        Row { key: &message.key, permission, nth: i16::try_from(before).unwrap_or(i16::MAX) }
    })
}
