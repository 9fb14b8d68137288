//! How fast a backfill is. Run with `--ignored --nocapture`, in release.

use std::time::{Duration, Instant};

use sayso_testkit::servers::{MariaDb, Postgres};

use super::{
    rig::{Hand, Room},
    *,
};
use crate::conformance::people::Person;

/// How many people, unless `SAYSO_PEOPLE` says otherwise.
const PEOPLE: u64 = 50_000;
const BATCH: u64 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn of_a_backfill() {
    measure::<Postgres>(50_000).await;
    measure::<MariaDb>(5_000).await;
    let file = File::new();
    let sink = file.sink(&json!([]));
    report("sqlite", &sink).await;
}

async fn measure<K: Hand>(least: u64) {
    let Some(room) = Room::<K>::new() else { return };
    let settings = json!({ "url": room.url(), "timeout_ms": 60_000, "batch_max": 2_000 });
    let direct = format!("{}://sayso@{}/sayso", K::SCHEME, room.server.address());
    let mut settings = settings;
    settings["url"] = direct.into();
    let sink = super::sink(&settings, Some(&room.server.place().login.password));
    let pace = report(K::SCHEME, &sink).await;
    assert!(pace >= least, "{pace} rows a second");
}

async fn report(name: &str, sink: &Sql) -> u64 {
    let secrets = sayso_ledger::Secrets::generate().unwrap();
    let people = std::env::var("SAYSO_PEOPLE").map_or(PEOPLE, |text| text.parse().unwrap());
    let told = |number| {
        let mut message = Person::new(&secrets, number).told(1, number % 2 == 0);
        // As many as a company of some size declares for a system.
        let ten: Vec<_> = message.permissions.iter().cycle().take(10).cloned().collect();
        message.permissions = ten.into();
        message
    };
    let mut took = Duration::ZERO;
    for begin in (0..people).step_by(BATCH as usize) {
        let batch: Vec<_> = (begin..people.min(begin + BATCH)).map(told).collect();
        let begun = Instant::now();
        apply(sink, &batch).await;
        took += begun.elapsed();
    }
    let rows = people * (10 + 2 + 1);
    let pace = (rows as f64 / took.as_secs_f64()) as u64;
    println!("{name}: {rows} rows of {people} people in {took:.1?}: {pace} rows a second");
    let begun = Instant::now();
    let sums = sink.mirror().unwrap().sums().await.unwrap();
    println!("{name}: read back in {:.1?}, {} ranges", begun.elapsed(), sums.len());
    pace
}
