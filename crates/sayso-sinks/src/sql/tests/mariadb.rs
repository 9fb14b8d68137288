use sayso_testkit::servers::MariaDb;

use super::rig::Room;
use crate::conformance;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_keeps_every_rule() {
    let Some(room) = Room::<MariaDb>::new() else { return };
    conformance::run::run(&room).await;
}
