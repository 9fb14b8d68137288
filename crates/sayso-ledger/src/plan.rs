//! A batch in the making: commands decided one on top of the other, sealed, chained and signed.

use std::collections::HashMap;

use sayso_consent::{
    Command, Entry,
    event::{Event, VERSION},
    handle::{Draft, Facts, handle},
    id::{Position, SubjectId},
    time::Timestamp,
};
use sayso_decision::Staged;
use zeroize::Zeroizing;

use crate::{
    checkpoint::Checkpoint,
    journal::Line,
    keys::{CryptoError, Secret, random},
    parallel::each,
    record::{NOBODY, Record, RecordError, chain, close},
    replay,
    shared::Shared,
    store::{Answer, Batch, Head, StoreError},
    writer::{Idempotency, Outcomes, Refused, Submission, WriteError, Written},
};

/// Why a batch does not come about.
pub(crate) enum Fault {
    /// The store fails, for everyone.
    Store(StoreError),
    /// What is stored of one person, or of one answer, is damaged. Others are not concerned.
    One(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A batch in the making.
pub(crate) struct Plan<'a> {
    shared: &'a Shared,
    staged: Staged<'a>,
    at: Timestamp,
    /// Of the newest entry.
    position: Position,
    batch: Batch,
    entries: Vec<Entry>,
    keys: HashMap<SubjectId, (Secret, Vec<u8>)>,
    /// Wrapped keys as stored, of those whose choices are in the batch.
    stored: HashMap<SubjectId, Option<Vec<u8>>>,
    /// A catalog closes a batch: what follows has to be decided under it.
    pub(crate) is_closed: bool,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        let head = shared.head();
        let batch = Batch { expected: head, ..Batch::default() };
        Self {
            shared,
            staged: Staged::on(&shared.snapshot),
            at: shared.clock.at().max(shared.snapshot.latest()),
            position: head.position,
            batch,
            entries: Vec::new(),
            keys: HashMap::new(),
            stored: HashMap::new(),
            is_closed: false,
        }
    }

    /// Reads at once what the store has of those who choose.
    pub(crate) fn look_ahead(&mut self, submissions: &[Submission]) -> Result<(), StoreError> {
        let chooses = |command: &Command| match command {
            Command::Choose { subject, .. } => Some(*subject),
            _ => None,
        };
        let commands = submissions.iter().flat_map(|submission| &submission.commands);
        let subjects: Vec<SubjectId> = commands.filter_map(chooses).collect();
        let keys = self.shared.store.subject_keys(&subjects)?;
        self.stored = subjects.into_iter().zip(keys).collect();
        Ok(())
    }

    pub(crate) fn submission(
        &mut self,
        submission: &Submission,
    ) -> Result<Result<Outcomes, WriteError>, Fault> {
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
        Ok(Ok(outcomes))
    }

    fn known_answer(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Result<Outcomes, WriteError>>, Fault> {
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
        let outcomes = serde_json::from_slice(&answer.outcome)
            .map_err(|error| Fault::One(format!("the outcome of an idempotency key: {error}")))?;
        Ok(Some(Ok(outcomes)))
    }

    fn command(&mut self, command: Command, by: &str) -> Result<Result<Written, Refused>, Fault> {
        let drafts = match handle(&self.staged, command, self.at) {
            Ok(drafts) => drafts,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let subject = drafts.first().and_then(|draft| draft.subject);
        let known = subject.and_then(|subject| self.staged.subject(subject));
        let mut position = known.map_or(self.position, |state| state.position);
        let mut is_new = false;
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            position = self.record(draft, by)?;
            is_new = true;
        }
        Ok(Ok(Written { position, subject, is_new }))
    }

    /// Records a withdrawal that was held, unless the person is gone meanwhile.
    pub(crate) fn held(&mut self, draft: &Draft, by: &str) -> Result<(), Fault> {
        let is_known = |subject| self.staged.subject(subject).is_some();
        if draft.subject.is_none_or(is_known) {
            self.record(draft.clone(), by)?;
        }
        Ok(())
    }

    /// Records again what a line of the journal takes away. Whether that was anything.
    pub(crate) fn replay(&mut self, line: &Line, by: &str) -> Result<bool, Fault> {
        let drafts = replay::drafts(&self.staged, line);
        let mut is_new = false;
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            self.record(draft, by)?;
            is_new = true;
        }
        Ok(is_new)
    }

