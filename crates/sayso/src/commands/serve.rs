//! `sayso serve`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use clap::Args;
use tokio::net::TcpListener;

use crate::{
    cli::Global,
    config::{Config, MANUAL},
    home::Home,
    output::write,
    server::{self, Behind},
};

/// Runs the server until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration; `--print-config` shows one with every setting explained
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, as in 127.0.0.1:8080
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Print the default configuration, which is the manual
    #[arg(long)]
    print_config: bool,
}

pub(crate) async fn run(global: &Global, args: ServeArgs) -> Result<()> {
    if args.print_config {
        return write(MANUAL);
    }
    let mut config = Config::read(args.config.as_deref())?;
    config.server.listen = args.listen.unwrap_or(config.server.listen);
    server::log(&config.log.filter, config.log.format);
    let dir = global.dir.clone().or(config.store.dir.clone());
    let home = Home::new(dir, config.store.journal.clone())?;
    let listener = listen(config.server.listen).await?;
    config.server.listen = listener.local_addr()?;
    let opened = home.open(global.clock(), config.public_url())?;
    let shown = home.dir().display();
    let opened =
        opened.with_context(|| format!("another process holds the ledger in `{shown}`"))?;
    home.note_running(&format!("http://{}", config.server.listen))?;
    let behind = Behind::start(&opened.app, &config)?;
    let people = opened.app.ledger.snapshot().count();
    tracing::info!(listen = %config.server.listen, head = %opened.app.ledger.snapshot().head(), people, "serving");
    server::serve(listener, Arc::clone(&opened.app), server::asked_to_end()).await?;
    behind.stop().await;
    home.note_stopped();
    tracing::info!("stopped");
    Ok(())
}

/// Listens, with a clear word if somebody else does.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}; is it taken? choose another with `--listen` or `--port`"
        )
    })
}
