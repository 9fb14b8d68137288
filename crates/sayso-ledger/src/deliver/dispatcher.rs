//! The loop that tells one recipient.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_consent::{
    id::{Id, Position, SubjectId},
    sink::Mode,
    subject::{Change, SubjectState},
};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Ledger, StoreError,
    deliver::{
        allowance::Allowance,
        board::{Board, Parked},
        compose::{self, owed, own},
        debt::{Alarm, Debt},
        lanes::Lanes,
        report::{Done, report},
        round::{Round, order},
    },
    keys::{RecipientKeys, random},
    limits::{FOLLOW_ENTRIES_MAX, LANES_MAX},
    record::NOBODY,
    sink::{About, Message, Outcome, Sink},
};

/// How often standing and cursor are brought up to date.
const TICK: Duration = Duration::from_millis(500);
/// Counting what everybody owes takes a twentieth of one core at most.
const REST_PER_COUNT: u32 = 20;

/// Tells one recipient, for as long as it runs.
pub struct Dispatcher {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    recipient: Id,
    /// What names people to it.
    keys: RecipientKeys,
    sink: Arc<dyn Sink>,
    lanes: Lanes,
    allowance: Allowance,
    /// What it took a message about and has not said that it applied, or cannot be told now, and
    /// when that is looked at again.
    reminders: HashMap<About, Instant>,
    followed: Position,
    /// The catalog that everybody was last gone through under.
    catalog: Option<Position>,
    mode: Mode,
    round: Option<Round>,
    /// The newest order to tell people again that was carried out.
    obeyed: Position,
    /// Since when there are people who found no room, or may.
    missed: Option<Instant>,
    count_at: Instant,
    alarm: Alarm,
}

/// A delivery that has ended.
struct Ended {
    messages: Arc<[Message]>,
    outcomes: Vec<Outcome>,
}

/// What is under way.
#[derive(Default)]
struct UnderWay {
    tries: JoinSet<Ended>,
    reports: JoinSet<()>,
    /// What the sink is asked about: one question at a time, however slow it is to answer.
    asked: JoinSet<()>,
}

impl Dispatcher {
    /// For a recipient and its sink.
    pub fn new(ledger: Arc<Ledger>, board: Arc<Board>, recipient: Id, sink: Arc<dyn Sink>) -> Self {
        let now = Instant::now();
        Self {
            allowance: Allowance::new(sink.pace().per_second, now),
            keys: ledger.secrets().recipient_keys(&recipient),
            ledger,
            board,
            recipient,
            sink,
            lanes: Lanes::default(),
            reminders: HashMap::new(),
            followed: Position::START,
            catalog: None,
            mode: Mode::Running,
            round: None,
            obeyed: Position::START,
            missed: None,
            count_at: now,
            alarm: Alarm::default(),
        }
    }

    fn follower(&self) -> String {
        format!("sink:{}", self.recipient)
    }

