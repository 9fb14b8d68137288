//! Is every choice being followed? The head of the ledger, and each system that is told of it.

use askama::Template;
use sayso_consent::{id::Position, time::Timestamp};

use crate::{
    console::{Chart, Hour, SinkView},
    frame::{Frame, Refreshing},
    words::Words,
};

/// The operators' page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// What stands around it.
    pub frame: Frame,
    /// The moment that it shows.
    pub now: Timestamp,
    /// Whether the page refreshes itself.
    pub refreshing: Refreshing,
    /// What needs somebody now, the worst first.
    pub alerts: Vec<Alert>,
    /// The head of the ledger; none before the first entry.
    pub head: Option<Head>,
    /// How many people the ledger knows.
    pub people: u64,
    /// Choices for each of the last 60 minutes.
    pub choices: Chart,
    /// Every system that is told.
    pub systems: Vec<SystemRow>,
    /// The kinds of sinks that there are.
    pub kinds: Vec<&'static str>,
    /// What became of an order that was given here.
    pub ordered: Option<Ordered>,
    /// What forms here have to carry to be believed.
    pub csrf: String,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// It is recorded, here.
    Recorded(Position),
    /// It was refused, or the system cannot be used, because of this.
    Refused(String),
}

/// The head of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last position.
    pub position: Position,
    /// When it was written.
    pub at: Timestamp,
    /// The root of the Merkle tree, in hexadecimal or Base64; shown short.
    pub root: String,
}

/// Something that needs somebody now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// A system is past its deadline.
    Late {
        /// Its name.
        system: String,
        /// For how many people.
        people: u64,
    },
    /// A system has no sink, so that nobody tells it.
    NotConnected {
        /// Its name.
        system: String,
    },
    /// A system does not take what it is told.
    Unreachable {
        /// Its name.
        system: String,
    },
    /// A system holds something else than it was told.
    Drifted {
        /// Its name.
        system: String,
        /// About how many people.
        people: u64,
    },
    /// What a system's canary was told was not seen there.
    CanaryLost {
        /// Its name.
        system: String,
    },
    /// A system is sent only what takes something away.
    NotRunning {
        /// Its name.
        system: String,
        /// Why.
        reason: String,
    },
    /// A system refused messages.
    Parked {
        /// Its name.
        system: String,
        /// How many.
        items: u64,
    },
    /// The disk does not take entries.
    ReadOnly,
}

/// How a system stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemState {
    /// It has applied everything.
    InStep,
    /// It has something to apply, and time to.
    Behind,
    /// It has something to apply, and no try to tell it succeeds.
    Unreachable,
    /// It is past its deadline for somebody.
    Late,
    /// Nobody tells it anything: it has no sink.
    NotConnected,
}

/// A system that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemRow {
    /// Its id in the catalog.
    pub id: String,
    /// Its name.
    pub title: String,
    /// How it stands.
    pub state: SystemState,
    /// How many people wait for it to apply their choice.
    pub lag: u64,
    /// Since when the longest of them waits.
    pub oldest: Option<Timestamp>,
    /// For how many it is past its deadline.
    pub overdue: u64,
    /// What it refused, by reason.
    pub parked: Vec<Parked>,
    /// How it failed last.
    pub last_error: Option<LastError>,
    /// How many messages it has taken.
    pub delivered: u64,
    /// For how many people somebody accepted that it does not obey.
    pub excepted: u64,
    /// How many people it may know under a name that is not known here.
    pub unresolved: u64,
    /// How it is told; none if nobody tells it.
    pub sink: Option<SinkView>,
    /// What the last hour was like.
    pub hour: Hour,
}

/// Messages that a system refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Why.
    pub reason: String,
    /// How many.
    pub items: u64,
}

/// How a delivery failed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// Its class, such as `connection refused` or `503`; never a body.
    pub class: String,
    /// When.
    pub at: Timestamp,
}

/// How much of a root is enough to compare by eye.
const ROOT_SHOWN: usize = 12;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewHtml<'a> {
    frame: &'a Frame,
    words: &'static Words,
    overview: &'a Overview,
}

impl Overview {
    /// The page as HTML.
    pub fn render(&self) -> askama::Result<String> {
        OverviewHtml { frame: &self.frame, words: self.frame.words(), overview: self }.render()
    }

    /// Whether the page stands still, so that a form on it can be filled in.
    pub(crate) fn is_still(&self) -> bool {
        !matches!(self.refreshing, Refreshing::Every { .. })
    }

    /// The answer to the heading. What was refused, cannot be reached or is not connected needs
    /// somebody, but not every choice has to be followed yet.
    pub(crate) fn verdict(&self, words: &Words) -> &'static str {
        let is_any = |state| self.systems.iter().any(|system| system.state == state);
        if self.systems.iter().any(|system| system.overdue > 0) || is_any(SystemState::Late) {
            words.console.not_all
        } else if !self.alerts.is_empty() {
            words.console.at_risk
        } else if is_any(SystemState::Behind) {
            words.console.catching_up
        } else {
            words.console.all_well
        }
    }
}

impl Head {
    pub(crate) fn root_short(&self) -> &str {
        let end = self.root.char_indices().nth(ROOT_SHOWN).map_or(self.root.len(), |(end, _)| end);
        &self.root[..end]
    }
}

impl SystemRow {
    pub(crate) fn parked_items(&self) -> u64 {
        self.parked.iter().fold(0, |sum, parked| sum.saturating_add(parked.items))
    }

    pub(crate) fn class(&self) -> &'static str {
        match self.state {
            SystemState::InStep => "applied",
            SystemState::Behind => "told",
            SystemState::Unreachable | SystemState::Late | SystemState::NotConnected => "late",
        }
    }
}
