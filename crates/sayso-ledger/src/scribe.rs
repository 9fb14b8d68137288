//! Writes the journal beside the ledger, and knows what the two lack of each other.

use std::io;

use sayso_consent::{Entry, Timestamp};

use crate::{
    journal::{Index, Journal, Line, Settled},
    keys::Secrets,
    limits::{FOLLOW_ENTRIES_MAX, UNJOURNALED_MAX, UNJOURNALED_RETRY},
    record::Record,
    store::Head,
};

/// Who writes the journal. Without one it has nothing to do.
#[derive(Default)]
pub(crate) struct Scribe {
    journal: Option<Journal>,
    /// What the journal speaks of, while a ledger is held against it.
    index: Index,
    /// Lines that are not in the journal yet, in order.
    owed: Vec<Line>,
    /// How often lines were not even tried to be written since the journal failed.
    passed: Option<u32>,
    /// Owed lines were let go of; they are found again when the ledger is next opened.
    is_short: bool,
    /// The journal has lines that the ledger lacks.
    is_ahead: bool,
    /// Some of those cannot be recorded while this process lives.
    is_stuck: bool,
}

impl Scribe {
    /// Writes a journal; what that speaks of is not known yet.
    pub(crate) fn new(journal: Option<Journal>) -> Self {
        Self { journal, ..Self::default() }
    }

    /// Reads what the journal speaks of, behind what is settled. `false` if it is another journal
    /// than the one that this was said of.
    pub(crate) fn read(
        &mut self,
        settled: Option<&Settled>,
        secrets: &Secrets,
    ) -> io::Result<bool> {
        let Some(journal) = &self.journal else { return Ok(true) };
        let Some(index) = Index::read_behind(journal.path(), settled, secrets)? else {
            return Ok(false);
        };
        self.index = index;
        Ok(true)
    }

    /// Whether there is one.
    pub(crate) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// How far journal and ledger say the same. `Err` while they do not.
    pub(crate) fn settled(&self) -> io::Result<Option<Settled>> {
        if !self.is_ok() || self.is_ahead || self.is_stuck {
            return Err(io::Error::other(
                "the journal and the ledger lack something of each other",
            ));
        }
        self.journal.as_ref().map(Journal::settled).transpose()
    }

    /// Whether the journal has all that it should.
    pub(crate) fn is_ok(&self) -> bool {
        self.owed.is_empty() && !self.is_short
    }

    /// Whether it has to be tried again.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Holds an entry of the ledger against the journal, which is given the line that it lacks.
    pub(crate) fn compare(&mut self, record: &Record, entry: Option<&Entry>, secrets: &Secrets) {
        if self.journal.is_none() || self.index.see(&record.chain) {
            return;
        }
        self.owed.extend(entry.and_then(|entry| Line::of(entry, Some(record.chain))));
        if self.owed.len() >= FOLLOW_ENTRIES_MAX {
            self.write(&[], secrets);
        }
    }

    /// The lines that the ledger lacks, once all of its entries were compared.
    pub(crate) fn lacking(&mut self, secrets: &Secrets) -> io::Result<Vec<Line>> {
        let Some(journal) = &self.journal else { return Ok(Vec::new()) };
        let lacking = std::mem::take(&mut self.index).lacking(journal.path(), secrets)?;
        self.is_ahead = !lacking.is_empty();
        Ok(lacking)
    }

    /// Writes lines, after those that are owed. A journal that failed is tried now and then only:
    /// all that is owed is written each time.
    pub(crate) fn write(&mut self, lines: &[Line], secrets: &Secrets) {
        if self.journal.is_none() {
            return;
        }
        self.owed.extend_from_slice(lines);
        match &mut self.passed {
            Some(passed) if *passed < UNJOURNALED_RETRY => {
                *passed += 1;
                self.shorten();
            }
            _ => self.catch_up(secrets),
        }
    }

    /// Writes what is owed.
    pub(crate) fn catch_up(&mut self, secrets: &Secrets) {
        let Some(journal) = self.journal.as_mut().filter(|_| !self.owed.is_empty()) else { return };
        let reopened = if self.passed.is_some() { journal.reopen() } else { Ok(()) };
        match reopened.and_then(|()| journal.append(&self.owed, secrets)) {
            Ok(()) => {
                if self.passed.take().is_some() {
                    tracing::warn!(lines = self.owed.len(), "the journal of withdrawals is back");
                }
                self.owed.clear();
            }
            Err(error) => {
                if self.passed.replace(0).is_none() {
                    // The entry itself is durable; what suffers is a restore of an older backup.
                    tracing::error!(%error, "the journal of withdrawals cannot be written");
                }
                self.shorten();
            }
        }
    }

    /// Lets go of owed lines when they are too many, but for erasures, of which the ledger keeps
    /// nothing to make them of again.
    fn shorten(&mut self) {
        if self.owed.len() > UNJOURNALED_MAX && !self.is_short {
            tracing::error!(
                "too many lines wait for the journal; start again when it can be written"
            );
            self.is_short = true;
        }
        if self.is_short {
            self.owed.retain(|line| line.is_erased);
        }
    }

    /// Whether it has lines that the ledger lacks, and may be told that they need not be recorded.
    pub(crate) fn is_ahead(&self) -> bool {
        self.is_ahead && !self.is_stuck
    }

    /// Notes that lines were written whose entries were not.
    pub(crate) fn note_ahead(&mut self) {
        self.is_ahead = true;
    }

    /// Notes that some of them cannot be recorded while this process lives.
    pub(crate) fn note_stuck(&mut self) {
        self.is_stuck = true;
    }

    /// Marks that all that is in the journal is on the ledger, or is not to be. Unmarked, a line
    /// that was recorded at last would take away again, at the next start, what was given since.
    pub(crate) fn mark(&mut self, head: Head, at: Timestamp, secrets: &Secrets) {
        if self.is_ahead() {
            self.write(&[Line::mark(head, at)], secrets);
            self.is_ahead = false;
        }
    }
}
