//! Is every choice being followed? The head of the ledger, and each system that is told of it.

use askama::Template;
use sayso_consent::{id::Position, time::Timestamp};

use crate::{
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
    /// Choices for each of the last 60 minutes, oldest first; the last is the present minute.
    pub minutes: Vec<Minute>,
    /// Every system that is told.
    pub systems: Vec<SystemRow>,
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

/// How many choices were recorded in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// When it began.
    pub from: Timestamp,
    /// How many.
    pub choices: u64,
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

/// A bar of the chart, in the units of its `viewBox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) y: u64,
    pub(crate) height: u64,
    pub(crate) is_now: bool,
}

/// The height of the chart, and the least height of a bar that is not nothing.
const CHART_HEIGHT: u64 = 120;
const BAR_LEAST: u64 = 3;
/// The breadth of a bar with its gap.
const BAR_STEP: usize = 10;
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

    pub(crate) fn choices_now(&self) -> u64 {
        self.minutes.last().map_or(0, |minute| minute.choices)
    }

    pub(crate) fn most(&self) -> u64 {
        self.minutes.iter().map(|minute| minute.choices).max().unwrap_or(0)
    }

    pub(crate) fn total(&self) -> u64 {
        self.minutes.iter().fold(0, |sum, minute| sum.saturating_add(minute.choices))
    }

    pub(crate) fn chart_width(&self) -> usize {
        self.minutes.len() * BAR_STEP
    }

    pub(crate) fn bars(&self) -> Vec<Bar> {
        let (most, last) = (self.most().max(1), self.minutes.len().saturating_sub(1));
        let bar = |(index, minute): (usize, &Minute)| {
            let height = scaled(minute.choices, most);
            let y = CHART_HEIGHT.saturating_sub(height);
            Bar { x: index * BAR_STEP, y, height, is_now: index == last }
        };
        self.minutes.iter().enumerate().map(bar).collect()
    }
}

/// A count as a height, the greatest count filling the chart.
fn scaled(count: u64, most: u64) -> u64 {
    if count == 0 {
        return 0;
    }
    let height = u128::from(count) * u128::from(CHART_HEIGHT) / u128::from(most.max(1));
    u64::try_from(height).unwrap_or(CHART_HEIGHT).clamp(BAR_LEAST, CHART_HEIGHT)
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

#[cfg(test)]
mod tests {
    use super::{CHART_HEIGHT, scaled};

    #[test]
    fn bars_keep_to_the_chart() {
        assert_eq!(scaled(0, 10), 0);
        assert_eq!(scaled(10, 10), CHART_HEIGHT);
        assert_eq!(scaled(5, 10), CHART_HEIGHT / 2);
        assert_eq!(scaled(1, u64::MAX), 3);
        assert_eq!(scaled(u64::MAX, u64::MAX), CHART_HEIGHT);
    }
}
