//! The write lane: one thread that decides, seals, appends and applies, many commands at a time.
//!
//! While one batch is being synced to disk the next gathers, so the more write at once the fewer
//! syncs each costs. The order of steps is what makes an acknowledgement mean something:
//!
//! 1. decide each command on the staged state (nothing is visible yet);
//! 2. append records, chain, signed head and idempotency keys in one durable step, and lines that
//!    take something away to the journal. A crash up to here: nobody was told anything;
//! 3. apply to the snapshot: from here on every decision knows it. A crash here: start-up follows
//!    the ledger to the same state;
//! 4. answer those who wait.
//!
//! If the store fails, withdrawals are put in force in memory and answered "not yet durable", and
//! are written as soon as the store is back; everything else is refused.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, mpsc},
    time::Duration,
};

use sayso_consent::{
    Command, Entry, Refusal, Scope,
    choice::{Actor, Effect},
    event::{Event, VERSION},
    handle::{Draft, Facts, handle},
    id::{Position, SubjectId},
    time::Timestamp,
};
use sayso_decision::Staged;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::{
    checkpoint::Checkpoint,
    journal::{Journal, Line},
    keys::{Secret, random},
    ledger::{OpenError, Shared},
    limits::{BATCH_COMMANDS_MAX, HELD_MAX, STORE_RETRY_MS},
    record::{Hash, NOBODY, close},
    store::{Answer, Batch, Head, StoreError},
    tree::Frontier,
};

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The newest entry that it rests on: the token that a reader can ask to be no older than.
    pub position: Position,
    /// Whom it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// Whether anything was recorded, or all of it was known already.
    pub is_new: bool,
}

/// A refusal as it is remembered for an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code().to_owned(), message: refusal.to_string() }
    }
}

/// What each command of a submission came to.
pub type Outcomes = Vec<Result<Written, Refused>>;

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The store fails; nothing was recorded.
    #[error("the ledger cannot be written now: {0}")]
    Unavailable(String),
    /// The store fails; the withdrawals are in force all the same and will be recorded.
    #[error("in force now, but not yet durable: the ledger cannot be written")]
    NotYetDurable,
    /// Too many wait.
    #[error("too many writes are waiting")]
    Busy,
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// What is stored cannot be right.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
}

/// A request's idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The digest of the key and of whose it is.
    pub key: Hash,
    /// The digest of what is asked.
    pub request: Hash,
}

/// Commands that wait for the writer.
pub(crate) struct Submission {
    pub(crate) commands: Vec<Command>,
    pub(crate) by: String,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) reply: oneshot::Sender<Result<Outcomes, WriteError>>,
}

/// The writer's own state.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: mpsc::Receiver<Submission>,
    pub(crate) journal: Option<Journal>,
    /// Withdrawals that are in force but not recorded, as they are to be recorded: decided again
    /// later they would seem to say what is in force already, and be dropped.
    pub(crate) held: VecDeque<(Draft, String)>,
}

impl Writer {
    /// Runs until nobody can submit any more.
    pub(crate) fn run(mut self) {
        loop {
            let waiting = if self.shared.is_healthy() && self.held.is_empty() {
                self.queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
            } else {
                self.queue.recv_timeout(Duration::from_millis(STORE_RETRY_MS))
            };
            match waiting {
                Ok(first) => self.serve(first),
                Err(mpsc::RecvTimeoutError::Timeout) => self.recover(),
                Err(mpsc::RecvTimeoutError::Disconnected) if self.held.is_empty() => return,
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.recover(),
            }
        }
    }

    fn serve(&mut self, first: Submission) {
        let mut commands = first.commands.len();
        let mut submissions = VecDeque::from([first]);
        while commands < BATCH_COMMANDS_MAX
            && let Ok(next) = self.queue.try_recv()
        {
            commands += next.commands.len();
            submissions.push_back(next);
        }
        if !self.held.is_empty() {
            self.recover();
        }
        while !submissions.is_empty() {
            if self.held.is_empty() {
                self.serve_some(&mut submissions);
            } else {
                // Recorded before it, a grant that was given after a held withdrawal would lose.
                self.degrade(&mut submissions, "withdrawals wait to be recorded first");
            }
        }
    }

