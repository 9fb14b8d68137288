//! The driver.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sayso_consent::id::{Position, SubjectId};
use sayso_ledger::{
    Store, StoreError,
    record::{Hash, Record},
    store::{Answer, Batch, Head},
};

/// A ledger in memory.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<Position, Record>,
    keys: HashMap<SubjectId, Vec<u8>>,
    answers: HashMap<Hash, Answer>,
    cursors: HashMap<String, Position>,
    checkpoint: Option<String>,
}

impl State {
    fn head(&self) -> Head {
        let newest = self.records.last_key_value();
        newest.map_or_else(Head::default, |(position, record)| Head {
            position: *position,
            chain: record.chain,
        })
    }

    fn erase(&mut self, subject: SubjectId) {
        for record in self.records.values_mut() {
            record.payload = record.payload.take().filter(|payload| payload.subject != subject);
        }
        self.keys.remove(&subject);
        let name = subject.to_string();
        let names = |answer: &Answer| {
            answer.outcome.windows(name.len()).any(|window| window == name.as_bytes())
        };
        self.answers.retain(|_, answer| !names(answer));
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn head(&self) -> Result<Head, StoreError> {
        Ok(self.state().head())
    }

    fn append(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.head() != batch.expected {
            return Err(StoreError::Conflict);
        }
        state.keys.extend(batch.new_keys.iter().cloned());
        for record in &batch.records {
            state.records.insert(record.position, record.clone());
        }
        state.answers.extend(batch.answers.iter().map(|answer| (answer.key, answer.clone())));
        for subject in &batch.erased {
            state.erase(*subject);
        }
        state.checkpoint = Some(batch.checkpoint.clone());
        Ok(())
    }

    fn read_after(&self, position: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        let state = self.state();
        let with_key = |record: &Record| {
            let mut record = record.clone();
            if let Some(payload) = &mut record.payload {
                payload.wrapped_key = state.keys.get(&payload.subject).cloned().unwrap_or_default();
            }
            record
        };
        Ok(state
            .records
            .range(position.next()..)
            .take(limit)
            .map(|(_, record)| with_key(record))
            .collect())
    }

    fn commitments_after(&self, position: Position, limit: usize) -> Result<Vec<Hash>, StoreError> {
        let state = self.state();
        Ok(state
            .records
            .range(position.next()..)
            .take(limit)
            .map(|(_, record)| record.commitment)
            .collect())
    }

    fn subject_keys(&self, subjects: &[SubjectId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let state = self.state();
        Ok(subjects.iter().map(|subject| state.keys.get(subject).cloned()).collect())
    }

    fn entries_about(
        &self,
        subject: SubjectId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let state = self.state();
        let is_about = |record: &Record| {
            record.payload.as_ref().is_some_and(|payload| payload.subject == subject)
        };
        let newest_first = state.records.range(..before).rev();
        let about = newest_first.filter(|(_, record)| is_about(record));
        Ok(about.map(|(position, _)| *position).take(limit).collect())
    }

    fn answer(&self, key: &Hash) -> Result<Option<Answer>, StoreError> {
        Ok(self.state().answers.get(key).cloned())
    }

    fn forget_answers(&self, before_ms: i64) -> Result<(), StoreError> {
        self.state().answers.retain(|_, answer| answer.at_ms >= before_ms);
        Ok(())
    }

    fn cursor(&self, follower: &str) -> Result<Position, StoreError> {
        Ok(self.state().cursors.get(follower).copied().unwrap_or(Position::START))
    }

    fn set_cursor(&self, follower: &str, position: Position) -> Result<(), StoreError> {
        self.state().cursors.insert(follower.to_owned(), position);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        Ok(self.state().checkpoint.clone())
    }

    fn ledger_id(&self) -> Result<String, StoreError> {
        Ok("0000000000000000".into())
    }

    fn strays(&self) -> Result<u64, StoreError> {
        // A payload is part of its record here, so only a key can be left over.
        let state = self.state();
        let payloads = state.records.values().filter_map(|record| record.payload.as_ref());
        let about: HashSet<SubjectId> = payloads.map(|payload| payload.subject).collect();
        Ok(state.keys.keys().filter(|subject| !about.contains(subject)).count() as u64)
    }

    fn back_up(&self, _: &Path, _: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("a ledger in memory has no file to copy".into()))
    }

    fn reopen(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
