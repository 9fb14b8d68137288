//! How recipients are told, as the ledger knows it: declared, paused, removed, and what was seen
//! when a system was read back. Folded like everything else, so that there is one history of who
//! changed what and nothing about sinks is kept beside it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    event::{Entry, Event},
    id::{Id, Position},
    time::Timestamp,
};

/// Longest reason or operator, in bytes.
pub const REASON_BYTES_MAX: usize = 200;
/// Longest settings, and longest sealed secrets, in bytes.
pub const SETTINGS_BYTES_MAX: usize = 64 * 1024;

/// What somebody declared about how a recipient is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Which kind of sink: `webhook`, `sql`, ….
    pub kind: String,
    /// What may be shown of it: a JSON object.
    pub settings: String,
    /// What may not: sealed, in hexadecimal. Empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sealed: String,
    /// How often the canary is changed and the system read back, in seconds.
    pub watch_seconds: u32,
    /// The name of the canary, as `namespace:value`: a person who is nobody, known to the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
}

/// Settings may hold a token by mistake, so they are not for logs.
impl std::fmt::Debug for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sink", self.kind)
    }
}

/// What is sent to a recipient.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything.
    #[default]
    Running,
    /// Only what takes something away. The system is still read back.
    Paused,
    /// Only what takes something away, and nothing else is done with the system at all.
    Killed,
}

/// What was seen when a system was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// It holds what the ledger said here, but for those who drifted.
    pub through: Position,
    /// When reading it back began.
    pub at: Timestamp,
    /// How many people were compared.
    pub people: u64,
    /// For how many it held something else.
    pub drifted: u64,
}

/// How a recipient is told now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkState {
    /// As it was declared last.
    pub declared: Declared,
    /// Where it was first declared: everybody known before has to be told as well.
    pub since: Position,
    /// Where it was declared last: settings and secrets may be new.
    pub changed: Position,
    /// What is sent.
    pub mode: Mode,
    /// Why it is not everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since which entry everybody, or everybody who changed after another entry, is told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// What was seen when it was last read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

/// An order to tell people again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// Where it was given.
    pub ordered: Position,
    /// Whoever changed after this entry.
    pub after: Position,
}

/// All sinks, by recipient.
pub type Sinks = BTreeMap<Id, SinkState>;

/// Applies an entry. Most are about no sink, and cost nobody a copy.
pub fn apply(sinks: &mut Arc<Sinks>, entry: &Entry) {
    for event in entry.events.iter().filter(|event| concerns(event)) {
        apply_event(Arc::make_mut(sinks), entry.position, event);
    }
}

/// Whether an event is about a sink.
pub fn concerns(event: &Event) -> bool {
    matches!(
        event,
        Event::SinkDeclared { .. }
            | Event::SinkModeChanged { .. }
            | Event::SinkReplayed { .. }
            | Event::SinkCompared { .. }
            | Event::SinkRemoved { .. }
    )
}

fn apply_event(sinks: &mut Sinks, position: Position, event: &Event) {
    match event {
        Event::SinkDeclared { recipient, declared } => match sinks.get_mut(recipient) {
            Some(known) => {
                known.declared = (**declared).clone();
                known.changed = position;
            }
            None => drop(sinks.insert(recipient.clone(), first(declared, position))),
        },
        Event::SinkModeChanged { recipient, mode, reason } => {
            if let Some(known) = sinks.get_mut(recipient) {
                known.mode = *mode;
                known.reason.clone_from(reason);
            }
        }
        Event::SinkReplayed { recipient, after } => {
            if let Some(known) = sinks.get_mut(recipient) {
                known.again = Some(Again { ordered: position, after: *after });
            }
        }
        Event::SinkCompared { recipient, compared } => {
            if let Some(known) = sinks.get_mut(recipient) {
                known.compared = Some(*compared);
            }
        }
        Event::SinkRemoved { recipient, .. } => drop(sinks.remove(recipient)),
        _ => {}
    }
}

fn first(declared: &Declared, position: Position) -> SinkState {
    SinkState {
        declared: declared.clone(),
        since: position,
        changed: position,
        mode: Mode::Running,
        reason: None,
        again: Some(Again { ordered: position, after: Position::START }),
        compared: None,
    }
}
