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
//! If the store fails or is damaged, withdrawals are put in force in memory, written to the journal
//! and answered "not yet durable", and are recorded as soon as the store is back, or when the ledger
//! is next opened; everything else is refused.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, mpsc},
    time::Duration,
};

use sayso_consent::{
    Command, Entry, Refusal,
    choice::{Actor, Effect},
    event::VERSION,
    handle::{Draft, handle},
    id::{Position, SubjectId},
};
use sayso_decision::{Staged, image::Frozen};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{
    image::{Beside, Fresh},
    journal::Line,
    ledger::OpenError,
    limits::{BATCH_COMMANDS_MAX, HELD_MAX, SETTLE_MORE, STORE_RETRY_MS},
    plan::{Fault, Plan},
    record::Hash,
    scribe::Scribe,
    shared::Shared,
    store::{Head, StoreError},
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

/// What the writer is asked to do.
pub(crate) enum Job {
    /// Write.
    Write(Submission),
    /// Say what is to be saved now.
    Freeze(oneshot::Sender<io::Result<Frost>>),
    /// Let what was saved take the place of what was there.
    Seat(Box<(Frozen, Fresh)>, oneshot::Sender<io::Result<()>>),
}

/// Everything as it was at one entry, to be saved.
pub(crate) struct Frost {
    pub(crate) frozen: Frozen,
    pub(crate) head: Head,
    pub(crate) beside: Beside,
}

/// The writer's own state.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: mpsc::Receiver<Job>,
    pub(crate) scribe: Scribe,
    /// Withdrawals that are in force but not recorded, as they are to be recorded: decided again
    /// later they would seem to say what is in force already, and be dropped.
    pub(crate) held: VecDeque<(Draft, String)>,
}

impl Writer {
    /// Runs until nobody can submit any more.
    pub(crate) fn run(mut self) {
        loop {
            let is_idle = self.shared.is_healthy() && self.held.is_empty();
            let waiting = if is_idle && !self.scribe.is_waiting() {
                self.queue.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
            } else {
                self.queue.recv_timeout(Duration::from_millis(STORE_RETRY_MS))
            };
            match waiting {
                Ok(first) => self.take_on(first),
                Err(mpsc::RecvTimeoutError::Timeout) => self.repair(),
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.repair(),
            }
        }
    }

    /// Gathers what waits and serves it.
    fn take_on(&mut self, first: Job) {
        let (mut commands, mut submissions) = (0, VecDeque::new());
        let mut next = Some(first);
        while let Some(Job::Write(submission)) = next {
            commands += submission.commands.len();
            submissions.push_back(submission);
            let has_room = commands < BATCH_COMMANDS_MAX;
            next = has_room.then(|| self.queue.try_recv().ok()).flatten();
        }
        if !self.held.is_empty() {
            self.recover();
        }
        self.serve(submissions);
        // Whoever waits for an answer has it by now.
        self.shared.snapshot.settle(SETTLE_MORE);
        match next {
            Some(Job::Freeze(reply)) => drop(reply.send(self.freeze())),
            Some(Job::Seat(written, reply)) => {
                let (frozen, fresh) = *written;
                drop(reply.send(self.seat(frozen, &fresh)));
            }
            _ => {}
        }
    }

    /// What is to be saved now. Withdrawals that are in force and not recorded are not to be.
    fn freeze(&self) -> io::Result<Frost> {
        let shared = &self.shared;
        if !self.held.is_empty() || !shared.is_healthy() {
            return Err(io::Error::other("the ledger cannot be written now"));
        }
        let images = shared.images.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let journal = self.scribe.settled()?;
        let (tree, pulse) = (shared.tree().clone(), shared.pulse.counted());
        let beside = Beside { tree, pulse, formers: shared.formers.all(), journal };
        images.begin();
        Ok(Frost { frozen: shared.snapshot.freeze(), head: shared.head(), beside })
    }

    fn seat(&self, frozen: Frozen, fresh: &Fresh) -> io::Result<()> {
        let images = self.shared.images.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        images.put_in_place(fresh)?;
        frozen.replace(Arc::clone(&fresh.image));
        self.shared.snapshot.settle_catalogs(fresh.head);
        Ok(())
    }