    /// Writes as many submissions as can share a batch, at least one.
    fn serve_some(&mut self, submissions: &mut VecDeque<Submission>) {
        let before = self.shared.head();
        match self.attempt(submissions.make_contiguous()) {
            Ok(answers) => {
                for (submission, answer) in submissions.drain(..answers.len()).zip(answers) {
                    let _ = submission.reply.send(answer);
                }
            }
            Err(StoreError::Conflict) => match self.shared.catch_up() {
                Ok(()) if self.shared.head() != before => {}
                Ok(()) => {
                    let why = "its newest entry is not the one that was read".to_owned();
                    self.fail_all(submissions, &WriteError::Damaged(why));
                }
                Err(OpenError::Store(StoreError::Unavailable(why))) => {
                    self.degrade(submissions, &why);
                }
                Err(error) => self.fail_all(submissions, &WriteError::Damaged(error.to_string())),
            },
            Err(StoreError::Unavailable(why)) => self.degrade(submissions, &why),
            Err(StoreError::Corrupt(why)) => self.fail_all(submissions, &WriteError::Damaged(why)),
        }
    }

    fn fail_all(&self, submissions: &mut VecDeque<Submission>, error: &WriteError) {
        self.shared.set_healthy(false);
        tracing::error!(%error, "the ledger cannot be written");
        for submission in submissions.drain(..) {
            let _ = submission.reply.send(Err(error.clone()));
        }
    }

    fn attempt(
        &mut self,
        submissions: &[Submission],
    ) -> Result<Vec<Result<Outcomes, WriteError>>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut plan = Plan::new(&shared)?;
        let mut answers = Vec::new();
        for submission in submissions {
            if plan.is_closed {
                break;
            }
            answers.push(plan.submission(submission)?);
        }
        self.commit(plan)?;
        Ok(answers)
    }

    fn commit(&mut self, plan: Plan) -> Result<(), StoreError> {
        let Plan { batch, entries, .. } = plan;
        if entries.is_empty() && batch.answers.is_empty() {
            // Refused, or known already: true only of the newest state, which may be another's.
            let is_newest = self.shared.store.head()? == batch.expected;
            return if is_newest { Ok(()) } else { Err(StoreError::Conflict) };
        }
        let lines: Vec<Line> = entries.iter().filter_map(Line::of).collect();
        let shared = &self.shared;
        let journal = self.journal.as_mut().filter(|_| !lines.is_empty());
        let (appended, journaled) = std::thread::scope(|scope| {
            let journaled =
                journal.map(|journal| scope.spawn(|| journal.append(&lines, &shared.secrets)));
            (shared.store.append(&batch), journaled.map(std::thread::ScopedJoinHandle::join))
        });
        appended?;
        if let Some(Ok(Err(error))) = journaled {
            // The entry itself is durable; what suffers is a restore from an older backup.
            tracing::error!(%error, "the journal of withdrawals cannot be written");
            shared.note_journal(false);
        }
        shared.set_healthy(true);
        shared.take_in(&batch.records, &entries);
        Ok(())
    }

    /// Puts withdrawals in force though they cannot be recorded, and refuses the rest.
    fn degrade(&mut self, submissions: &mut VecDeque<Submission>, why: &str) {
        if self.shared.set_healthy(false) {
            tracing::error!(why, "the store fails; withdrawals are held in memory");
        }
        for submission in submissions.drain(..) {
            let mut is_held = false;
            for command in submission.commands {
                is_held |= self.hold(command, &submission.by);
            }
            let answer = if is_held {
                WriteError::NotYetDurable
            } else {
                WriteError::Unavailable(why.to_owned())
            };
            let _ = submission.reply.send(Err(answer));
        }
    }

    fn hold(&mut self, command: Command, by: &str) -> bool {
        let Command::Choose { subject, mut choices, authority } = command else { return false };
        choices.retain(|choice| choice.effect == Effect::Denial && choice.actor != Actor::Import);
        if choices.is_empty() || self.held.len() >= HELD_MAX {
            return false;
        }
        let snapshot = &self.shared.snapshot;
        let at = self.shared.clock.at().max(snapshot.latest());
        let command = Command::Choose { subject, choices, authority };
        let Ok(drafts) = handle(&Staged::on(snapshot), command, at) else { return false };
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            let denied = |event: &Event| match event {
                Event::ChoiceRecorded(choice) => Some(choice.scope.clone()),
                _ => None,
            };
            let scopes: Vec<Scope> = draft.events.iter().filter_map(denied).collect();
            snapshot.hold_denials(subject, &scopes);
            self.held.push_back((draft, by.to_owned()));
        }
        true
    }

    /// Tries whether the store is back, and writes what was held.
    fn recover(&mut self) {
        if self.shared.store.reopen().is_err() {
            return;
        }
        while self.write_held() && !self.held.is_empty() {}
    }

    /// Writes as much of what was held as fits a batch; with nothing held it is a trial write.
    fn write_held(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let written = Plan::new(&shared).and_then(|mut plan| {
            let count = self.held.len().min(BATCH_COMMANDS_MAX);
            for (draft, by) in self.held.iter().take(count) {
                plan.held(draft, by)?;
            }
            if plan.entries.is_empty() {
                plan.finish_empty();
                shared.store.append(&plan.batch)?;
                shared.set_healthy(true);
            } else {
                plan.finish();
                self.commit(plan)?;
            }
            Ok(count)
        });
        match written {
            Ok(count) => {
                self.held.drain(..count);
                tracing::warn!(written = count, "the store is back");
                true
            }
            Err(StoreError::Conflict) => {
                drop(self.shared.catch_up());
                false
            }
            Err(_) => false,
        }
    }
}

