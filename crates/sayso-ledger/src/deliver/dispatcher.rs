//! The loop that tells one recipient.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{
    Timestamp,
    id::{Id, Position, SubjectId},
    subject::SubjectState,
};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Ledger, StoreError,
    deliver::{
        board::{Board, Parked},
        debt::{Alarm, Debt},
        encode::{PermissionsData, encode, message_id},
        lanes::Lanes,
    },
    keys::random,
    limits::{DELIVERIES_AT_ONCE, FOLLOW_ENTRIES_MAX},
    record::NOBODY,
    sink::{Message, Outcome, Sink},
};

/// How often standing and cursor are brought up to date.
const TICK: Duration = Duration::from_millis(500);

/// Tells one recipient, for as long as it runs.
pub struct Dispatcher {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    recipient: Id,
    sink: Arc<dyn Sink>,
    lanes: Lanes,
    /// People about whom it took a message and has not said that it applied it, and when it is
    /// reminded.
    reminders: HashMap<SubjectId, Instant>,
    followed: Position,
    alarm: Alarm,
}

/// A try that has ended.
struct Ended {
    subject: SubjectId,
    position: Position,
    outcome: Outcome,
}

impl Dispatcher {
    /// For a recipient and its sink.
    pub fn new(ledger: Arc<Ledger>, board: Arc<Board>, recipient: Id, sink: Arc<dyn Sink>) -> Self {
        Self {
            ledger,
            board,
            recipient,
            sink,
            lanes: Lanes::default(),
            reminders: HashMap::new(),
            followed: Position::START,
            alarm: Alarm::default(),
        }
    }

    fn follower(&self) -> String {
        format!("sink:{}", self.recipient)
    }

