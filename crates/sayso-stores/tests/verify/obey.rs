//! A choice is not done when a system was told: it is when the system was seen to obey. What is
//! declared on the ledger runs; what differs is owed again; what is paused, parked or accepted is so
//! for as long as somebody says so, and a no goes through all the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sayso_consent::{
    Choice, Command, Position, Scope, SubjectId, Timestamp,
    choice::{Authority, Effect},
    event::Identifier,
    sink::{Declared, Mode},
};
use sayso_ledger::{
    Clock, Ledger,
    deliver::{Board, Deliveries, Open, Stage, effects, range, sum},
    journal::Journal,
    sink::{Answer, Kept, Message, Mirror, Outcome, Pace, Sink, Sum, Trouble},
};
use sayso_stores::Embedded;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

use crate::world::{catalog, id, noon, person, secrets};

mod late;
mod pace;
mod room;

const PEOPLE: u128 = 12;

/// What a system holds about one person: what it was told, and whether it may do anything.
#[derive(Clone)]
struct Row {
    position: Position,
    at: Timestamp,
    allows: usize,
    names: u64,
    marks: u64,
}

/// A system that keeps what it is told, and can be read back.
#[derive(Clone)]
struct System {
    pace: Pace,
    rows: Arc<Mutex<BTreeMap<String, Row>>>,
    /// Says that it applied, and keeps nothing.
    lies: Arc<AtomicBool>,
    /// Takes nothing.
    is_away: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<SubjectId>>>,
}

impl Default for System {
    fn default() -> Self {
        let pace = Pace { batch_max: 5, at_once: 2, per_second: None };
        let (rows, told) = (Arc::default(), Arc::default());
        let (lies, is_away) = (Arc::default(), Arc::default());
        Self { pace, rows, lies, is_away, told }
    }
}

impl System {
    fn take(&self, message: &Message) -> Outcome {
        if self.is_away.load(Ordering::Relaxed) {
            return Outcome::again("away");
        }
        self.told.lock().unwrap().push(message.about.subject);
        if self.lies.load(Ordering::Relaxed) {
            return Outcome::Applied { detail: None };
        }
        let mut rows = self.rows.lock().unwrap();
        let held = rows.get(&message.key).map(|row| (row.position, row.at));
        if held.is_none_or(|held| held < (message.position, message.at)) {
            let row = Row {
                position: message.position,
                at: message.at,
                allows: message.permissions.iter().filter(|one| one.allow).count(),
                names: message.identifiers.len() as u64,
                marks: sum(&message.key, &message.permissions),
            };
            match message.leaving {
                true => drop(rows.remove(&message.key)),
                false => drop(rows.insert(message.key.clone(), row)),
            }
        }
        Outcome::Applied { detail: Some("1 row".into()) }
    }

    fn kept(&self) -> Vec<Kept> {
        let kept = |(key, row): (&String, &Row)| Kept {
            key: key.clone(),
            position: Some(row.position),
            names: row.names,
            marks: row.marks,
        };
        self.rows.lock().unwrap().iter().map(kept).collect()
    }

    fn people(&self) -> usize {
        self.rows.lock().unwrap().len()
    }

    fn told_of(&self, subject: SubjectId) -> usize {
        self.told.lock().unwrap().iter().filter(|told| **told == subject).count()
    }
}

impl Sink for System {
    fn deliver(&self, messages: Arc<[Message]>) -> Answer<'_, Vec<Outcome>> {
        let outcomes = messages.iter().map(|message| self.take(message)).collect();
        Box::pin(std::future::ready(outcomes))
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn check(&self) -> Answer<'_, Result<Vec<String>, Trouble>> {
        Box::pin(std::future::ready(Ok(vec!["in memory".into()])))
    }

    fn mirror(&self) -> Option<&dyn Mirror> {
        Some(self)
    }
}

impl Mirror for System {
    fn sums(&self) -> Answer<'_, Result<Vec<Sum>, Trouble>> {
        let mut sums: BTreeMap<u16, Sum> = BTreeMap::new();
        for kept in self.kept() {
            let range = range(&kept.key);
            let sum = sums.entry(range).or_insert(Sum { range, ..Sum::default() });
            sum.people += 1;
            sum.names += kept.names;
            sum.marks = sum.marks.wrapping_add(kept.marks);
        }
        Box::pin(std::future::ready(Ok(sums.into_values().collect())))
    }

    fn people<'a>(&'a self, ranges: &'a BTreeSet<u16>) -> Answer<'a, Result<Vec<Kept>, Trouble>> {
        let is_wanted = |kept: &Kept| ranges.contains(&range(&kept.key));
        let kept = self.kept().into_iter().filter(is_wanted).collect();
        Box::pin(std::future::ready(Ok(kept)))
    }
}

