//! The ledger as the rest of the program sees it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering, mpsc},
    thread::JoinHandle,
};

use sayso_consent::{
    Command, Entry, Event,
    id::{Id, Lookup, Position, SubjectId},
    subject::IdentifierRef,
};
use sayso_decision::Snapshot;
use tokio::sync::{oneshot, watch};

use crate::{
    clock::Clock,
    find,
    image::{self, Images, Offer},
    journal::{Journal, Line},
    keys::{CryptoError, Secrets},
    limits::{IDEMPOTENCY_MS, QUEUE_MAX, SAVE_ENTRIES},
    pulse::Pulse,
    receipt::Receipt,
    record::{Opened, Record, RecordError},
    scribe::Scribe,
    shared::Shared,
    store::{Head, Store, StoreError},
    tail::{Place, Tail, TailError},
    tree::TILE,
    writer::{Frost, Idempotency, Job, Outcomes, Refused, Submission, WriteError, Writer, Written},
};

/// Why a ledger cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// There are no random bytes.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The thread of the writer cannot be started.
    #[error("the writer cannot be started: {0}")]
    Thread(std::io::Error),
    /// The journal cannot be read.
    #[error("the journal of withdrawals cannot be read: {0}")]
    Journal(std::io::Error),
}

pub use crate::find::IdentifierError;

/// The open ledger.
pub struct Ledger {
    shared: Arc<Shared>,
    queue: Option<mpsc::SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    journal: Option<PathBuf>,
    begun: Position,
}

impl Ledger {
    /// Opens a ledger: follows the store into a fresh snapshot, gives store and journal what they
    /// lack of each other, and starts the writer.
    ///
    /// # Errors
    /// The store fails or holds what cannot be read with these secrets.
    pub fn open(
        store: Arc<dyn Store>,
        secrets: Secrets,
        clock: Clock,
        journal: Option<Journal>,
    ) -> Result<Self, OpenError> {
        let path = journal.as_ref().map(|journal| journal.path().to_owned());
        let (mut writer, queue, begun) = prepare(store, secrets, clock, journal)?;
        let shared = Arc::clone(&writer.shared);
        shared.store.forget_answers(shared.clock.at().0 - IDEMPOTENCY_MS)?;
        reconcile(&mut writer)?;
        let thread = std::thread::Builder::new().name("ledger-writer".into());
        let writer = thread.spawn(|| writer.run()).map_err(OpenError::Thread)?;
        Ok(Self { shared, queue: Some(queue), writer: Some(writer), journal: path, begun })
    }

    /// Goes on from a copy: records that it was brought back, and again what the lines take away.
    /// The mark, once it is in the journal, keeps them from being recorded once more.
    ///
    /// # Errors
    /// The store fails or holds what cannot be read with these secrets.
    pub fn restore(
        copy: Arc<dyn Store>,
        secrets: Secrets,
        clock: Clock,
        lines: &[Line],
    ) -> Result<(usize, Line), OpenError> {
        let (mut writer, _queue, _) = prepare(copy, secrets, clock, None)?;
        writer.note_restore("restore")?;
        let replayed = writer.replay(lines, "restore")?;
        let mark = Line::mark(writer.shared.head(), writer.shared.clock.at());
        Ok((replayed, mark))
    }

