//! How long a system may take by the kind of change, how fast it may be told, and who cannot be told
//! because nobody knows their name there.

use sayso_consent::catalog::{Deadlines, Nameless, Recipient};
use sayso_ledger::deliver::Watcher;

use super::*;

/// The mailer as it is declared from now on.
async fn redeclare(running: &Running, change: impl FnOnce(&mut Recipient)) {
    let mut catalog = catalog();
    change(catalog.recipients.get_mut(&id("mailer")).unwrap());
    running.done(Command::ApplyCatalog { catalog: Box::new(catalog) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_change_has_a_deadline_of_its_own() {
    let running = Running::start().await;
    let span = |text: &str| Some(text.parse().unwrap());
    let (denial, grant, erasure) = (span("5 seconds"), span("60 seconds"), span("30 seconds"));
    redeclare(&running, |mailer| {
        mailer.effect_deadlines = Deadlines { denial, grant, erasure };
    })
    .await;
    running.says(2, Effect::Denial, None).await;
    running.declare(None).await;
    let is_told = |number| running.stage(number) == Stage::Verified;
    running.until("all are verified", || (0..PEOPLE).all(is_told)).await;
    let reason = "nobody is told any more".to_owned();
    running.done(Command::RemoveSink { recipient: id("mailer"), reason }).await;
    let is_gone = || running.board.standings().iter().all(|(known, _)| *known != id("mailer"));
    running.until("it is gone", is_gone).await;

    running.says(1, Effect::Denial, None).await;
    running.says(2, Effect::Grant, None).await;
    running.done(Command::Erase { subject: person(3), at_once: false }).await;
    let late = || [1, 2, 3].map(|number| running.stage(number) == Stage::Overdue);
    assert_eq!(late(), [false, false, false]);
    running.later(5_000);
    assert_eq!(late(), [true, false, false], "a no has 5 seconds");
    running.later(25_000);
    assert_eq!(late(), [true, false, true], "an erasure has 30 seconds");
    running.later(30_000);
    assert_eq!(late(), [true, true, true], "a yes has 60 seconds");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_system_may_know_by_an_unknown_name_is_counted_until_the_name_is_known() {
    let running = Running::start().await;
    redeclare(&running, |mailer| mailer.without_identifier = Nameless::Unresolved).await;
    running.declare(None).await;
    let (ledger, board) = (Arc::clone(&running.ledger), Arc::clone(&running.board));
    tokio::spawn(Watcher::new(ledger, board).run(running.stop.subscribe()));
    let named = |namespace: &str, value: &str| {
        let namespace = id(namespace);
        let (value, lookup) = running.ledger.identify(&namespace, value).unwrap();
        Identifier { namespace, value, lookup }
    };
    let nameless = Command::CreateSubject {
        subject: person(99),
        identifiers: vec![named("crm", "C-99")],
        is_active: true,
        minor_until: None,
        choices: Vec::new(),
    };
    running.done(nameless).await;
    running.says(99, Effect::Grant, None).await;
    assert_eq!(running.stage(99), Stage::Unresolved);
    let count = || running.board.standing(&id("mailer")).unresolved;
    running.until("one is counted", || count() == 1).await;
    let identifier = named("email", "p99@example.org");
    running.done(Command::AddIdentifier { subject: person(99), identifier }).await;
    running.until("nobody is counted", || count() == 0).await;
    running.until("it is told by itself", || running.stage(99) == Stage::Verified).await;
    assert_eq!(running.allows(99), running.allows(1));
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_told_no_faster_than_it_wants() {
    const PER_SECOND: u32 = 4;
    let pace = Pace { batch_max: 5, at_once: 2, per_second: Some(PER_SECOND) };
    let running = Running::with(System { pace, ..System::default() }).await;
    let begun = Instant::now();
    running.declare(None).await;
    let told = || {
        // Looked at in this order: what is told later is allowed later.
        let told = running.system.told.lock().unwrap().len() as f64;
        let allowed = f64::from(PER_SECOND) * (1.0 + begun.elapsed().as_secs_f64());
        assert!(told <= allowed, "{told} were told when {allowed} might be");
        running.system.people()
    };
    running.until("all are told", || told() == PEOPLE as usize).await;
    running.end().await;
}