/// A ledger with people, all its sinks running on one system.
struct Running {
    ledger: Arc<Ledger>,
    board: Arc<Board>,
    clock: Clock,
    system: System,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Running {
    async fn start() -> Self {
        Self::with(System::default()).await
    }

    async fn with(system: System) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(noon());
        let ledger = open(folder.path(), clock.clone());
        let board = Arc::<Board>::default();
        let made = system.clone();
        let open: Open = Arc::new(move |_, _| Ok(Arc::new(made.clone()) as Arc<dyn Sink>));
        let (stop, stopped) = watch::channel(false);
        let deliveries = Deliveries::new(Arc::clone(&ledger), Arc::clone(&board), open);
        let task = tokio::spawn(deliveries.run(stopped));
        let running = Self { ledger, board, clock, system, stop, task, _folder: folder };
        running.done(Command::ApplyCatalog { catalog: Box::new(catalog()) }).await;
        for number in 0..PEOPLE {
            running.done(running.newcomer(number)).await;
            running.says(number, Effect::Grant, None).await;
        }
        running
    }

    async fn end(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }

    fn newcomer(&self, number: u128) -> Command {
        let namespace = id("email");
        let value = format!("p{number}@example.org");
        let (value, lookup) = self.ledger.identify(&namespace, &value).unwrap();
        Command::CreateSubject {
            subject: person(number),
            identifiers: vec![Identifier { namespace, value, lookup }],
            is_active: true,
            minor_until: None,
            choices: Vec::new(),
        }
    }

    /// Has so many people in all, each with a choice.
    async fn crowd(&self, people: u128) {
        let newcomers: Vec<Command> = (PEOPLE..people)
            .map(|number| {
                let mut newcomer = self.newcomer(number);
                if let Command::CreateSubject { choices, .. } = &mut newcomer {
                    let purpose = Some(id("marketing.offers"));
                    let scope = Scope { purpose, ..Scope::default() };
                    choices.push(Choice::of_person(Effect::Grant, scope));
                }
                newcomer
            })
            .collect();
        for some in newcomers.chunks(1_000) {
            let written = self.ledger.submit(some.to_vec(), "test", None).await.unwrap();
            assert!(written.iter().all(Result::is_ok));
        }
    }

    async fn attempt(&self, command: Command) -> Result<Position, String> {
        let written = self.ledger.command(command, "test").await.unwrap();
        written.map(|written| written.position).map_err(|refused| refused.code)
    }

    async fn done(&self, command: Command) -> Position {
        self.attempt(command).await.unwrap()
    }

    async fn says(&self, number: u128, effect: Effect, until: Option<Timestamp>) {
        let scope = Scope { purpose: Some(id("marketing.offers")), ..Scope::default() };
        let choice = Choice { until, ..Choice::of_person(effect, scope) };
        let choices = vec![choice];
        let (subject, authority) = (person(number), Authority::Strong);
        self.done(Command::Choose { subject, choices, authority }).await;
    }

    async fn declare(&self, canary: Option<&str>) {
        let declared = Box::new(Declared {
            kind: "memory".into(),
            settings: "{}".into(),
            sealed: String::new(),
            watch_seconds: 1,
            canary: canary.map(str::to_owned),
        });
        self.done(Command::DeclareSink { recipient: id("mailer"), declared }).await;
    }

    async fn mode(&self, mode: Mode) {
        let reason = Some("a test".to_owned());
        self.done(Command::SetSinkMode { recipient: id("mailer"), mode, reason }).await;
    }

    fn stage(&self, number: u128) -> Stage {
        let snapshot = self.ledger.snapshot();
        let state = snapshot.subject(person(number)).unwrap();
        let (now, sinks) = (snapshot.in_force().unwrap(), snapshot.sinks());
        let said = (&*now.catalog, &*sinks, &*self.board);
        let all = effects(said, person(number), &state, self.clock.at());
        all.into_iter().find(|effect| effect.recipient == id("mailer")).unwrap().stage
    }