    /// The state that decisions are read from.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.shared.snapshot
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The store, for followers' cursors and backups.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.shared.secrets
    }

    /// The name of the ledger: random, given at its creation.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// The name of the log in checkpoints.
    pub fn origin(&self) -> String {
        self.shared.origin()
    }

    /// How many choices come in.
    pub fn pulse(&self) -> &Pulse {
        &self.shared.pulse
    }

    /// The entry that was saved with the snapshot and from which the ledger was followed when it was
    /// opened.
    pub fn begun(&self) -> Position {
        self.begun
    }

    /// Whether the store takes writes. If not, no personal data is read either.
    pub fn is_healthy(&self) -> bool {
        self.shared.is_healthy()
    }

    /// Whether withdrawals reach the journal.
    pub fn is_journal_ok(&self) -> bool {
        self.shared.journal_ok.load(Ordering::Acquire)
    }

    /// Whether the writer met something stored that cannot be right, though the rest can be written.
    pub fn is_damaged(&self) -> bool {
        self.shared.damaged.load(Ordering::Acquire)
    }

    /// Where the journal of withdrawals is.
    pub fn journal(&self) -> Option<&Path> {
        self.journal.as_deref()
    }

    /// The head, and a way to wait for the next.
    pub fn watch(&self) -> watch::Receiver<Position> {
        self.shared.told.subscribe()
    }

    /// Submits commands. Each is decided alone; all that are recorded share a durable write, and
    /// it returns when they are on disk and in force.
    ///
    /// # Errors
    /// Nothing was recorded; see [`WriteError`] for what that means for withdrawals.
    pub async fn submit(
        &self,
        commands: Vec<Command>,
        by: &str,
        idempotency: Option<Idempotency>,
    ) -> Result<Outcomes, WriteError> {
        let (reply, answer) = oneshot::channel();
        let submission = Submission { commands, by: by.to_owned(), idempotency, reply };
        let gone = || WriteError::Unavailable("the writer has stopped".into());
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.try_send(Job::Write(submission)).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => WriteError::Busy,
            mpsc::TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())?
    }

    /// Whether enough has happened since the snapshot was saved, or somebody was erased of whom
    /// digests are still in it.
    pub fn is_save_due(&self) -> bool {
        let Some(images) = &self.shared.images else { return false };
        let behind = self.shared.head().position.number.saturating_sub(images.head().number);
        behind >= SAVE_ENTRIES || images.knows_erased()
    }

    /// Saves the snapshot beside the store, so that the next start follows only what comes after.
    /// Blocks, for long if there are many people; decisions and writes go on meanwhile. Gives the
    /// newest entry that is in it.
    ///
    /// # Errors
    /// It cannot be written, or there is no place for it, or something waits to be recorded.
    pub fn save(&self) -> io::Result<Position> {
        let stopped = || io::Error::other("the writer has stopped");
        let ask = |job| {
            let queue = self.queue.as_ref().ok_or_else(stopped)?;
            queue.send(job).map_err(|_| stopped())
        };
        let (reply, answer) = oneshot::channel();
        ask(Job::Freeze(reply))?;
        let Frost { frozen, head, beside } = answer.blocking_recv().map_err(|_| stopped())??;
        let folder = self.shared.store.folder().ok_or(io::ErrorKind::Unsupported)?;
        let of = (self.shared.id.as_str(), head.chain);
        let fresh = image::write(folder, &frozen, of, beside, &self.shared.secrets)?;
        let (reply, answer) = oneshot::channel();
        ask(Job::Seat(Box::new((frozen, fresh)), reply))?;
        answer.blocking_recv().map_err(|_| stopped())??;
        Ok(head.position)
    }

    /// Submits one command.
    ///
    /// # Errors
    /// As for [`Ledger::submit`].
    pub async fn command(
        &self,
        command: Command,
        by: &str,
    ) -> Result<Result<Written, Refused>, WriteError> {
        let outcomes = self.submit(vec![command], by, None).await?;
        let missing = || WriteError::Damaged("a command without an outcome".into());
        outcomes.into_iter().next().ok_or_else(missing)
    }

    /// The comparable value of an identifier, and the digest it is found by.
    ///
    /// # Errors
    /// The namespace is not declared or the value cannot be one.
    pub fn identify(
        &self,
        namespace: &Id,
        value: &str,
    ) -> Result<(String, Lookup), IdentifierError> {
        find::identify(&self.shared.snapshot, self.shared.secrets.lookup_key(), namespace, value)
    }

    /// The person of `namespace:value`; none if nobody is known by it.
    ///
    /// # Errors
    /// The text is no identifier.
    pub fn find(&self, identifier: &str) -> Result<Option<SubjectId>, IdentifierError> {
        find::find(&self.shared.snapshot, self.shared.secrets.lookup_key(), identifier)
    }

    /// An entry, opened; none if there is none or it was erased.
    ///
    /// # Errors
    /// The store fails, or holds what cannot be read.
    pub fn opened(&self, position: Position) -> Result<Option<(Record, Opened)>, OpenError> {
        let Some(number) = position.number.checked_sub(1) else { return Ok(None) };
        let mut records = self.shared.store.read_after(Position { number, ..position }, 1)?;
        let Some(record) = records.pop().filter(|record| record.position == position) else {
            return Ok(None);
        };
        let opened = self.shared.open(&record)?;
        Ok(opened.map(|opened| (record, opened)))
    }

    /// Entries after a position, opened, in order; erased ones are left out. Second, how far it
    /// got.
    ///
    /// # Errors
    /// The store fails, or holds what cannot be read.
    pub fn entries_after(
        &self,
        position: Position,
        limit: usize,
    ) -> Result<(Vec<Entry>, Position), OpenError> {
        let records = self.shared.store.read_after(position, limit)?;
        let through = records.last().map_or(position, |record| record.position);
        let mut entries = Vec::new();
        for record in &records {
            entries.extend(self.shared.open(record)?.map(|opened| opened.entry));
        }
        Ok((entries, through))
    }

    /// What a replica that stands at a place has still to be sent. Blocks.
    ///
    /// # Errors
    /// It followed another history, or the store fails; see [`TailError`].
    pub fn tail(&self, place: &Place) -> Result<Tail, TailError> {
        self.shared.tail(place)
    }

    /// The saved snapshot, to be sent to a replica that asks with the API key whose secret has this
    /// digest; `None` if there is none. Blocks.
    ///
    /// # Errors
    /// As for [`Offer`].
    pub fn offer(&self, asker: &str) -> io::Result<Option<Offer>> {
        Offer::new(&self.shared, asker)
    }

    /// Up to `limit` entries about a person, newest first, before a position.
    ///
    /// # Errors
    /// The store fails, or holds what cannot be read.
    pub fn history(
        &self,
        subject: SubjectId,
        before: Position,
        limit: usize,
    ) -> Result<Vec<Entry>, OpenError> {
        let mut entries = Vec::new();
        for position in self.shared.store.entries_about(subject, before, limit)? {
            entries.extend(self.opened(position)?.map(|(_, opened)| opened.entry));
        }
        Ok(entries)
    }

    /// A person's identifiers in a namespace, as `namespace:value`.
    ///
    /// # Errors
    /// The store fails, or holds what cannot be read.
    pub fn identifiers(
        &self,
        subject: SubjectId,
        namespace: Option<&Id>,
    ) -> Result<Vec<String>, OpenError> {
        let Some(state) = self.shared.snapshot.subject(subject) else { return Ok(Vec::new()) };
        let wanted =
            |own: &&IdentifierRef| namespace.is_none_or(|namespace| own.namespace == *namespace);
        self.values(state.identifiers.iter().filter(wanted))
    }

    /// The values of identifiers, as `namespace:value`.
    ///
    /// # Errors
    /// The store fails, or holds what cannot be read.
    pub fn values<'a>(
        &self,
        identifiers: impl IntoIterator<Item = &'a IdentifierRef>,
    ) -> Result<Vec<String>, OpenError> {
        let mut found = Vec::new();
        for own in identifiers {
            let Some((_, opened)) = self.opened(own.position)? else { continue };
            found.extend(opened.entry.events.iter().find_map(|event| match event {
                Event::IdentifierAdded(identifier) if identifier.lookup == own.lookup => {
                    Some(format!("{}:{}", identifier.namespace, identifier.value))
                }
                _ => None,
            }));
        }
        Ok(found)
    }

    /// Whose a name was that a recipient has still to forget, and since which entry.
    pub fn formerly(&self, lookup: &Lookup, recipient: &Id) -> Vec<(SubjectId, Position)> {
        self.shared.formers.owing(&self.shared.snapshot, lookup, recipient)
    }

    /// The signed receipt of an entry, with its proof; none if there is no such entry, or it is
    /// about nobody.
    ///
    /// # Errors
    /// The store fails, or holds what cannot be read.
    pub fn receipt(&self, position: Position) -> Result<Option<Receipt>, OpenError> {
        // The tree is taken before the store is read: an entry is on the store before it is in the
        // tree, so the leaves of this tree are all there, whatever is appended meanwhile.
        let tree = self.shared.tree().clone();
        let Some((record, opened)) = self.opened(position)? else { return Ok(None) };
        let index = position.number - 1;
        if opened.entry.subject.is_none() || index >= tree.size() {
            return Ok(None);
        }
        let tile = index / TILE as u64 * TILE as u64;
        let commitments = self.shared.store.commitments_after(Position::at(tile), TILE)?;
        let filled = (tree.size() - tile).min(TILE as u64) as usize;
        let path = tree.proof(index, &commitments[..filled.min(commitments.len())]);
        let (size, root) = (tree.size(), tree.root());
        Ok(Some(Receipt::issue(&self.shared, &record, &opened, &path, size, root)))
    }

    /// The signed head.
    pub fn checkpoint(&self) -> String {
        let tree = self.shared.tree();
        let (size, root) = (tree.size(), tree.root());
        drop(tree);
        crate::checkpoint::Checkpoint { origin: self.origin(), size, root }
            .sign(self.shared.secrets.signing())
    }

    /// How many entries, and the root of the tree over them.
    pub fn root(&self) -> (u64, crate::record::Hash) {
        let tree = self.shared.tree();
        (tree.size(), tree.root())
    }
}

