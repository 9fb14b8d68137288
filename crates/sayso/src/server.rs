//! The server: the API, the pages, and a dispatcher for each recipient that is told.

use std::{collections::BTreeMap, future::Future, io::IsTerminal, sync::Arc};

use anyhow::{Context, Result};
use axum::Router;
use sayso_api::App;
use sayso_consent::Id;
use sayso_ledger::{
    Secrets,
    deliver::{Dispatcher, Watcher},
    sink::Sink,
};
use sayso_sinks::webhook::{HmacSecret, SigningKey, Webhook, WebhookConfig};
use sayso_web::Web;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{config, connections, saver};

/// All routes: the API and the pages.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let web = Web {
        ledger: Arc::clone(&app.ledger),
        board: Arc::clone(&app.board),
        door: Arc::clone(&app.door),
        openapi: sayso_api::openapi_json(),
        public_url: app.public_url.clone(),
    };
    sayso_web::router(Arc::new(web)).merge(sayso_api::router(Arc::clone(app)))
}

/// What deliveries to a recipient are signed with.
pub(crate) fn delivery_keys(secrets: &Secrets, recipient: &Id) -> Result<(HmacSecret, SigningKey)> {
    let secret = HmacSecret::from_bytes(secrets.webhook_secret(recipient).as_slice())?;
    Ok((secret, SigningKey::from_seed(secrets.webhook().as_bytes())))
}

/// The sink of a recipient.
pub(crate) fn sink(app: &App, recipient: &Id, config: &config::Sink) -> Result<Arc<dyn Sink>> {
    let config::Sink::Webhook { url, allow_private, timeout_ms } = config;
    let (secret, signing_key) = delivery_keys(app.ledger.secrets(), recipient)?;
    let config = WebhookConfig {
        url: url.clone(),
        secret,
        signing_key,
        allow_private: *allow_private,
        timeout_ms: *timeout_ms,
    };
    Ok(Arc::new(Webhook::new(config).with_context(|| format!("[sinks.{recipient}]"))?))
}

/// Dispatchers, the watcher of whoever has none, and the saver. They run until they are stopped.
pub(crate) struct Dispatchers {
    stop: watch::Sender<bool>,
    running: JoinSet<()>,
}

impl Dispatchers {
    /// Starts a dispatcher for each sink, the watcher, and the saver.
    pub(crate) fn start(
        app: &App,
        sinks: &BTreeMap<Id, config::Sink>,
        store: &config::Store,
    ) -> Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut running = JoinSet::new();
        for (recipient, config) in sinks {
            let sink = sink(app, recipient, config)?;
            let dispatcher = Dispatcher::new(
                Arc::clone(&app.ledger),
                Arc::clone(&app.board),
                recipient.clone(),
                sink,
            );
            running.spawn(dispatcher.run(stopped.clone()));
        }
        let connected = sinks.keys().cloned().collect();
        let watcher = Watcher::new(Arc::clone(&app.ledger), Arc::clone(&app.board), connected);
        running.spawn(watcher.run(stopped.clone()));
        running.spawn(saver::run(Arc::clone(&app.ledger), store.save_every(), stopped));
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