    /// Runs until told to stop. What is under way then is sent again at the next start.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut head = self.ledger.watch();
        let mut tries = JoinSet::new();
        let mut next_tick = Instant::now();
        if let Err(error) = self.begin() {
            tracing::error!(recipient = %self.recipient, %error, "a cursor cannot be read");
        }
        while !*stop.borrow() {
            head.mark_unchanged();
            if let Err(error) = self.follow() {
                tracing::error!(recipient = %self.recipient, %error, "the ledger cannot be followed");
            }
            self.launch(&mut tries);
            if Instant::now() >= next_tick {
                self.tick();
                next_tick = Instant::now() + TICK;
            }
            let wake = self.lanes.wake_at().map_or(next_tick, |at| at.min(next_tick));
            tokio::select! {
                _ = head.changed() => {}
                Some(Ok(ended)) = tries.join_next() => self.settle(ended),
                () = tokio::time::sleep_until(wake.into()) => {}
                _ = stop.changed() => {}
            }
            while let Some(Ok(ended)) = tries.try_join_next() {
                self.settle(ended);
            }
        }
        self.tick();
    }

    /// Starts from the cursor, and from what the ledger says is not applied: a system that took a
    /// message and then lost it is told again.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.followed = self.ledger.store().cursor(&self.follower())?;
        self.touch_everyone();
        Ok(())
    }

    fn touch_everyone(&mut self) {
        let snapshot = Arc::clone(self.ledger.snapshot());
        let mut from = Some(SubjectId(0));
        while let Some(page) = from.and_then(|from| snapshot.page_of_people(from)) {
            for (subject, state) in &page.people {
                if let Some(position) = self.owed(state) {
                    self.lanes.touch(*subject, position);
                }
            }
            from = page.next;
        }
    }

    /// The newest entry about a person that the recipient has not applied.
    fn owed(&self, state: &SubjectState) -> Option<Position> {
        let own = state.pending.iter().filter(|pending| pending.recipient == self.recipient);
        own.map(|pending| pending.position).max()
    }

    fn follow(&mut self) -> Result<(), StoreError> {
        let head = self.ledger.snapshot().head();
        while self.followed < head {
            let mut records = self.ledger.store().read_after(self.followed, FOLLOW_ENTRIES_MAX)?;
            // An entry is stored a moment before the snapshot has it. Looked at in between, it
            // would seem to owe nothing, and its recipient would never be told.
            records.retain(|record| record.position <= head);
            let Some(last) = records.last() else { return Ok(()) };
            self.followed = last.position;
            for record in &records {
                match record.payload.as_ref().map(|payload| payload.subject) {
                    // A catalog may change what the recipient may do with anyone.
                    Some(NOBODY) => self.touch_everyone(),
                    Some(subject) => self.note(subject, record.position),
                    None => {}
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, subject: SubjectId, position: Position) {
        let state = self.ledger.snapshot().subject(subject);
        match state.and_then(|state| self.owed(&state)) {
            Some(owed) if owed >= position => self.lanes.touch(subject, position),
            Some(_) => {}
            None => drop(self.reminders.remove(&subject)),
        }
    }

    fn launch(&mut self, tries: &mut JoinSet<Ended>) {
        while let Some(subject) = self.lanes.next(Instant::now(), DELIVERIES_AT_ONCE) {
            let at = self.ledger.clock().at();
            let Some((position, message)) = self.message(subject, at) else {
                self.lanes.drop_lane(subject);
                continue;
            };
            self.board.sent(&self.recipient, subject, position, at);
            let sink = Arc::clone(&self.sink);
            tries.spawn(async move {
                Ended { subject, position, outcome: sink.deliver(message).await }
            });
        }
    }

    /// What there is to tell about a person now; none if it was applied meanwhile, or if the
    /// recipient knows no name for them.
    fn message(&self, subject: SubjectId, at: Timestamp) -> Option<(Position, Message)> {
        let snapshot = self.ledger.snapshot();
        let in_force = snapshot.in_force()?;
        let namespace = in_force.catalog.recipients.get(&self.recipient)?.namespace.clone()?;
        let state = snapshot.subject(subject)?;
        let position = self.owed(&state)?;
        let identifiers = match self.ledger.identifiers(subject, Some(&namespace)) {
            Ok(identifiers) => identifiers,
            Err(error) => {
                tracing::error!(recipient = %self.recipient, %error, "identifiers cannot be read");
                return None;
            }
        };
        let permissions = snapshot.permissions(subject, &self.recipient, at);
        let data = PermissionsData {
            recipient: &self.recipient,
            position,
            identifiers: &identifiers,
            leaving: state.is_leaving,
            permissions: permissions.into_iter().map(Into::into).collect(),
        };
        let id = message_id(self.ledger.id(), &self.recipient, position);
        let body = encode(self.ledger.id(), &id, at, data).ok()?;
        (!identifiers.is_empty())
            .then_some((position, Message { id, body, at_seconds: at.0 / 1000 }))
    }

    fn settle(&mut self, ended: Ended) {
        let Ended { subject, position, outcome } = ended;
        let (now, at) = (Instant::now(), self.ledger.clock().at());
        match outcome {
            Outcome::Delivered => {
                self.lanes.delivered(subject, position);
                self.reminders.insert(subject, now + self.patience());
                self.board.received(&self.recipient, subject, position, at);
                self.board.update(&self.recipient, |standing| {
                    standing.failing_since = None;
                    standing.parked.retain(|parked| parked.subject != subject);
                });
            }
            Outcome::RetryAfter { after_ms, why } => {
                let share = random::<1>().map_or(255, |[share]| share);
                self.lanes.failed(subject, now, after_ms, share);
                self.board.update(&self.recipient, |standing| {
                    standing.failed += 1;
                    standing.failing_since = standing.failing_since.or(Some(at));
                    standing.last_failure = Some(why);
                });
            }
            Outcome::Refused { why } => {
                tracing::error!(recipient = %self.recipient, %subject, %position, why, "a message was refused and is parked");
                self.lanes.refused(subject, now);
                self.board.update(&self.recipient, |standing| {
                    standing.failed += 1;
                    standing.last_failure = Some(why.clone());
                    standing.parked.retain(|parked| parked.subject != subject);
                    standing.parked.push(Parked { subject, position, why, since: at });
                });
            }
        }
    }

    /// How long a system that took a message is left in peace before it is sent again: half of
    /// what it has to apply it.
    fn patience(&self) -> Duration {
        let in_force = self.ledger.snapshot().in_force();
        let deadline =
            in_force.and_then(|now| now.catalog.recipients.get(&self.recipient)?.effect_deadline);
        let ms = deadline.map_or(60_000, |deadline| deadline.to_ms() / 2);
        Duration::from_millis(ms.clamp(1_000, 3_600_000).unsigned_abs())
    }

    fn tick(&mut self) {
        self.remind();
        let cursor = self.lanes.delivered_through(self.followed);
        if let Err(error) = self.ledger.store().set_cursor(&self.follower(), cursor) {
            tracing::warn!(recipient = %self.recipient, %error, "a cursor cannot be kept");
        }
        let at = self.ledger.clock().at();
        let snapshot = Arc::clone(self.ledger.snapshot());
        let mut debt = Debt::default();
        let waiting = self.lanes.subjects().filter(|subject| !self.reminders.contains_key(subject));
        for subject in self.reminders.keys().copied().chain(waiting) {
            if let Some(state) = snapshot.subject(subject) {
                debt.count(&self.recipient, &state, at);
            }
        }
        self.alarm.look(&self.recipient, debt);
        self.board.update(&self.recipient, |standing| {
            standing.is_connected = true;
            standing.cursor = cursor;
            standing.waiting = self.lanes.len();
            debt.show(standing);
        });
    }

    fn remind(&mut self) {
        let now = Instant::now();
        let due: Vec<SubjectId> = self
            .reminders
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(subject, _)| *subject)
            .collect();
        for subject in due {
            self.reminders.remove(&subject);
            let state = self.ledger.snapshot().subject(subject);
            if let Some(position) = state.and_then(|state| self.owed(&state)) {
                self.lanes.touch(subject, position);
            }
        }
    }
}
