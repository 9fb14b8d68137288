//! Every rule in turn.

use std::pin::Pin;

use super::{
    bench::{Bench, Fault, Verdict},
    cases::{
        backfill, check, crash, credentials, dispatch, mirror, newest, outage, poison, privacy,
    },
    rig::Rig,
};

type Case = for<'a> fn(&'a Bench<'a>) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// What a sink must do. Names are sentences, for they are what a broken rule is reported by.
const CASES: [(&str, Case); 23] = [
    ("an empty delivery ends", |bench| Box::pin(newest::nothing(bench))),
    ("messages about a person count in their order", |bench| Box::pin(newest::in_order(bench))),
    ("a message that comes twice counts once", |bench| Box::pin(newest::redelivery(bench))),
    ("an older message changes nothing", |bench| Box::pin(newest::older_after_newer(bench))),
    ("the later of two through one entry counts", |bench| Box::pin(newest::one_entry_twice(bench))),
    ("everybody is told of one entry", |bench| Box::pin(newest::many_through_one_entry(bench))),
    ("who leaves is gone", |bench| Box::pin(newest::leaving(bench))),
    ("a former name goes and the person stays", |bench| Box::pin(newest::parting(bench))),
    ("a poisonous message is refused alone", |bench| Box::pin(poison::poison(bench))),
    ("only what is the recipient's leaves", |bench| Box::pin(privacy::privacy(bench))),
    ("what is read back is what is held", |bench| Box::pin(mirror::faithful(bench))),
    ("a system that lies is found", |bench| Box::pin(mirror::lying(bench))),
    ("a sound system is found so", |bench| Box::pin(check::sound(bench))),
    ("everybody is told at first", |bench| Box::pin(backfill::backfill(bench))),
    ("a crash at any step loses nothing", |bench| Box::pin(crash::crash(bench))),
    ("ended at any moment it tells the newest", |bench| Box::pin(dispatch::killed(bench))),
    ("who is erased leaves", |bench| Box::pin(dispatch::erased(bench))),
    ("with wrong credentials it tries again", |bench| Box::pin(credentials::stranger(bench))),
    ("credentials may come back", |bench| Box::pin(credentials::revoked(bench))),
    ("what is missing is found and not made", |bench| Box::pin(check::missing(bench))),
    ("a system that is away is waited for", |bench| Box::pin(away(bench))),
    ("a system that does not answer holds nobody up", |bench| Box::pin(outage::slow(bench))),
    ("a long outage ends with the newest", |bench| Box::pin(dispatch::long_outage(bench))),
];

async fn away(bench: &Bench<'_>) -> Verdict {
    check::away(bench).await?;
    outage::down(bench).await?;
    outage::reconnect(bench).await
}

/// A rule that a sink broke.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) case: &'static str,
    pub(super) rule: String,
}

/// Tries every rule on a rig, which takes a minute or so on a real system.
///
/// # Panics
/// A rule is broken; all that are, are named.
pub(crate) async fn run(rig: &dyn Rig) {
    let broken = violations(rig, |_| true).await;
    let said: String =
        broken.iter().map(|Violation { case, rule }| format!("\n  {case}: {rule}")).collect();
    assert!(broken.is_empty(), "broken rules:{said}");
}

/// Tries rules of some names, and says which were broken.
pub(super) async fn violations(rig: &dyn Rig, is_wanted: impl Fn(&str) -> bool) -> Vec<Violation> {
    let bench = Bench::new(rig);
    let mut broken = Vec::new();
    for (case, try_it) in CASES.into_iter().filter(|(case, _)| is_wanted(case)) {
        let begun = std::time::Instant::now();
        match try_it(&bench).await {
            Ok(()) => println!("held      {case} ({:.1} s)", begun.elapsed().as_secs_f64()),
            Err(Fault::LeftOut(cannot)) => println!("left out  {case}: {}", cannot.0),
            Err(Fault::Broken(rule)) => {
                println!("BROKEN    {case}: {rule}");
                broken.push(Violation { case, rule });
            }
        }
    }
    broken
}
