//! `sayso audience`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http_body_util::BodyExt;
use hyper::{Method, Response};
use serde_json::Value;

use crate::{
    cli::Global,
    client::{Body, Client, Refused},
    commands::{audience_export::export, encode},
    output::{Output, field, write},
};

/// Everyone whose data may be used: one id a line, or with --json as the API streams them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso audience --recipient mailer --purpose marketing.offers --data contact.email --channel email\n\n  sayso audience … --count                    how many, at once\n  sayso audience … -o offers.parquet          into a file\n  sayso audience … -o offers.parquet --resume goes on where it was interrupted"
)]
pub(crate) struct AudienceArgs {
    /// Who wants to use the data
    #[arg(long)]
    pub(crate) recipient: String,
    /// What for
    #[arg(long)]
    pub(crate) purpose: String,
    /// Which category of data
    #[arg(long)]
    pub(crate) data: String,
    /// How people would be reached
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// Only say how many
    #[arg(long, conflicts_with_all = ["format", "output", "resume"])]
    pub(crate) count: bool,
    /// How to write them; as the file's name ends unless said
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// A file to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Go on with a file that was interrupted
    #[arg(long, requires = "output")]
    pub(crate) resume: bool,
}

/// How people are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A JSON object a line, as the API streams them
    Ndjson,
    /// One column, `id`
    Csv,
    /// One column, `id`
    Parquet,
}

pub(crate) async fn run(global: &Global, args: AudienceArgs, out: Output) -> Result<()> {
    let client = global.client()?;
    if args.count {
        let count = client.get(&args.path("/v1/audience/count")).await?;
        return out.value(&count, |count| field(count, "people"));
    }
    match &args.output {
        Some(output) => export(&client, &args, output, out).await,
        None => print(&client, &args, out).await,
    }
}

impl AudienceArgs {
    /// The address of what is asked.
    pub(crate) fn path(&self, endpoint: &str) -> String {
        let mut path = format!(
            "{endpoint}?recipient={}&purpose={}&data={}",
            encode(&self.recipient),
            encode(&self.purpose),
            encode(&self.data)
        );
        if let Some(channel) = &self.channel {
            path += &format!("&channel={}", encode(channel));
        }
        path
    }
}

async fn print(client: &Client, args: &AudienceArgs, out: Output) -> Result<()> {
    if args.format == Some(Format::Parquet) {
        bail!("Parquet is written into a file; name one with `-o`");
    }
    let mut stream = Stream::open(client, &args.path("/v1/audience")).await?;
    if args.format == Some(Format::Csv) {
        out.line("id")?;
    }
    let is_raw = args.format.map_or(out.json, |format| format == Format::Ndjson);
    while let Some(line) = stream.line().await? {
        if is_raw {
            write(&String::from_utf8_lossy(&line))?;
        } else {
            out.line(field(&serde_json::from_slice(&line)?, "id"))?;
        }
    }
    if args.format.is_some() {
        out.note(format_args!("as of entry {} of the ledger", stream.as_of));
    }
    Ok(())
}

/// The lines of an answer, as they come.
pub(crate) struct Stream {
    /// Where the ledger stood.
    pub(crate) as_of: String,
    body: Body,
    rest: Vec<u8>,
    /// How much of the rest was handed out.
    begun: usize,
}

impl Stream {
    pub(crate) async fn open(client: &Client, path: &str) -> Result<Self> {
        let response: Response<Body> = client.open(Method::GET, path, &[], Bytes::new()).await?;
        let status = response.status();
        let as_of = response.headers().get("sayso-as-of").and_then(|value| value.to_str().ok());
        let as_of = as_of.unwrap_or_default().to_owned();
        let body = response.into_body();
        if !status.is_success() {
            let bytes = body.collect().await?.to_bytes();
            bail!(Refused { status, problem: serde_json::from_slice(&bytes).unwrap_or_default() });
        }
        Ok(Self { as_of, body, rest: Vec::new(), begun: 0 })
    }

    /// The next line, with its end; none at the end of the stream.
    pub(crate) async fn line(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let rest = &self.rest[self.begun..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = rest[..=end].to_vec();
                self.begun += line.len();
                return Ok(Some(line));
            }
            self.rest.drain(..self.begun);
            self.begun = 0;
            let Some(frame) = self.body.frame().await else {
                if self.rest.is_empty() {
                    return Ok(None);
                }
                bail!("the answer ended in the middle of a line");
            };
            let frame = frame.context("the answer was interrupted")?;
            self.rest.extend_from_slice(&frame.into_data().unwrap_or_default());
        }
    }
}

/// The token that a line is gone on behind with. What is in it is the server's business.
pub(crate) fn token(line: &[u8]) -> Option<String> {
    let line: Value = serde_json::from_slice(line).ok()?;
    Some(line.get("resume")?.as_str()?.to_owned())
}
