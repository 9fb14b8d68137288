//! How a system is told, on the operators' page.

use sayso_consent::{sink::Mode, time::Timestamp};

use super::chart::Chart;

/// How a system is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkView {
    /// Which kind of sink.
    pub kind: String,
    /// What is sent.
    pub mode: Mode,
    /// Why it is not everything.
    pub reason: Option<String>,
    /// How many people were looked at, of how many, while everybody is told again.
    pub backfill: Option<(u64, u64)>,
    /// What was seen when it was last read back.
    pub compared: Option<ComparedView>,
    /// Why it could not be read back.
    pub unreadable: Option<String>,
    /// What became of its canary.
    pub canary: Option<CanaryView>,
}

/// What was seen when a system was read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComparedView {
    /// When.
    pub at: Timestamp,
    /// How many people were compared.
    pub people: u64,
    /// For how many it held something else.
    pub drifted: u64,
}

/// What became of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryView {
    /// It was seen, so long after it was changed, in milliseconds.
    Seen(u64),
    /// It was changed and not seen in its time.
    Lost,
    /// It was changed and is not seen yet.
    Awaited,
}

/// What the last hour of a system was like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// How many people had something unapplied.
    pub lag: Chart,
    /// In how many milliseconds 99 of 100 effects had come in.
    pub effect: Chart,
}

impl SinkView {
    pub(crate) fn is_running(&self) -> bool {
        self.mode == Mode::Running
    }
}