    /// How much the system may do with somebody's data, as it was told.
    fn allows(&self, number: u128) -> Option<usize> {
        let about = sayso_ledger::sink::About { subject: person(number), former: None };
        let key = self.ledger.secrets().recipient_keys(&id("mailer")).of(about);
        self.system.rows.lock().unwrap().get(&key).map(|row| row.allows)
    }

    fn later(&self, ms: i64) {
        self.clock.set(self.clock.at().plus_ms(ms));
    }

    /// Waits until it is so. Time goes on by itself: what is read back counts for what was before.
    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..600 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.later(20);
        }
        panic!("it never came to be that {what}: {:?}", self.board.standing(&id("mailer")));
    }
}

/// How long it takes until it is so, while the ledger's clock stands still.
async fn took(is_so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

fn open(folder: &Path, clock: Clock) -> Arc<Ledger> {
    let journal = Journal::open(&folder.join("journal")).unwrap();
    let store = Arc::new(Embedded::open(folder).unwrap());
    Arc::new(Ledger::open(store, secrets(), clock, Some(journal)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_declared_tells_everybody_and_is_seen_to_obey() {
    let running = Running::start().await;
    assert_eq!(running.system.people(), 0);
    running.declare(None).await;
    running
        .until("everybody is verified", || {
            (0..PEOPLE).all(|number| running.stage(number) == Stage::Verified)
        })
        .await;
    let compared = running.ledger.snapshot().sinks()[&id("mailer")].compared.unwrap();
    assert_eq!((compared.people, compared.drifted), (PEOPLE as u64, 0));
    running.says(3, Effect::Denial, None).await;
    assert_ne!(running.stage(3), Stage::Verified, "what was said since was not read back");
    running.until("her no is verified", || running.stage(3) == Stage::Verified).await;
    assert!(running.allows(3) < running.allows(4));
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_by_hand_is_found_told_again_and_put_on_the_record() {
    let running = Running::start().await;
    running.declare(None).await;
    running.until("she is verified", || running.stage(5) == Stage::Verified).await;
    let about = sayso_ledger::sink::About { subject: person(5), former: None };
    let key = running.ledger.secrets().recipient_keys(&id("mailer")).of(about);
    let right = running.system.rows.lock().unwrap()[&key].marks;
    running.system.rows.lock().unwrap().get_mut(&key).unwrap().marks += 1;
    let drifted = || running.board.standing(&id("mailer")).reading.drifted;
    running.until("the drift is found", || drifted() == 1).await;
    let mends = || running.system.rows.lock().unwrap()[&key].marks == right;
    running.until("it is mended", mends).await;
    let history = running.ledger.history(person(5), Position::at(u64::MAX), 20).unwrap();
    let has_drift = |entry: &sayso_consent::Entry| {
        entry.events.iter().any(|event| matches!(event, sayso_consent::Event::DriftFound { .. }))
    };
    assert!(history.iter().any(has_drift), "it is on the record");
    running.until("she is verified again", || running.stage(5) == Stage::Verified).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_by_itself_is_told_and_is_no_drift() {
    let running = Running::start().await;
    running.says(1, Effect::Denial, None).await;
    running.says(1, Effect::Grant, Some(running.clock.at().plus_ms(3_000))).await;
    running.declare(None).await;
    let all_told = || running.system.people() == PEOPLE as usize;
    running.until("all are told", all_told).await;
    assert_eq!(running.allows(1), running.allows(2));
    running.later(4_000);
    running.until("its end is told", || running.allows(1) < running.allows(2)).await;
    let reading = running.board.standing(&id("mailer")).reading;
    assert_eq!((reading.drifted, reading.lapsed > 0), (0, true), "{reading:?}");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_goes_through_a_pause_and_a_yes_waits_for_its_end() {
    let running = Running::start().await;
    running.declare(None).await;
    running.until("all are told", || running.system.people() == PEOPLE as usize).await;
    let all = running.allows(0);
    for mode in [Mode::Paused, Mode::Killed] {
        running.mode(mode).await;
        running.says(1, Effect::Denial, None).await;
        running.until("the no is there", || running.allows(1) < all).await;
        running.says(1, Effect::Grant, None).await;
        running.says(2, Effect::Denial, None).await;
        running.until("another no is there", || running.allows(2) < all).await;
        assert!(running.allows(1) < all, "the yes waits");
        running.mode(Mode::Running).await;
        running.until("the yes is there", || running.allows(1) == all).await;
        running.says(2, Effect::Grant, None).await;
        running.until("the other yes is there", || running.allows(2) == all).await;
    }
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_person_is_told_when_they_are_unparked_and_others_meanwhile() {
    let running = Running::start().await;
    running.declare(None).await;
    running.until("all are told", || running.system.people() == PEOPLE as usize).await;
    let park = |reason: Option<&str>| {
        let (subject, reason) = (person(1), reason.map(str::to_owned));
        Command::ParkDelivery { subject, recipient: id("mailer"), reason }
    };
    running.done(park(Some("the row is locked"))).await;
    let all = running.allows(0);
    running.says(1, Effect::Denial, None).await;
    running.says(2, Effect::Denial, None).await;
    running.until("the other is told", || running.allows(2) < all).await;
    assert_eq!((running.allows(1), running.stage(1)), (all, Stage::Parked));
    running.later(60_000);
    assert_eq!(running.stage(1), Stage::Overdue, "its deadline goes on");
    running.done(park(None)).await;
    running.until("she is told", || running.allows(1) < all).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_has_a_name_and_an_end_and_an_erasure_does_not_wait_for_it() {
    let running = Running::start().await;
    let except = |until: Timestamp, operator: &str| Command::AcceptException {
        subject: person(1),
        recipient: id("mailer"),
        until,
        reason: "the archive cannot be rewritten".into(),
        operator: operator.into(),
    };
    let at = running.clock.at();
    assert_eq!(running.attempt(except(at, "Kim")).await, Err("ends_in_the_past".into()));
    assert_eq!(running.attempt(except(at.plus_ms(9_000), " ")).await, Err("nothing".into()));
    running.done(except(at.plus_ms(90_000), "Kim")).await;
    assert_eq!(running.stage(1), Stage::Exception);
    running.later(100_000);
    assert_eq!(running.stage(1), Stage::Overdue, "it has ended");
    let erase = Command::Erase { subject: person(1), at_once: false };
    running.done(erase).await;
    assert!(running.ledger.snapshot().subject(person(1)).is_some(), "the mailer holds her still");
    running.done(except(running.clock.at().plus_ms(90_000), "Kim")).await;
    assert!(running.ledger.snapshot().subject(person(1)).is_none(), "nothing is waited for");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_timed_until_it_is_seen_and_tells_of_a_system_that_lies() {
    let running = Running::start().await;
    running.declare(Some("email:canary@example.org")).await;
    let canary = || running.board.standing(&id("mailer")).canary;
    running.until("the canary is seen", || canary().took_ms.is_some()).await;
    assert!(canary().verified_at.is_some() || canary().changed_at.is_some());
    running.system.lies.store(true, Ordering::Relaxed);
    running.until("the canary is lost", || canary().is_lost).await;
    running.system.lies.store(false, Ordering::Relaxed);
    running.until("the canary is seen again", || !canary().is_lost).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_brought_back_from_long_ago_is_told_everything() {
    let running = Running::start().await;
    running.declare(None).await;
    running.until("all are verified", || running.stage(0) == Stage::Verified).await;
    let right = running.system.kept();
    running.system.rows.lock().unwrap().clear();
    running.until("all is as it was", || running.system.kept().len() == right.len()).await;
    assert!(running.system.told_of(person(0)) > 1);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_or_everybody_is_told_again_and_nobody_once_it_is_removed() {
    let running = Running::start().await;
    let recipient = || id("mailer");
    let replay = Command::ReplaySink { recipient: recipient(), after: Position::START };
    assert_eq!(running.attempt(replay.clone()).await, Err("unknown_sink".into()));
    running.declare(None).await;
    running.until("all are told", || running.system.people() == PEOPLE as usize).await;
    running
        .until("all was carried out", || {
            running.board.standing(&recipient()).backfill.is_none()
                && running.stage(0) == Stage::Verified
        })
        .await;
    let before = running.system.told_of(person(7));
    running.done(Command::RepeatDelivery { subject: person(7), recipient: recipient() }).await;
    running.until("she is told again", || running.system.told_of(person(7)) > before).await;
    let before = running.system.told_of(person(8));
    running.done(replay).await;
    running.until("everybody is", || running.system.told_of(person(8)) > before).await;
    let reason = "it is another company's now".to_owned();
    running.done(Command::RemoveSink { recipient: recipient(), reason }).await;
    let is_gone = || running.board.standings().iter().all(|(known, _)| *known != recipient());
    running.until("it is gone", is_gone).await;
    let before = running.system.told_of(person(9));
    running.says(9, Effect::Denial, None).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(running.system.told_of(person(9)), before);
    running.end().await;
}
