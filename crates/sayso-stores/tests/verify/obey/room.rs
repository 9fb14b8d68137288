//! A system that is down for long while more people change than are kept in memory.

use sayso_ledger::limits::LANES_MAX;

use super::*;

/// Enough that many find no room, and few enough that all are told in seconds.
const CROWD: u128 = LANES_MAX as u128 + 6_000;
const PATIENCE: Duration = Duration::from_secs(120);

impl Running {
    /// Waits while the ledger's clock stands still.
    async fn in_time(&self, what: &str, is_so: impl Fn() -> bool) {
        let took = tokio::time::timeout(PATIENCE, took(is_so)).await;
        let standing = self.board.standing(&id("mailer"));
        assert!(took.is_ok(), "it never came to be that {what}: {standing:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_no_room_in_memory_is_told_all_the_same() {
    let pace = Pace { batch_max: 500, at_once: 4, per_second: None };
    let running = Running::with(System { pace, ..System::default() }).await;
    running.declare(None).await;
    running.in_time("the first are told", || running.system.people() == PEOPLE as usize).await;
    running.system.is_away.store(true, Ordering::Relaxed);
    running.crowd(CROWD).await;
    let waiting = || running.board.standing(&id("mailer")).waiting;
    running.in_time("there is no room left", || waiting() >= LANES_MAX).await;
    running.says(1, Effect::Denial, None).await;
    let last = CROWD - 1;
    running.says(last, Effect::Denial, None).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(waiting() < CROWD as usize, "{} wait in memory", waiting());
    running.system.is_away.store(false, Ordering::Relaxed);
    running.in_time("all are told", || running.system.people() == CROWD as usize).await;
    let refused =
        || running.allows(1) < running.allows(2) && running.allows(1) == running.allows(last);
    running.in_time("and who withdrew", refused).await;
    running.end().await;
}
