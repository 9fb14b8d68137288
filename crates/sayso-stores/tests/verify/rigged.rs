//! A store over the embedded one that misbehaves as it is told.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sayso_consent::{Position, SubjectId};
use sayso_ledger::{
    Store, StoreError,
    record::{Hash, Record},
    store::{Answer, Batch, Head},
};
use sayso_stores::Embedded;

/// A store that can be told to fail and to be slow.
pub(crate) struct RiggedStore {
    pub(crate) inner: Embedded,
    /// Writes fail.
    pub(crate) fails: Arc<AtomicBool>,
    /// What it then says is that it is damaged.
    pub(crate) is_damaged: bool,
    /// What is written can be read for a while before the writer hears of it.
    pub(crate) lags: bool,
}

impl RiggedStore {
    fn check(&self) -> Result<(), StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            if self.is_damaged {
                return Err(StoreError::Corrupt("file is not a database".into()));
            }
            return Err(StoreError::Unavailable("no space left on device".into()));
        }
        Ok(())
    }

    fn lag(&self, times: u32) {
        if self.lags {
            std::thread::sleep(times * Duration::from_millis(4));
        }
    }
}

impl Store for RiggedStore {
    fn head(&self) -> Result<Head, StoreError> {
        self.inner.head()
    }

    fn append(&self, batch: &Batch) -> Result<(), StoreError> {
        self.check()?;
        self.inner.append(batch)?;
        self.lag(2);
        Ok(())
    }

    fn read_after(&self, position: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.lag(1);
        self.inner.read_after(position, limit)
    }

    fn commitments_after(&self, position: Position, limit: usize) -> Result<Vec<Hash>, StoreError> {
        self.inner.commitments_after(position, limit)
    }

    fn subject_keys(&self, subjects: &[SubjectId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.inner.subject_keys(subjects)
    }

    fn entries_about(
        &self,
        subject: SubjectId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.inner.entries_about(subject, before, limit)
    }

    fn answer(&self, key: &Hash) -> Result<Option<Answer>, StoreError> {
        self.inner.answer(key)
    }

    fn forget_answers(&self, before_ms: i64) -> Result<(), StoreError> {
        self.inner.forget_answers(before_ms)
    }

    fn cursor(&self, follower: &str) -> Result<Position, StoreError> {
        self.inner.cursor(follower)
    }

    fn set_cursor(&self, follower: &str, position: Position) -> Result<(), StoreError> {
        self.inner.set_cursor(follower, position)
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        self.inner.checkpoint()
    }

    fn ledger_id(&self) -> Result<String, StoreError> {
        self.inner.ledger_id()
    }

    fn strays(&self) -> Result<u64, StoreError> {
        self.inner.strays()
    }

    fn back_up(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        self.inner.back_up(to, progress)
    }

    fn reopen(&self) -> Result<(), StoreError> {
        self.check()?;
        self.inner.reopen()
    }
}
