//! `sayso audience`.

use anyhow::{Result, bail};
use bytes::Bytes;
use clap::Args;
use http_body_util::BodyExt;
use hyper::Method;

use crate::{
    cli::Global,
    client::Refused,
    commands::encode,
    output::{Output, field, write},
};

/// Everyone whose data may be used: one id a line, or with --json as the API streams them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sayso audience --recipient mailer --purpose marketing.offers --data contact.email --channel email"
)]
pub(crate) struct AudienceArgs {
    /// Who wants to use the data
    #[arg(long)]
    recipient: String,
    /// What for
    #[arg(long)]
    purpose: String,
    /// Which category of data
    #[arg(long)]
    data: String,
    /// How people would be reached
    #[arg(long)]
    channel: Option<String>,
    /// Only say how many
    #[arg(long)]
    count: bool,
}

pub(crate) async fn run(global: &Global, args: AudienceArgs, out: Output) -> Result<()> {
    let mut path = format!(
        "/v1/audience?recipient={}&purpose={}&data={}",
        encode(&args.recipient),
        encode(&args.purpose),
        encode(&args.data)
    );
    if let Some(channel) = &args.channel {
        path += &format!("&channel={}", encode(channel));
    }
    let client = global.client()?;
    let response = client.open(Method::GET, &path, &[], Bytes::new()).await?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        let bytes = body.collect().await?.to_bytes();
        bail!(Refused { status, problem: serde_json::from_slice(&bytes).unwrap_or_default() });
    }
    let (mut rest, mut count) = (Vec::new(), 0_u64);
    while let Some(frame) = body.frame().await {
        rest.extend_from_slice(&frame?.into_data().unwrap_or_default());
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            count += 1;
            if !args.count {
                print(&line, out)?;
            }
        }
    }
    if args.count { out.line(count) } else { Ok(()) }
}

fn print(line: &[u8], out: Output) -> Result<()> {
    if out.json {
        return write(&String::from_utf8_lossy(line));
    }
    out.line(field(&serde_json::from_slice(line)?, "id"))
}