/// Follows a store into a fresh snapshot, holding it against the journal on the way.
fn prepare(
    store: Arc<dyn Store>,
    secrets: Secrets,
    clock: Clock,
    journal: Option<Journal>,
) -> Result<(Writer, mpsc::SyncSender<Job>, Position), OpenError> {
    let mut scribe = Scribe::new(journal);
    let shared = Arc::new(begin(store, secrets, clock, &mut scribe)?);
    let begun = shared.head().position;
    shared.follow(&mut |record, entry| scribe.compare(record, entry, &shared.secrets))?;
    shared.erasures.begin(shared.head().position)?;
    let (queue, receiver) = mpsc::sync_channel(QUEUE_MAX);
    Ok((Writer { shared, queue: receiver, scribe, held: Default::default() }, queue, begun))
}

/// Takes up what was saved, if that is of this ledger and of this journal.
fn begin(
    store: Arc<dyn Store>,
    secrets: Secrets,
    clock: Clock,
    scribe: &mut Scribe,
) -> Result<Shared, OpenError> {
    if let Some(folder) = store.folder() {
        let images = Images::new(folder);
        let (shared, settled) =
            Shared::resume(Arc::clone(&store), secrets.clone(), clock.clone(), images)?;
        let is_resumed = shared.head() != Head::default();
        // What was settled with no journal says nothing about one.
        let is_known = !is_resumed || settled.is_some() || !scribe.has_journal();
        if is_known && scribe.read(settled.as_ref(), &secrets).map_err(OpenError::Journal)? {
            return Ok(shared);
        }
        tracing::warn!(
            "the journal is another than when snapshot.img was written; following the ledger instead"
        );
    }
    scribe.read(None, &secrets).map_err(OpenError::Journal)?;
    let images = store.folder().map(Images::new);
    let mut shared = Shared::new(store, secrets, clock)?;
    shared.images = images;
    Ok(shared)
}

