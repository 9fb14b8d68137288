//! What a replica is sent: everything behind the place where it stands, and whom to forget.

use std::time::Duration;

use sayso_consent::{Entry, Event, event::VERSION, id::Position, sink};

use crate::{
    ledger::OpenError,
    limits::FOLLOW_ENTRIES_MAX,
    record::Record,
    shared::Shared,
    store::{Head, StoreError},
};

/// How often it is looked whether what was appended is in force, and how long to wait between.
const LOOKS: u32 = 50;
const LOOK: Duration = Duration::from_millis(2);

/// Where a replica stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The last entry that it has, and the chain up to it: two histories never share one.
    pub through: Head,
    /// Since when the server that it began with knows of erasures.
    pub epoch: String,
    /// The last erasure that it was told of.
    pub told: Position,
}

/// What lies behind a place.
#[derive(Debug)]
pub struct Tail {
    /// Entries to apply in this order. Whoever was erased is in it with an entry that says so.
    pub entries: Vec<Entry>,
    /// Applied, they bring the replica here.
    pub place: Place,
    /// The head of the ledger when it was read: there is more, unless it is where they lead.
    pub head: Position,
}

/// Why a replica is sent nothing.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// What it has applied is not what is here: the ledger was restored, or it is another one, or
    /// people were erased of whom it cannot be told any more.
    #[error("what was followed is not the beginning of this ledger; start anew")]
    Diverged,
    /// The ledger cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<StoreError> for TailError {
    fn from(error: StoreError) -> Self {
        Self::Open(error.into())
    }
}

impl Shared {
    /// What a replica that stands at a place has still to be sent.
    pub(crate) fn tail(&self, place: &Place) -> Result<Tail, TailError> {
        let from = place.through;
        // Read before the store: what is appended but not in force is not sent.
        let head = self.snapshot.head();
        let records = self.records_behind(from, head)?;
        let is_gap = |record: &&Record| record.payload.is_none();
        let gap = records.iter().find(is_gap).map(|record| record.position);
        if gap.is_some() && !self.has_settled()? {
            return Ok(Tail { entries: Vec::new(), place: place.clone(), head: head.next() });
        }
        let told = self.erasures.after(place.told);
        let is_new = from.position == Position::START;
        if gap.is_some_and(|gap| gap <= told.since) && !is_new && place.epoch != told.epoch {
            return Err(TailError::Diverged);
        }
        let last = records.last();
        let through = last.map_or(from, |last| Head { position: last.position, chain: last.chain });
        let mut entries = Vec::with_capacity(records.len());
        for record in &records {
            entries.extend(self.open(record)?.map(|opened| without_sinks(opened.entry)));
        }
        let at = self.snapshot.latest();
        entries.extend(told.erased.iter().map(|(position, subject)| {
            // Those further on are told at once: what they emptied is left out already.
            let position = (*position).min(through.position);
            let (by, events) = (String::new(), vec![Event::SubjectErased]);
            Entry { v: VERSION, position, at, subject: Some(*subject), by, events }
        }));
        entries.sort_by_key(|entry| entry.position);
        let erasure = told.erased.last().map_or(place.told, |(position, _)| *position);
        let epoch = if is_new { told.epoch } else { place.epoch.clone() };
        Ok(Tail { entries, place: Place { through, epoch, told: erasure }, head })
    }

    /// The records behind a place up to the head, if the place is one of this ledger.
    fn records_behind(&self, from: Head, head: Position) -> Result<Vec<Record>, TailError> {
        let Some(number) = from.position.number.checked_sub(1) else {
            let mut records = self.store.read_after(from.position, FOLLOW_ENTRIES_MAX)?;
            records.retain(|record| record.position <= head);
            return Ok(records);
        };
        let before = Position { number, ..from.position };
        let mut records = self.store.read_after(before, FOLLOW_ENTRIES_MAX)?;
        records.retain(|record| record.position <= head);
        let own = records.first().map(|own| (own.position, own.chain));
        if own != Some((from.position, from.chain)) {
            return Err(TailError::Diverged);
        }
        records.remove(0);
        Ok(records)
    }

    /// Waits until what is on the store is in force, for a while. An erasure empties earlier entries
    /// when it is appended, and who was erased is known only once it is in force: between the two
    /// somebody's withdrawal would be left out and they themselves kept.
    fn has_settled(&self) -> Result<bool, TailError> {
        let appended = self.store.head()?.position;
        for _ in 0..LOOKS {
            if self.snapshot.head() >= appended {
                return Ok(true);
            }
            std::thread::sleep(LOOK);
        }
        Ok(false)
    }
}

/// A replica tells nobody anything, so how others are told is none of its business.
fn without_sinks(mut entry: Entry) -> Entry {
    entry.events.retain(|event| !sink::concerns(event));
    entry
}
