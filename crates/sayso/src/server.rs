//! The server: the API, the pages, and whatever goes on behind them.

use std::{future::Future, io::IsTerminal, sync::Arc};

use anyhow::Result;
use axum::Router;
use sayso_api::App;
use sayso_ledger::deliver::{Deliveries, Watcher};
use sayso_web::Web;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{alerts::Alerts, config, connections, saver};

/// All routes: the API and the pages.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let web = Web {
        ledger: Arc::clone(&app.ledger),
        board: Arc::clone(&app.board),
        drivers: app.drivers.clone(),
        door: Arc::clone(&app.door),
        openapi: sayso_api::openapi_json(),
        public_url: app.public_url.clone(),
    };
    sayso_web::router(Arc::new(web)).merge(sayso_api::router(Arc::clone(app)))
}

/// What goes on behind requests, until it is stopped: all sinks, the watcher of whoever has none,
/// alerts, and the saver.
pub(crate) struct Behind {
    stop: watch::Sender<bool>,
    running: JoinSet<()>,
}

impl Behind {
    /// Starts all of it.
    ///
    /// # Errors
    /// Alerts cannot be sent to where they should.
    pub(crate) fn start(app: &App, config: &config::Config) -> Result<Self> {
        let alerts = Alerts::new(app, &config.alert)?;
        let (stop, stopped) = watch::channel(false);
        let mut running = JoinSet::new();
        let (ledger, board) = (|| Arc::clone(&app.ledger), || Arc::clone(&app.board));
        let deliveries = Deliveries::new(ledger(), board(), Arc::clone(&app.drivers.open));
        running.spawn(deliveries.run(stopped.clone()));
        running.spawn(Watcher::new(ledger(), board()).run(stopped.clone()));
        alerts.map(|alerts| running.spawn(alerts.run(stopped.clone())));
        running.spawn(saver::run(ledger(), config.store.save_every(), stopped));
        Ok(Self { stop, running })
    }

    /// Stops them and waits.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.running.join_next().await.is_some() {}
    }
}

/// Serves until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    connections::serve(listener, router(&app), shutdown).await;
    Ok(())
}

/// Completes when the program is asked to end: Ctrl-C, or SIGTERM.
pub(crate) async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// Sets up logging to standard error.
pub(crate) fn log(filter: &str, format: config::LogFormat) {
    use tracing_subscriber::{EnvFilter, fmt};
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let _ = match format {
        config::LogFormat::Json => builder.json().try_init(),
        config::LogFormat::Text => builder.try_init(),
    };
}
