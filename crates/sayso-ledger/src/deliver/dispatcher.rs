//! The loop that tells one recipient.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{
    Timestamp,
    id::{Id, Position, SubjectId},
    subject::{IdentifierRef, Pending, SubjectState},
};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Ledger, StoreError,
    deliver::{
        board::{Board, Parked},
        debt::{Alarm, Debt},
        encode::{PermissionData, PermissionsData, encode, message_id},
        lanes::Lanes,
    },
    keys::random,
    limits::{DELIVERIES_AT_ONCE, FOLLOW_ENTRIES_MAX},
    record::NOBODY,
    sink::{About, Message, Outcome, Sink},
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
    /// What it took a message about and has not said that it applied, or cannot be told now, and
    /// when that is looked at again.
    reminders: HashMap<About, Instant>,
    followed: Position,
    alarm: Alarm,
}

/// A try that has ended.
struct Ended {
    about: About,
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
                self.touch(*subject, state, Position::START);
            }
            from = page.next;
        }
    }

    /// What the recipient has not applied about a person.
    fn own<'a>(&'a self, state: &'a SubjectState) -> impl Iterator<Item = &'a Pending> {
        state.pending.iter().filter(|pending| pending.recipient == self.recipient)
    }

    /// The newest entry about something that the recipient has not applied.
    fn owed(&self, state: &SubjectState, about: About) -> Option<Position> {
        let own = self.own(state).filter(|pending| pending.former_lookup() == about.former);
        own.map(|pending| pending.position).max()
    }

    /// Notes everything that it owes about a person, from an entry on.
    fn touch(&mut self, subject: SubjectId, state: &SubjectState, from: Position) {
        let own = self.own(state).filter(|pending| pending.position >= from);
        let news: Vec<_> = own
            .map(|owed| (About { subject, former: owed.former_lookup() }, owed.position))
            .collect();
        for (about, position) in news {
            self.lanes.touch(about, position);
        }
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
        let about = About { subject, former: None };
        let Some(state) = self.ledger.snapshot().subject(subject) else {
            self.reminders.remove(&about);
            return;
        };
        if self.owed(&state, about).is_none() {
            self.reminders.remove(&about);
        }
        self.touch(subject, &state, position);
    }

    fn launch(&mut self, tries: &mut JoinSet<Ended>) {
        while let Some(about) = self.lanes.next(Instant::now(), DELIVERIES_AT_ONCE) {
            let at = self.ledger.clock().at();
            let Some((position, message)) = self.message(about, at) else {
                self.lanes.drop_lane(about);
                // If it is owed all the same it still counts, and is looked at again.
                self.reminders.insert(about, Instant::now() + self.patience());
                continue;
            };
            if about.former.is_none() {
                self.board.sent(&self.recipient, about.subject, position, at);
            }
            let sink = Arc::clone(&self.sink);
            tries.spawn(async move {
                let outcome = sink.deliver(Arc::new([message])).await.pop();
                let outcome = outcome.unwrap_or_else(|| Outcome::again("no_answer"));
                Ended { about, position, outcome }
            });
        }
    }

    /// What there is to tell now; none if it was applied meanwhile, or if the recipient knows no
    /// name for the person.
    fn message(&self, about: About, at: Timestamp) -> Option<(Position, Message)> {
        let snapshot = self.ledger.snapshot();
        let state = snapshot.subject(about.subject)?;
        let position = self.owed(&state, about)?;
        let names = self.names(&state, about);
        let identifiers = match self.ledger.values(names) {
            Ok(identifiers) => identifiers,
            Err(error) => {
                tracing::error!(recipient = %self.recipient, %error, "identifiers cannot be read");
                return None;
            }
        };
        let permissions = match about.former {
            Some(_) => Vec::new(),
            None => snapshot.permissions(about.subject, &self.recipient, at),
        };
        let permissions: Arc<[PermissionData]> = permissions.into_iter().map(Into::into).collect();
        let key = self.ledger.secrets().recipient_key(&self.recipient, about);
        let leaving = state.is_leaving || about.former.is_some();
        let data = PermissionsData {
            recipient: &self.recipient,
            key: &key,
            position,
            identifiers: &identifiers,
            leaving,
            permissions: &permissions,
        };
        let id = message_id(self.ledger.id(), &self.recipient, position);
        let body = encode(self.ledger.id(), &id, at, data).ok()?;
        if identifiers.is_empty() {
            return None;
        }
        let message =
            Message { about, id, key, position, identifiers, leaving, permissions, body, at };
        Some((position, message))
    }

    /// The names that a message speaks of: those that the recipient knows the person by, or the
    /// one that it has to forget, whatever namespace it is declared with by now.
    fn names<'a>(&self, state: &'a SubjectState, about: About) -> Vec<&'a IdentifierRef> {
        if about.former.is_some() {
            let own = state.pending.iter().filter(|owed| owed.recipient == self.recipient);
            let names = own.filter_map(|owed| owed.former.as_ref());
            return names.filter(|name| Some(name.lookup) == about.former).take(1).collect();
        }
        let in_force = self.ledger.snapshot().in_force();
        let namespace =
            in_force.and_then(|now| now.catalog.recipients.get(&self.recipient)?.namespace.clone());
        let is_known = |own: &&IdentifierRef| Some(&own.namespace) == namespace.as_ref();
        state.identifiers.iter().filter(is_known).collect()
    }

    fn settle(&mut self, ended: Ended) {
        let Ended { about, position, outcome } = ended;
        let subject = about.subject;
        let (now, at) = (Instant::now(), self.ledger.clock().at());
        match outcome {
            Outcome::Delivered | Outcome::Applied { .. } => {
                self.lanes.delivered(about, position);
                self.reminders.insert(about, now + self.patience());
                self.board.received(&self.recipient, subject, position, at);
                self.board.update(&self.recipient, |standing| {
                    standing.failing_since = None;
                    standing.parked.retain(|parked| parked.subject != subject);
                });
            }
            Outcome::RetryAfter { after_ms, why } => {
                let share = random::<1>().map_or(255, |[share]| share);
                self.lanes.failed(about, now, after_ms, share);
                self.board.update(&self.recipient, |standing| {
                    standing.failed += 1;
                    standing.failing_since = standing.failing_since.or(Some(at));
                    standing.last_failure = Some(why);
                });
            }
            Outcome::Refused { why } => {
                tracing::error!(recipient = %self.recipient, %subject, %position, why, "a message was refused and is parked");
                self.lanes.refused(about, now);
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
        let about = self.reminders.keys().copied().chain(self.lanes.all());
        let people: HashSet<SubjectId> = about.map(|about| about.subject).collect();
        let mut debt = Debt::default();
        for subject in people {
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
        let due: Vec<About> =
            self.reminders.iter().filter(|(_, at)| **at <= now).map(|(about, _)| *about).collect();
        for about in due {
            self.reminders.remove(&about);
            let state = self.ledger.snapshot().subject(about.subject);
            if let Some(position) = state.and_then(|state| self.owed(&state, about)) {
                self.lanes.touch(about, position);
            }
        }
    }
}
