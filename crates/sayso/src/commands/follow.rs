//! `sayso follow`.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::BodyExt;
use hyper::Method;

use crate::{cli::Global, client::Refused, output::write};

/// Prints entries as JSON, one a line, and goes on as new ones are recorded. Identifiers are blank.
#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    /// Only those behind this position
    #[arg(long)]
    after: Option<sayso_consent::Position>,
    /// Stop at the head
    #[arg(long)]
    until_head: bool,
}

pub(crate) async fn run(global: &Global, args: FollowArgs) -> Result<()> {
    let after = args.after.unwrap_or_default();
    let path = format!("/v1/log/entries?after={after}&follow={}", !args.until_head);
    let response = global.client()?.open(Method::GET, &path, &[], Bytes::new()).await?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let bytes = body.collect().await?.to_bytes();
        bail!(Refused { status, problem: serde_json::from_slice(&bytes).unwrap_or_default() });
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the server ended; go on with `--after` the last position")?;
        let bytes = frame.into_data().unwrap_or_default();
        // The server sends an empty line now and then to show that it is there.
        if bytes.as_ref() != b"\n" {
            write(&String::from_utf8_lossy(&bytes))?;
        }
    }
    Ok(())
}
