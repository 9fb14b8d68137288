//! What a receiving system holds: the newest word about everybody, by the rule that the
//! documentation gives, and a journal of what it applied, by which the order is checked.

use std::collections::HashMap;

use sayso_consent::{Position, Timestamp};
use serde::Deserialize;

/// The message that a system gets.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    time: Timestamp,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    key: String,
    position: Position,
    identifiers: Vec<String>,
    permissions: Vec<Permission>,
}

#[derive(Debug, Deserialize)]
struct Permission {
    purpose: String,
    data: String,
    channel: Option<String>,
    allow: bool,
}

/// What a system says that it applied: about whom, and through which entry.
pub(crate) type Applied = (String, Position);

impl Event {
    /// Whether offers may be sent by e-mail: what the whole test is about. The catalog declares it
    /// for `contact`, of which the address is a part.
    fn allows(&self) -> bool {
        let is_it = |own: &&Permission| {
            (own.purpose.as_str(), own.data.as_str(), own.channel.as_deref())
                == ("marketing.offers", "contact", Some("email"))
        };
        self.data.permissions.iter().find(is_it).is_some_and(|own| own.allow)
    }

    pub(crate) fn key(&self) -> &str {
        &self.data.key
    }

    pub(crate) fn position(&self) -> Position {
        self.data.position
    }

    /// The name that the system knows the person by.
    pub(crate) fn name(&self) -> &str {
        &self.data.identifiers[0]
    }
}

/// How a system goes about its work: rightly, or with a planted mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Applies what is newer than what it has.
    Right,
    /// Applies whatever comes, as it comes.
    TakesTheOld,
    /// Says that everything was applied, and applies the first message about each only.
    Forgets,
}

/// What a system holds.
pub(crate) struct Held {
    habit: Habit,
    people: HashMap<String, (Position, Timestamp, String, bool)>,
    journal: Vec<(String, Position)>,
    /// How many messages came after a newer one, or again.
    pub(crate) stale: u64,
}

impl Held {
    pub(crate) fn new(habit: Habit) -> Self {
        Self { habit, people: HashMap::new(), journal: Vec::new(), stale: 0 }
    }

    /// Takes a message, and says what is to be reported about it.
    pub(crate) fn take(&mut self, event: &Event) -> Applied {
        let (position, time) = (event.data.position, event.time);
        let applied = (event.name().to_owned(), position);
        let is_forgotten = self.habit == Habit::Forgets;
        let held = self.people.get(event.key());
        if is_forgotten && held.is_some() {
            return applied;
        }
        if held.is_some_and(|held| (held.0, held.1) >= (position, time)) {
            self.stale += 1;
            if self.habit != Habit::TakesTheOld {
                return applied;
            }
        }
        let word = (position, time, event.name().to_owned(), event.allows());
        self.people.insert(event.key().to_owned(), word);
        self.journal.push((event.key().to_owned(), position));
        applied
    }

    /// How often something was applied after something newer about the same person.
    pub(crate) fn backwards(&self) -> usize {
        let mut newest: HashMap<&str, Position> = HashMap::new();
        let steps = self.journal.iter().map(|(key, position)| {
            newest.insert(key, *position).is_some_and(|before| before > *position)
        });
        steps.filter(|is_back| *is_back).count()
    }

    /// What may be done, by name.
    pub(crate) fn allowed(&self) -> HashMap<String, bool> {
        self.people.values().map(|(_, _, name, allow)| (name.clone(), *allow)).collect()
    }
}
