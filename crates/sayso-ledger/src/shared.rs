//! What the writer and the readers share: the store, and what was followed out of it.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use sayso_consent::{
    Entry, Event,
    event::VERSION,
    id::{Position, SubjectId},
};
use sayso_decision::Snapshot;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    erasures::Erasures,
    formers::Formers,
    image::{Images, Loaded, load},
    journal::Settled,
    keys::Secrets,
    ledger::OpenError,
    limits::FOLLOW_ENTRIES_MAX,
    pulse::Pulse,
    record::{Opened, Record, RecordError, unclose},
    store::{Head, Store, StoreError},
    tree::Tree,
};

/// What the writer and the readers share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) clock: Clock,
    pub(crate) id: String,
    head: Mutex<Head>,
    tree: Mutex<Tree>,
    pub(crate) told: watch::Sender<Position>,
    pub(crate) pulse: Pulse,
    pub(crate) formers: Formers,
    pub(crate) erasures: Erasures,
    /// The snapshot on disk, if the store has a place for it.
    pub(crate) images: Option<Images>,
    healthy: AtomicBool,
    pub(crate) journal_ok: AtomicBool,
    pub(crate) damaged: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Nothing of the store is read yet.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id: store.ledger_id()?,
            store,
            secrets: Arc::new(secrets),
            snapshot: Arc::default(),
            clock,
            head: Mutex::default(),
            tree: Mutex::default(),
            told: watch::channel(Position::START).0,
            pulse: Pulse::default(),
            formers: Formers::default(),
            erasures: Erasures::default(),
            images: None,
            healthy: AtomicBool::new(true),
            journal_ok: AtomicBool::new(true),
            damaged: AtomicBool::new(false),
        })
    }

    /// What was saved is taken up; the rest is followed.
    pub(crate) fn resume(
        store: Arc<dyn Store>,
        secrets: Secrets,
        clock: Clock,
        images: Images,
    ) -> Result<(Self, Option<Settled>), StoreError> {
        let loaded = load(images.folder(), &*store, &secrets);
        let mut shared = Self::new(store, secrets, clock)?;
        let mut settled = None;
        if let Some(loaded) = loaded {
            loaded.note(&images);
            let Loaded { snapshot, head, beside, .. } = loaded;
            shared.clock.seen(snapshot.latest());
            shared.snapshot = Arc::new(snapshot);
            shared.head = Mutex::new(head);
            shared.tree = Mutex::new(beside.tree);
            shared.pulse = Pulse::resume(&beside.pulse);
            shared.formers = Formers::resume(beside.formers);
            shared.told.send_replace(head.position);
            settled = Some(beside.journal);
        }
        shared.images = Some(images);
        Ok((shared, settled.flatten()))
    }

    pub(crate) fn head(&self) -> Head {
        *lock(&self.head)
    }

    pub(crate) fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.tree)
    }

    pub(crate) fn origin(&self) -> String {
        format!("sayso/{}", self.id)
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }

    /// Returns whether that is news.
    pub(crate) fn set_healthy(&self, is_healthy: bool) -> bool {
        self.healthy.swap(is_healthy, Ordering::AcqRel) != is_healthy
    }

    pub(crate) fn note_journal(&self, is_ok: bool) {
        self.journal_ok.store(is_ok, Ordering::Release);
    }

    /// Notes that something is stored that cannot be right, though the rest can be written.
    pub(crate) fn note_damage(&self) {
        self.damaged.store(true, Ordering::Release);
    }

    /// Takes in what was appended: tree, snapshot, then the head that others wait for.
    pub(crate) fn take_in(&self, records: &[Record], entries: &[Entry]) {
        let Some(last) = records.last() else { return };
        let mut tree = self.tree();
        records.iter().for_each(|record| tree.push(&record.commitment));
        drop(tree);
        entries.iter().for_each(|entry| self.erasures.take_in(entry));
        self.snapshot.apply(entries);
        entries.iter().for_each(|entry| self.pulse.take_in(entry));
        entries.iter().for_each(|entry| self.formers.take_in(entry));
        self.snapshot.advance(last.position);
        self.clock.seen(self.snapshot.latest());
        *lock(&self.head) = Head { position: last.position, chain: last.chain };
        self.told.send_replace(last.position);
    }

    /// Follows the store to its end.
    pub(crate) fn catch_up(&self) -> Result<(), OpenError> {
        self.follow_on(true, &mut |_, _| {})
    }

    /// Follows the store to its end, and shows each record on the way, with its entry unless that
    /// was erased. Start-up is this, from the beginning or from what was saved: of those who were
    /// erased since that was, it knows.
    pub(crate) fn follow(
        &self,
        show: &mut dyn FnMut(&Record, Option<&Entry>),
    ) -> Result<(), OpenError> {
        let knows_erased = self.head() == Head::default()
            || self.images.as_ref().is_some_and(Images::knows_erased);
        self.follow_on(!knows_erased, show)
    }

    fn follow_on(
        &self,
        is_live: bool,
        show: &mut dyn FnMut(&Record, Option<&Entry>),
    ) -> Result<(), OpenError> {
        loop {
            let from = self.head().position;
            let records = self.store.read_after(from, FOLLOW_ENTRIES_MAX)?;
            if records.is_empty() {
                return Ok(());
            }
            let mut entries = Vec::with_capacity(records.len());
            for record in &records {
                let opened = self.open(record)?;
                show(record, opened.as_ref().map(|opened| &opened.entry));
                entries.extend(opened.map(|opened| opened.entry));
            }
            if is_live && records.iter().any(|record| record.payload.is_none()) {
                self.forget_erased(from)?;
                let last = records.last().map_or(from, |record| record.position);
                self.erasures.begin(last)?;
            }
            self.take_in(&records, &entries);
        }
    }

    /// An erasure by another writer leaves no event to follow, only people without a key. Kept in
    /// the snapshot they would still be allowed what they once granted.
    pub(crate) fn forget_erased(&self, position: Position) -> Result<(), OpenError> {
        for shard in 0..Snapshot::SHARDS {
            let subjects: Vec<SubjectId> = self.snapshot.subjects(shard).into_iter().collect();
            let keys = self.store.subject_keys(&subjects)?;
            let erased = subjects.into_iter().zip(keys).filter(|(_, key)| key.is_none());
            let erased: Vec<SubjectId> = erased.map(|(subject, _)| subject).collect();
            let entries = erased.iter().map(|subject| {
                let (at, events) = (self.snapshot.latest(), vec![Event::SubjectErased]);
                Entry {
                    v: VERSION,
                    position,
                    at,
                    subject: Some(*subject),
                    by: String::new(),
                    events,
                }
            });
            self.snapshot.apply(&entries.collect::<Vec<_>>());
            if let Some(images) = &self.images {
                // Whoever starts from what was saved, a replica or this program, learns of it there.
                let failed = |error: io::Error| StoreError::Unavailable(error.to_string());
                images.forget(&erased).map_err(failed)?;
            }
        }
        Ok(())
    }

    pub(crate) fn open(&self, record: &Record) -> Result<Option<Opened>, OpenError> {
        let Some(payload) = &record.payload else { return Ok(None) };
        let crypto = |source| RecordError::Crypto { position: record.position, source };
        let key = self.secrets.unwrap(payload.subject, &payload.wrapped_key).map_err(crypto)?;
        Ok(Some(unclose(record, payload, &key)?))
    }
}