/// A batch in the making.
struct Plan<'a> {
    shared: &'a Shared,
    staged: Staged<'a>,
    at: Timestamp,
    head: Head,
    frontier: Frontier,
    batch: Batch,
    entries: Vec<Entry>,
    keys: HashMap<SubjectId, (Secret, Vec<u8>)>,
    /// A catalog closes a batch: what follows has to be decided under it.
    is_closed: bool,
}

impl<'a> Plan<'a> {
    fn new(shared: &'a Shared) -> Result<Self, StoreError> {
        let head = shared.head();
        let batch = Batch { expected: head, ..Batch::default() };
        let mut plan = Self {
            shared,
            staged: Staged::on(&shared.snapshot),
            at: shared.clock.at().max(shared.snapshot.latest()),
            head,
            frontier: shared.tree().frontier(),
            batch,
            entries: Vec::new(),
            keys: HashMap::new(),
            is_closed: false,
        };
        plan.finish_empty();
        Ok(plan)
    }

    fn submission(
        &mut self,
        submission: &Submission,
    ) -> Result<Result<Outcomes, WriteError>, StoreError> {
        if let Some(idempotency) = &submission.idempotency
            && let Some(known) = self.known_answer(idempotency)?
        {
            return Ok(known);
        }
        let mut outcomes = Outcomes::new();
        for command in &submission.commands {
            outcomes.push(self.command(command.clone(), &submission.by)?);
        }
        if let Some(Idempotency { key, request }) = submission.idempotency
            && outcomes.iter().any(Result::is_ok)
        {
            let outcome = serde_json::to_vec(&outcomes).unwrap_or_default();
            self.batch.answers.push(Answer { key, request, outcome, at_ms: self.at.0 });
        }
        self.finish();
        Ok(Ok(outcomes))
    }

