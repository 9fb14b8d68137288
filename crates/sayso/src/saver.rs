//! Saves the snapshot now and then, so that the next start need not follow the whole ledger.

use std::{sync::Arc, time::Duration};

use sayso_ledger::Ledger;
use tokio::sync::watch;

/// Saves whenever there is reason to, until it is stopped. A save that is under way then goes on,
/// and what it leaves half done is removed by the next.
pub(crate) async fn run(ledger: Arc<Ledger>, every: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(every) => {}
        }
        if ledger.is_save_due() {
            save(Arc::clone(&ledger)).await;
        }
    }
}

async fn save(ledger: Arc<Ledger>) {
    let begun = std::time::Instant::now();
    let saved = tokio::task::spawn_blocking(move || ledger.save()).await;
    let seconds = begun.elapsed().as_secs_f64();
    match saved.map_err(std::io::Error::other).flatten() {
        Ok(position) => tracing::info!(%position, seconds, "saved the snapshot"),
        // Nothing rests on it but how long the next start takes.
        Err(error) => tracing::warn!(%error, "the snapshot cannot be saved"),
    }
}
