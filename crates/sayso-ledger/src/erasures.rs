//! Who was erased since this process opened the ledger. An erased entry can be read by nobody, its
//! own `subject_erased` included: a replica that was not told would go on allowing what the person
//! once granted.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sayso_consent::{
    Entry, Event,
    id::{Position, SubjectId},
};

use crate::{
    keys::{CryptoError, random},
    limits::ERASURES_MAX,
};

/// Who was erased since when.
#[derive(Default)]
pub(crate) struct Erasures(Mutex<Since>);

#[derive(Default)]
struct Since {
    nonce: u64,
    position: Position,
    erased: BTreeMap<Position, SubjectId>,
}

/// What a reader of the ledger is told of erasures.
pub(crate) struct Told {
    /// Names the beginning of what is known here: another one knows of other erasures.
    pub(crate) epoch: String,
    /// Erasures up to here are not known here.
    pub(crate) since: Position,
    /// Who was erased behind the reader's place, by the entry that did it.
    pub(crate) erased: Vec<(Position, SubjectId)>,
}

impl Erasures {
    /// From here on every erasure is taken in; those before are not known.
    pub(crate) fn begin(&self, position: Position) -> Result<(), CryptoError> {
        let nonce = u64::from_be_bytes(random()?);
        *self.since() = Since { nonce, position, erased: BTreeMap::new() };
        Ok(())
    }

    /// Takes in an entry. Comes before the snapshot's head passes it: whoever reads up to the head
    /// is then told of every erasure on the way.
    pub(crate) fn take_in(&self, entry: &Entry) {
        let Some(subject) = entry.subject else { return };
        if !entry.events.contains(&Event::SubjectErased) {
            return;
        }
        let mut since = self.since();
        since.erased.insert(entry.position, subject);
        if since.erased.len() > ERASURES_MAX
            && let Some((position, _)) = since.erased.pop_first()
        {
            // The epoch changes with it: who began within the old one may not have been told yet.
            since.position = since.position.max(position);
        }
    }

    /// What is known of erasures behind a place.
    pub(crate) fn after(&self, position: Position) -> Told {
        let since = self.since();
        let behind = since.erased.range((Bound::Excluded(position), Bound::Unbounded));
        let erased = behind.map(|(at, who)| (*at, *who)).collect();
        let epoch = format!("{:016x}-{}", since.nonce, since.position);
        Told { epoch, since: since.position, erased }
    }

    fn since(&self) -> MutexGuard<'_, Since> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