    fn known_answer(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Result<Outcomes, WriteError>>, StoreError> {
        let staged =
            self.batch.answers.iter().find(|answer| answer.key == idempotency.key).cloned();
        let known = match staged {
            Some(answer) => Some(answer),
            None => self.shared.store.answer(&idempotency.key)?,
        };
        let Some(answer) = known else { return Ok(None) };
        if answer.request != idempotency.request {
            return Ok(Some(Err(WriteError::KeyReused)));
        }
        let outcomes = serde_json::from_slice(&answer.outcome).map_err(|error| {
            StoreError::Corrupt(format!("outcome of an idempotency key: {error}"))
        })?;
        Ok(Some(Ok(outcomes)))
    }

    fn command(
        &mut self,
        command: Command,
        by: &str,
    ) -> Result<Result<Written, Refused>, StoreError> {
        let drafts = match handle(&self.staged, command, self.at) {
            Ok(drafts) => drafts,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let subject = drafts.first().and_then(|draft| draft.subject);
        let known = subject.and_then(|subject| self.staged.subject(subject));
        let mut position = known.map_or(self.head.position, |state| state.position);
        let mut is_new = false;
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            position = self.record(draft, by)?;
            is_new = true;
        }
        Ok(Ok(Written { position, subject, is_new }))
    }

    /// Records a withdrawal that was held, unless the person is gone meanwhile.
    fn held(&mut self, draft: &Draft, by: &str) -> Result<(), StoreError> {
        let is_known = draft.subject.is_some_and(|subject| self.staged.subject(subject).is_some());
        if is_known { self.record(draft.clone(), by).map(drop) } else { Ok(()) }
    }

    fn record(&mut self, draft: Draft, by: &str) -> Result<Position, StoreError> {
        let position = self.head.position.next();
        let Draft { subject, events } = draft;
        let entry = Entry { v: VERSION, position, at: self.at, subject, by: by.to_owned(), events };
        let is_new_person = matches!(entry.events.first(), Some(Event::SubjectCreated { .. }));
        let (key, wrapped) = self.key(entry.subject.unwrap_or(NOBODY), is_new_person)?;
        let damaged = |error: crate::record::RecordError| StoreError::Corrupt(error.to_string());
        let record = close(&entry, &self.head.chain, &key, wrapped).map_err(damaged)?;
        self.head = Head { position, chain: record.chain };
        self.frontier.push(&record.commitment);
        self.batch.records.push(record);
        for event in &entry.events {
            match event {
                Event::SubjectErased => self.batch.erased.extend(entry.subject),
                Event::CatalogApplied { .. } => self.is_closed = true,
                _ => {}
            }
        }
        self.staged.stage(&entry);
        self.entries.push(entry);
        Ok(position)
    }

    fn key(&mut self, subject: SubjectId, is_new: bool) -> Result<(Secret, Vec<u8>), StoreError> {
        if let Some(known) = self.keys.get(&subject) {
            return Ok(known.clone());
        }
        let stored = if is_new { None } else { self.shared.store.subject_key(subject)? };
        let failed = |error: crate::keys::CryptoError| StoreError::Corrupt(error.to_string());
        let secrets = &self.shared.secrets;
        let pair = match stored {
            Some(wrapped) => (secrets.unwrap(subject, &wrapped).map_err(failed)?, wrapped),
            None => {
                let key: Secret = Zeroizing::new(random().map_err(failed)?);
                let wrapped = secrets.wrap(subject, &key).map_err(failed)?;
                self.batch.new_keys.push((subject, wrapped.clone()));
                (key, wrapped)
            }
        };
        self.keys.insert(subject, pair.clone());
        Ok(pair)
    }

    /// Signs the head that the batch ends in.
    fn finish(&mut self) {
        self.finish_empty();
    }

    fn finish_empty(&mut self) {
        let checkpoint = Checkpoint {
            origin: self.shared.origin(),
            size: self.frontier.size(),
            root: self.frontier.root(),
        };
        self.batch.checkpoint = checkpoint.sign(self.shared.secrets.signing());
    }
}