    /// Runs until told to stop. What is under way then is sent again at the next start.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut head = self.ledger.watch();
        let mut under_way = UnderWay::default();
        let mut next_tick = Instant::now();
        if let Err(error) = self.begin() {
            tracing::error!(recipient = %self.recipient, %error, "a cursor cannot be read");
        }
        while !*stop.borrow() {
            head.mark_unchanged();
            self.attend();
            if let Err(error) = self.follow() {
                tracing::error!(recipient = %self.recipient, %error, "the ledger cannot be followed");
            }
            self.go_round();
            self.launch(&mut under_way);
            if Instant::now() >= next_tick {
                self.tick(&mut under_way);
                next_tick = Instant::now() + TICK;
            }
            tokio::select! {
                _ = head.changed() => {}
                Some(Ok(ended)) = under_way.tries.join_next() => self.settle(ended, &mut under_way),
                Some(_) = under_way.reports.join_next() => {}
                Some(_) = under_way.asked.join_next() => {}
                () = tokio::time::sleep_until(self.wake_at(next_tick).into()) => {}
                _ = stop.changed() => {}
            }
            while let Some(Ok(ended)) = under_way.tries.try_join_next() {
                self.settle(ended, &mut under_way);
            }
            while under_way.reports.try_join_next().is_some() {}
            while under_way.asked.try_join_next().is_some() {}
        }
        // What was applied is said before the end, for nobody asks the system again.
        while under_way.reports.join_next().await.is_some() {}
        while under_way.asked.join_next().await.is_some() {}
        self.keep_cursor();
    }

    fn wake_at(&self, next_tick: Instant) -> Instant {
        if self.may_go_round() {
            return Instant::now();
        }
        let lanes = self.lanes.wake_at();
        let allowed = self.allowance.wait().map(|wait| Instant::now() + wait);
        lanes.into_iter().chain(allowed).fold(next_tick, Instant::min)
    }

    /// Starts from the cursor, and from what the ledger says is not applied: a system that took a
    /// message and then lost it is told again.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.followed = self.ledger.store().cursor(&self.follower())?;
        self.obeyed = self.ledger.store().cursor(&order(&self.recipient))?;
        self.round = Some(Round::of_owed());
        Ok(())
    }

    /// Looks what was ordered, and under which catalog.
    fn attend(&mut self) {
        let catalog = self.ledger.snapshot().in_force().map(|now| now.position);
        let sinks = self.ledger.snapshot().sinks();
        let sink = sinks.get(&self.recipient);
        let mode = sink.map_or(Mode::Running, |sink| sink.mode);
        let may_owe = self.catalog != catalog || (self.mode != mode && mode == Mode::Running);
        if may_owe && self.round.is_none_or(|round| round.ordered.is_none()) {
            self.round = Some(Round::of_owed());
        }
        (self.catalog, self.mode) = (catalog, mode);
        let Some(again) = sink.and_then(|sink| sink.again) else { return };
        let is_under_way = self.round.is_some_and(|round| round.ordered == Some(again.ordered));
        if !is_under_way && self.obeyed < again.ordered && mode == Mode::Running {
            self.round = Some(Round::of_everybody(again.ordered, again.after));
        }
    }

    /// Whether there is a page to go through and room for whom it brings.
    fn may_go_round(&self) -> bool {
        let is_held = |round: Round| round.ordered.is_some() && self.mode != Mode::Running;
        let has_page = |round: Round| !round.is_over() && !is_held(round);
        self.lanes.has_room() && self.round.is_some_and(has_page)
    }

    fn go_round(&mut self) {
        let is_patient = |since: Instant| since.elapsed() >= self.patience();
        if self.round.is_none() && self.missed.is_some_and(is_patient) && self.lanes.has_room() {
            self.missed = None;
            self.round = Some(Round::of_owed());
        }
        let Some(mut round) = self.round else { return };
        if self.may_go_round() {
            for found in round.page(self.ledger.snapshot(), &self.recipient) {
                self.lanes.touch_all(found.about, found.position, found.anyway);
            }
            let backfill = round.backfill(self.ledger.snapshot());
            self.board.update(&self.recipient, |standing| standing.backfill = backfill);
            self.round = Some(round);
        }
        // Done when everybody it brought was told: a crash before that begins it again.
        if round.is_over() && (round.ordered.is_none() || self.lanes.is_quiet()) {
            self.finish(round);
        }
    }

    fn finish(&mut self, round: Round) {
        self.round = None;
        let Some(ordered) = round.ordered else { return };
        self.obeyed = ordered;
        self.board.update(&self.recipient, |standing| standing.backfill = None);
        if let Err(error) = self.ledger.store().set_cursor(&order(&self.recipient), ordered) {
            tracing::warn!(recipient = %self.recipient, %error, "a cursor cannot be kept");
        }
    }

    /// Notes everything that it owes about a person, from an entry on.
    fn touch(&mut self, subject: SubjectId, state: &SubjectState, from: Position) {
        let owing = own(&self.recipient, state).filter(|pending| pending.position >= from);
        let about = |former| About { subject, former };
        let owing = owing.map(|owed| (about(owed.former_lookup()), owed.position));
        for (about, position) in owing.collect::<Vec<_>>() {
            self.note_owed(about, position);
        }
    }

    fn note_owed(&mut self, about: About, position: Position) {
        if !self.lanes.touch(about, position) {
            self.missed = self.missed.or(Some(Instant::now()));
        }
    }

    fn remind_later(&mut self, about: About) {
        if self.reminders.len() >= LANES_MAX {
            self.missed = self.missed.or(Some(Instant::now()));
            return;
        }
        self.reminders.insert(about, Instant::now() + self.patience());
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
                    Some(NOBODY) | None => {}
                    Some(subject) => self.note(subject, record.position),
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
        if owed(&self.recipient, &state, about).is_none() {
            self.reminders.remove(&about);
        }
        self.touch(subject, &state, position);
    }

    fn launch(&mut self, under_way: &mut UnderWay) {
        let pace = self.sink.pace();
        while under_way.tries.len() < pace.at_once.max(1) {
            let now = Instant::now();
            let at_most = pace.batch_max.max(1).min(self.allowance.now(now));
            let taken = self.lanes.take(now, at_most);
            if taken.is_empty() {
                return;
            }
            let messages: Arc<[Message]> =
                taken.into_iter().filter_map(|about| self.compose(about)).collect();
            if messages.is_empty() {
                continue;
            }
            self.allowance.spend(messages.len());
            let sink = Arc::clone(&self.sink);
            under_way.tries.spawn(async move {
                let outcomes = sink.deliver(Arc::clone(&messages)).await;
                Ended { messages, outcomes }
            });
        }
    }

    /// The message about one thing, if there is one to send now.
    fn compose(&mut self, about: About) -> Option<Message> {
        let at = self.ledger.clock().at();
        let anyway = self.lanes.is_anyway(about);
        let whom = (&self.recipient, &self.keys);
        let composed = compose::message(&self.ledger, whom, (about, anyway), at);
        let may_go = |change: Change| self.mode == Mode::Running || change != Change::Grant;
        let Some((_, message)) = composed.filter(|(change, _)| may_go(*change)) else {
            self.lanes.drop_lane(about);
            // If it is owed all the same it still counts, and is looked at again.
            self.remind_later(about);
            return None;
        };
        if about.former.is_none() {
            self.board.sent(&self.recipient, about.subject, message.position, at);
        }
        Some(message)
    }

    fn settle(&mut self, ended: Ended, under_way: &mut UnderWay) {
        let Ended { messages, outcomes } = ended;
        let none = || Outcome::again("no_answer");
        let outcomes = outcomes.into_iter().chain(std::iter::repeat_with(none));
        let mut done = Vec::new();
        let mut has_failed = false;
        for (message, outcome) in messages.iter().zip(outcomes) {
            match outcome {
                Outcome::Delivered => self.taken(message),
                Outcome::Applied { detail } => {
                    self.taken(message);
                    let (about, position) = (message.about, message.position);
                    done.push(Done { about, position, detail });
                }
                Outcome::RetryAfter { after_ms, why } => {
                    self.failed((message, !has_failed), after_ms, why);
                    has_failed = true;
                }
                Outcome::Refused { why } => self.refused(message, why),
            }
        }
        self.report(done, under_way);
    }

    fn report(&self, done: Vec<Done>, under_way: &mut UnderWay) {
        if !done.is_empty() {
            let (ledger, board) = (Arc::clone(&self.ledger), Arc::clone(&self.board));
            under_way.reports.spawn(report(ledger, board, self.recipient.clone(), done));
        }
    }

    fn taken(&mut self, message: &Message) {
        let (about, at) = (message.about, self.ledger.clock().at());
        self.lanes.delivered(about, message.position);
        self.remind_later(about);
        self.board.received(&self.recipient, about.subject, message.position, at);
        self.board.update(&self.recipient, |standing| {
            standing.failing_since = None;
            standing.parked.retain(|parked| parked.subject != about.subject);
        });
    }

    fn failed(&mut self, tried: (&Message, bool), after_ms: Option<u64>, why: String) {
        let share = random::<1>().map_or(255, |[share]| share);
        let at = self.ledger.clock().at();
        self.lanes.failed((tried.0.about, tried.1), Instant::now(), after_ms, share);
        self.board.update(&self.recipient, |standing| {
            standing.failed += 1;
            standing.failing_since = standing.failing_since.or(Some(at));
            standing.last_failure = Some(why);
        });
    }

    fn refused(&mut self, message: &Message, why: String) {
        let (position, subject) = (message.position, message.about.subject);
        tracing::error!(recipient = %self.recipient, %subject, %position, why, "a message was refused and is parked");
        self.lanes.refused(message.about, Instant::now());
        let since = self.ledger.clock().at();
        self.board.update(&self.recipient, |standing| {
            standing.failed += 1;
            standing.last_failure = Some(why.clone());
            standing.parked.retain(|parked| parked.subject != subject);
            // What is shown is an example of each kind and not a list of everybody.
            if standing.parked.len() < 1_000 {
                standing.parked.push(Parked { subject, position, why, since });
            }
        });
    }

    /// How long a system that took a message is left in peace before it is sent again: half of
    /// what it has to apply it.
    fn patience(&self) -> Duration {
        let in_force = self.ledger.snapshot().in_force();
        let deadline = in_force
            .and_then(|now| now.catalog.recipients.get(&self.recipient)?.deadline(Change::Denial));
        let ms = deadline.map_or(60_000, |deadline| deadline.to_ms() / 2);
        Duration::from_millis(ms.clamp(1_000, 3_600_000).unsigned_abs())
    }

    fn tick(&mut self, under_way: &mut UnderWay) {
        self.remind();
        if under_way.asked.is_empty() {
            self.ask_applied(&mut under_way.asked);
        }
        let cursor = self.keep_cursor();
        self.board.update(&self.recipient, |standing| {
            standing.is_connected = true;
            standing.cursor = cursor;
            standing.waiting = self.lanes.len();
        });
        if Instant::now() >= self.count_at {
            self.count_debt();
        }
    }

    /// Everything through it was taken: from there a start goes on.
    fn keep_cursor(&self) -> Position {
        let cursor = self.lanes.delivered_through(self.followed);
        if let Err(error) = self.ledger.store().set_cursor(&self.follower(), cursor) {
            tracing::warn!(recipient = %self.recipient, %error, "a cursor cannot be kept");
        }
        cursor
    }

    /// Asks the sink what was applied since.
    fn ask_applied(&self, asked: &mut JoinSet<()>) {
        let sink = Arc::clone(&self.sink);
        let (ledger, board) = (Arc::clone(&self.ledger), Arc::clone(&self.board));
        let recipient = self.recipient.clone();
        asked.spawn(async move {
            let done = sink.applied().await;
            let done = done.into_iter().map(|(about, position)| {
                let detail = Some("picked up".to_owned());
                Done { about, position, detail }
            });
            report(ledger, board, recipient, done.collect()).await;
        });
    }

    fn count_debt(&mut self) {
        let begun = Instant::now();
        let at = self.ledger.clock().at();
        let about = self.reminders.keys().copied().chain(self.lanes.all());
        let people: HashSet<SubjectId> = about.map(|about| about.subject).collect();
        let mut debt = Debt::default();
        for subject in people {
            if let Some(state) = self.ledger.snapshot().subject(subject) {
                debt.count(&self.recipient, &state, at);
            }
        }
        self.alarm.look(&self.recipient, debt);
        self.board.update(&self.recipient, |standing| debt.show(standing));
        self.board.note_lag(&self.recipient, at);
        self.count_at = Instant::now() + begun.elapsed() * REST_PER_COUNT;
    }

    fn remind(&mut self) {
        let now = Instant::now();
        let due: Vec<About> =
            self.reminders.iter().filter(|(_, at)| **at <= now).map(|(about, _)| *about).collect();
        for about in due {
            self.reminders.remove(&about);
            let state = self.ledger.snapshot().subject(about.subject);
            let owed = state.and_then(|state| owed(&self.recipient, &state, about));
            if let Some((position, _)) = owed {
                self.note_owed(about, position);
            }
        }
    }
}
