//! How fast everybody is told and held against what a system says of itself, here one whose own part
//! takes no time. Run with `of_reading -- --ignored --nocapture`.

use super::*;

/// How many people, unless `SAYSO_PEOPLE` says otherwise.
const CROWD: u128 = 100_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn of_reading_everybody_back() {
    let people = std::env::var("SAYSO_PEOPLE").map_or(CROWD, |text| text.parse().unwrap());
    let pace = Pace { batch_max: 500, at_once: 4, per_second: None };
    let running = Running::with(System { pace, ..System::default() }).await;
    running.crowd(people).await;
    running.declare(None).await;
    let told = took(|| running.system.people() == people as usize).await;
    println!("{people} people were told and said to have applied it in {told:.1?}");
    let standing = || running.board.standing(&id("mailer"));
    took(|| standing().unapplied == 0 && standing().waiting == 0).await;
    // It rests twenty times as long as a reading takes: this one may be a while to come.
    running.later(1_000);
    let since = running.clock.at();
    took(|| standing().reading.at.is_some_and(|at| at >= since)).await;
    let reading = standing().reading;
    assert_eq!((reading.drifted, reading.failure), (0, None));
    println!("all of them were held against it in {} ms", reading.took_ms);
    running.end().await;
}
