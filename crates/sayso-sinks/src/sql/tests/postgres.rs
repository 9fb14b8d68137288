use sayso_testkit::servers::Postgres;

use super::rig::Room;
use crate::conformance;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_every_rule() {
    let Some(room) = Room::<Postgres>::new() else { return };
    conformance::run::run(&room).await;
}