    /// Notes that the ledger was restored from a copy that ends here.
    pub(crate) fn note_restore(&mut self, by: &str) -> Result<(), Fault> {
        let events = vec![Event::LedgerRestored { from: self.position }];
        self.record(Draft { subject: None, events }, by).map(drop)
    }

    fn record(&mut self, draft: Draft, by: &str) -> Result<Position, Fault> {
        let position = self.position.next();
        let Draft { subject, events } = draft;
        let entry = Entry { v: VERSION, position, at: self.at, subject, by: by.to_owned(), events };
        let is_new_person = matches!(entry.events.first(), Some(Event::SubjectCreated { .. }));
        self.find_key(entry.subject.unwrap_or(NOBODY), is_new_person)?;
        self.position = position;
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

    /// Has a person's key at hand, which is made if they are new.
    fn find_key(&mut self, subject: SubjectId, is_new: bool) -> Result<(), Fault> {
        if self.keys.contains_key(&subject) {
            return Ok(());
        }
        let stored = match self.stored.remove(&subject) {
            Some(stored) => stored,
            None if is_new => None,
            None => self.shared.store.subject_keys(&[subject])?.pop().flatten(),
        };
        let failed = |error: CryptoError| StoreError::Unavailable(error.to_string());
        let damaged = |error: CryptoError| Fault::One(format!("a person's key: {error}"));
        let secrets = &self.shared.secrets;
        let pair = match stored {
            Some(wrapped) => (secrets.unwrap(subject, &wrapped).map_err(damaged)?, wrapped),
            None => {
                let key: Secret = Zeroizing::new(random().map_err(failed)?);
                let wrapped = secrets.wrap(subject, &key).map_err(failed)?;
                self.batch.new_keys.push((subject, wrapped.clone()));
                (key, wrapped)
            }
        };
        self.keys.insert(subject, pair);
        Ok(())
    }

    /// What it builds on.
    pub(crate) fn expected(&self) -> Head {
        self.batch.expected
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.batch.answers.is_empty()
    }

    /// Seals the entries, chains them, and signs the head that they end in: once for all who share
    /// the batch, for a signature costs as much as everything else about a choice.
    pub(crate) fn seal(self) -> Result<(Batch, Vec<Entry>), StoreError> {
        let Self { shared, mut batch, entries, keys, .. } = self;
        let closed = each(&entries, |entry| {
            let missing = || StoreError::Unavailable("an entry without a key".to_owned());
            let subject = entry.subject.unwrap_or(NOBODY);
            let (key, wrapped) = keys.get(&subject).ok_or_else(missing)?;
            let failed = |error: RecordError| StoreError::Unavailable(error.to_string());
            close(entry, key, wrapped.clone()).map_err(failed)
        });
        let mut frontier = shared.tree().frontier();
        let mut before = batch.expected.chain;
        for (entry, closed) in entries.iter().zip(closed) {
            let (position, (commitment, payload)) = (entry.position, closed?);
            let chain = chain(&before, position, &commitment);
            frontier.push(&commitment);
            before = chain;
            batch.records.push(Record { position, commitment, chain, payload: Some(payload) });
        }
        let (size, root) = (frontier.size(), frontier.root());
        let checkpoint = Checkpoint { origin: shared.origin(), size, root };
        batch.checkpoint = checkpoint.sign(shared.secrets.signing());
        Ok((batch, entries))
    }
}