    fn serve(&mut self, mut submissions: VecDeque<Submission>) {
        while !submissions.is_empty() {
            if self.held.is_empty() {
                self.serve_some(&mut submissions);
            } else {
                // Recorded before it, a grant that was given after a held withdrawal would lose.
                let why = "withdrawals wait to be recorded first".to_owned();
                self.degrade(&mut submissions, &WriteError::Unavailable(why));
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
                self.mark();
            }
            Err(Fault::Store(StoreError::Conflict)) => match self.shared.catch_up() {
                Ok(()) if self.shared.head() != before => {}
                Ok(()) => {
                    let why = "its newest entry is not the one that was read".to_owned();
                    self.degrade(submissions, &WriteError::Damaged(why));
                }
                Err(OpenError::Store(StoreError::Unavailable(why))) => {
                    self.degrade(submissions, &WriteError::Unavailable(why));
                }
                Err(error) => self.degrade(submissions, &WriteError::Damaged(error.to_string())),
            },
            Err(Fault::Store(StoreError::Unavailable(why))) => {
                self.degrade(submissions, &WriteError::Unavailable(why));
            }
            Err(Fault::Store(StoreError::Corrupt(why))) => {
                self.degrade(submissions, &WriteError::Damaged(why));
            }
            Err(Fault::One(why)) => self.part(submissions, why),
        }
    }

    fn attempt(
        &mut self,
        submissions: &[Submission],
    ) -> Result<Vec<Result<Outcomes, WriteError>>, Fault> {
        let shared = Arc::clone(&self.shared);
        let mut plan = Plan::new(&shared);
        plan.look_ahead(submissions)?;
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
        if plan.is_empty() {
            // Refused, or known already: true only of the newest state, which may be another's.
            let is_newest = self.shared.store.head()? == plan.expected();
            return if is_newest { Ok(()) } else { Err(StoreError::Conflict) };
        }
        let (batch, entries) = plan.seal()?;
        let line = |(entry, chain)| Line::of(entry, Some(chain));
        let chains = batch.records.iter().map(|record| record.chain);
        let lines: Vec<Line> = entries.iter().zip(chains).filter_map(line).collect();
        if let Some(images) = self.shared.images.as_ref().filter(|_| !batch.erased.is_empty()) {
            // Before, and not after: a start after a crash in between sees that the people are
            // still there, and does without what was saved.
            let failed = |error: io::Error| StoreError::Unavailable(error.to_string());
            self.shared.snapshot.remember(&batch.erased);
            images.forget(&batch.erased).map_err(failed)?;
        }
        let (shared, scribe) = (&self.shared, &mut self.scribe);
        let appended = std::thread::scope(|scope| {
            if !lines.is_empty() || scribe.is_waiting() {
                scope.spawn(|| scribe.write(&lines, &shared.secrets));
            }
            shared.store.append(&batch)
        });
        shared.note_journal(self.scribe.is_ok());
        if appended.is_err() && !lines.is_empty() {
            self.scribe.note_ahead();
        }
        appended?;
        shared.set_healthy(true);
        shared.take_in(&batch.records, &entries);
        Ok(())
    }

    /// Serves submissions one by one, so that the one that meets what is damaged fails alone.
    fn part(&mut self, submissions: &mut VecDeque<Submission>, why: String) {
        if submissions.len() > 1 {
            for submission in submissions.drain(..) {
                self.serve(VecDeque::from([submission]));
            }
            return;
        }
        tracing::error!(
            why,
            "what is stored of one person or one answer is damaged; bring back a backup"
        );
        self.shared.note_damage();
        // It cannot be recorded, so it must not hold up what can. It is in force, and a backup that
        // is brought back is given it by the journal.
        self.scribe.note_stuck();
        let before = self.held.len();
        self.hold_all(submissions, &WriteError::Damaged(why));
        self.held.truncate(before);
    }

    /// Puts withdrawals in force though the store fails, and refuses the rest.
    fn degrade(&mut self, submissions: &mut VecDeque<Submission>, why: &WriteError) {
        if self.shared.set_healthy(false) {
            tracing::error!(%why, "the store fails; withdrawals are held in memory");
        }
        self.hold_all(submissions, why);
    }

    fn hold_all(&mut self, submissions: &mut VecDeque<Submission>, why: &WriteError) {
        let (mut lines, mut answers) = (Vec::new(), Vec::new());
        for Submission { commands, by, reply, .. } in submissions.drain(..) {
            let mut is_held = false;
            for command in commands {
                is_held |= self.hold(command, &by, &mut lines);
            }
            answers.push((reply, if is_held { WriteError::NotYetDurable } else { why.clone() }));
        }
        if !lines.is_empty() {
            // If the program ends before the store is back, the next start has them from there.
            self.scribe.write(&lines, &self.shared.secrets);
            self.scribe.note_ahead();
            self.shared.note_journal(self.scribe.is_ok());
        }
        for (reply, answer) in answers {
            let _ = reply.send(Err(answer));
        }
    }

