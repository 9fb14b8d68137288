//! `sayso replica`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use sayso_api::Replica;

use crate::{
    cli::Global, client::Client, commands::serve::listen, config::Config, connections,
    follower::Follower, server,
};

/// The shortest and the longest lease.
const LEASE_MIN: Duration = Duration::from_millis(200);
const LEASE_MAX: Duration = Duration::from_secs(3_600);
/// How often a lease is renewed within its length, and the longest time between two renewals, in
/// milliseconds.
const RENEWALS: u64 = 5;
const RENEWAL_MS_MAX: u64 = 1_000;

/// Answers decisions beside a system, from memory, following a server until Ctrl-C.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sayso key create --role follow --label 'replica beside the mailer'\n  sayso replica --server https://sayso.example --key-file follow.key --listen 127.0.0.1:8081"
)]
pub(crate) struct ReplicaArgs {
    /// The server that is followed
    #[arg(long, value_name = "URL")]
    server: String,
    /// A file that holds a key with the role `follow`, and nothing else
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// How long what needs consent is answered without a word from the server, as in 5s or 500ms
    #[arg(long, default_value = "5s", value_parser = lease)]
    lease: Duration,
    /// Where it is reached, if not where it listens
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

pub(crate) async fn run(global: &Global, args: ReplicaArgs) -> Result<()> {
    let config = Config::default();
    server::log(&config.log.filter, config.log.format);
    let shown = args.key_file.display();
    let key = std::fs::read_to_string(&args.key_file);
    let key = key.with_context(|| format!("cannot read `{shown}`"))?;
    let client = Arc::new(Client::remote(&args.server, key.trim())?);
    let listener = listen(args.listen).await?;
    let address = listener.local_addr()?;
    let public_url = args.public_url.unwrap_or_else(|| format!("http://{address}"));
    let public_url = public_url.trim_end_matches('/').to_owned();
    let lease_ms = u64::try_from(args.lease.as_millis())?;
    let bound_ms = i64::try_from(lease_ms)?;
    let replica = Arc::new(Replica::new(global.clock(), public_url, bound_ms));
    let wait_ms = (lease_ms / RENEWALS).min(RENEWAL_MS_MAX);
    let asker = sayso_api::digest(key.trim());
    let follower =
        Follower { replica: Arc::clone(&replica), client: Arc::clone(&client), asker, wait_ms };
    let following = tokio::spawn(follower.run());
    tracing::info!(listen = %address, server = args.server, lease_ms, "answering as a replica");
    connections::serve(listener, replica.router(client), server::asked_to_end()).await;
    following.abort();
    tracing::info!("stopped");
    Ok(())
}

/// A number of seconds or milliseconds.
fn lease(text: &str) -> Result<Duration, String> {
    let malformed = || "a lease is written as in 5s or 500ms".to_owned();
    let number = |digits: &str| digits.parse().map_err(|_| malformed());
    let lease = match text.strip_suffix("ms") {
        Some(digits) => Duration::from_millis(number(digits)?),
        None => Duration::from_secs(number(text.strip_suffix('s').unwrap_or(text))?),
    };
    if (LEASE_MIN..=LEASE_MAX).contains(&lease) {
        Ok(lease)
    } else {
        Err("a lease is from 200ms to 3600s".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_a_number_of_seconds_or_milliseconds_within_bounds() {
        let good = [("5s", 5_000), ("5", 5_000), ("200ms", 200), ("3600s", 3_600_000)];
        for (text, ms) in good {
            assert_eq!(lease(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "ms", "-1s", "0", "199ms", "3601s", "5 s", "5m"] {
            assert!(lease(text).is_err(), "{text}");
        }
    }
}