/// Records what was in force when the program ended and only the journal has. And gives the journal
/// what it lacks.
fn reconcile(writer: &mut Writer) -> Result<(), OpenError> {
    let secrets = Arc::clone(&writer.shared.secrets);
    let lacking = writer.scribe.lacking(&secrets).map_err(OpenError::Journal)?;
    let due = due(lacking);
    if !due.is_empty() {
        let replayed = writer.replay(&due, "journal")?;
        tracing::warn!(replayed, "recorded what only the journal of withdrawals had");
    }
    writer.scribe.catch_up(&secrets);
    writer.mark();
    writer.shared.note_journal(writer.scribe.is_ok());
    Ok(())
}

/// Which lines that lack their entry are to be recorded. A crash leaves those of the one batch that
/// was under way, all of one time. Nobody was told of it: whoever asked asks again, and would find
/// that somebody else has said it for them. Lines of several batches say that an older ledger was
/// put in place without a restore.
fn due(lacking: Vec<Line>) -> Vec<Line> {
    let mut times = lacking.iter().filter(|line| line.chain.is_some()).map(|line| line.at);
    let first = times.next();
    let was_taken_back = times.any(|at| Some(at) != first);
    lacking.into_iter().filter(|line| line.chain.is_none() || was_taken_back).collect()
}

impl Drop for Ledger {
    /// Lets the writer finish what it has taken on.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