    fn hold(&mut self, command: Command, by: &str, lines: &mut Vec<Line>) -> bool {
        let Some(command) = withdrawal(command) else { return false };
        if self.held.len() >= HELD_MAX {
            return false;
        }
        let snapshot = &self.shared.snapshot;
        let at = self.shared.clock.at().max(snapshot.latest());
        let Ok(drafts) = handle(&Staged::on(snapshot), command, at) else { return false };
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            snapshot.hold(draft.subject, &draft.events);
            let (position, by) = (snapshot.head(), by.to_owned());
            let Draft { subject, events } = draft.clone();
            let entry = Entry { v: VERSION, position, at, subject, by: by.clone(), events };
            lines.extend(Line::of(&entry, None));
            self.held.push_back((draft, by));
        }
        true
    }

    /// Tries again what failed.
    fn repair(&mut self) {
        if !self.shared.is_healthy() || !self.held.is_empty() {
            self.recover();
        }
        self.scribe.catch_up(&self.shared.secrets);
        self.shared.note_journal(self.scribe.is_ok());
    }

    /// Tries whether the store is back, and writes what was held.
    fn recover(&mut self) {
        if self.shared.store.reopen().is_err() {
            return;
        }
        while self.write_held() && !self.held.is_empty() {}
        self.mark();
    }

    /// Notes in the journal that nothing in it waits to be recorded.
    pub(crate) fn mark(&mut self) {
        if self.scribe.is_ahead() && self.held.is_empty() && self.shared.is_healthy() {
            let (head, at) = (self.shared.head(), self.shared.clock.at());
            self.scribe.mark(head, at, &self.shared.secrets);
            self.shared.note_journal(self.scribe.is_ok());
        }
    }

    /// Writes as much of what was held as fits a batch; with nothing held it is a trial write.
    fn write_held(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut plan = Plan::new(&shared);
        let count = self.held.len().min(BATCH_COMMANDS_MAX);
        match self.plan_held(&mut plan, count).and_then(|()| self.write(plan)) {
            Ok(()) => {
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

    fn plan_held(&mut self, plan: &mut Plan, count: usize) -> Result<(), StoreError> {
        for (draft, by) in self.held.iter().take(count) {
            match plan.held(draft, by) {
                Ok(()) => {}
                Err(Fault::Store(error)) => return Err(error),
                Err(Fault::One(why)) => {
                    tracing::error!(why, "a withdrawal cannot be recorded; bring back a backup");
                    self.shared.note_damage();
                    self.scribe.note_stuck();
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, plan: Plan) -> Result<(), StoreError> {
        if !plan.is_empty() {
            return self.commit(plan);
        }
        let (batch, _) = plan.seal()?;
        self.shared.store.append(&batch)?;
        self.shared.set_healthy(true);
        Ok(())
    }

    /// Records again what lines of the journal take away. From how many of them that was anything.
    pub(crate) fn replay(&mut self, lines: &[Line], by: &str) -> Result<usize, StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut replayed = 0;
        for lines in lines.chunks(BATCH_COMMANDS_MAX) {
            let mut plan = Plan::new(&shared);
            for line in lines {
                replayed += usize::from(plan.replay(line, by).map_err(damaged)?);
            }
            self.commit(plan)?;
        }
        Ok(replayed)
    }

    /// Records that the ledger goes on from a copy.
    pub(crate) fn note_restore(&mut self, by: &str) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut plan = Plan::new(&shared);
        plan.note_restore(by).map_err(damaged)?;
        self.commit(plan)
    }
}

fn damaged(fault: Fault) -> StoreError {
    match fault {
        Fault::Store(error) => error,
        Fault::One(why) => StoreError::Corrupt(why),
    }
}

/// What of a command takes something away, and so must not wait for the store.
fn withdrawal(command: Command) -> Option<Command> {
    match command {
        Command::Choose { subject, mut choices, authority } => {
            let is_own_denial = |choice: &sayso_consent::Choice| {
                choice.effect == Effect::Denial && choice.actor != Actor::Import
            };
            choices.retain(is_own_denial);
            (!choices.is_empty()).then_some(Command::Choose { subject, choices, authority })
        }
        Command::SetRestriction { is_restricted: true, .. }
        | Command::Erase { .. }
        | Command::RevokeKey { .. } => Some(command),
        _ => None,
    }
}
