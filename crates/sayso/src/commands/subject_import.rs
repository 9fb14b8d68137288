//! `sayso subject import`: a file of any size, cut into requests.
//!
//! Each request carries an idempotency key made from its place and its bytes. Run again after a
//! crash, the requests that were taken before answer from memory and record nothing twice, so
//! there is no progress to keep.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    client::Client,
    output::{Output, field},
};

/// Lines in one request.
const LINES: usize = 1_000;

/// Lines of a file, and where each stood in it.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    lines: Vec<u64>,
    /// How far into the file it reaches, in bytes.
    through: u64,
}

/// What was counted.
#[derive(Default)]
struct Total {
    recorded: u64,
    known: u64,
    refused: u64,
    /// The newest entry.
    position: Option<String>,
}

pub(crate) async fn run(
    client: &Client,
    file: &Path,
    report: Option<PathBuf>,
    dry_run: bool,
    out: Output,
) -> Result<ExitCode> {
    let shown = file.display();
    let source = File::open(file).with_context(|| format!("cannot read `{shown}`"))?;
    let bar = ProgressBar::new(source.metadata()?.len()).with_style(ProgressStyle::with_template(
        "importing {bar:30} {percent}%  {bytes_per_sec}  {msg}",
    )?);
    let is_csv = file.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
    let media_type = if is_csv { "text/csv" } else { "application/x-ndjson" };
    let report = report.unwrap_or_else(|| PathBuf::from(format!("{shown}.refused.csv")));
    let mut refused = Report::new(report);
    let mut total = Total::default();
    let batches: Box<dyn Iterator<Item = Result<Batch>>> =
        if is_csv { Box::new(Csv::new(source)?) } else { Box::new(Lines::new(source)) };
    for batch in batches {
        let batch = batch.with_context(|| format!("`{shown}`"))?;
        bar.set_position(batch.through);
        if dry_run {
            total.recorded += batch.lines.len() as u64;
            continue;
        }
        send(client, media_type, &batch, &mut total, &mut refused).await?;
        bar.set_message(format!("{} recorded", total.recorded));
    }
    bar.finish_and_clear();
    refused.finish()?;
    let Total { recorded, known, refused: bad, position } = total;
    let written = refused.written();
    let value = json!({"recorded": recorded, "known": known, "refused": bad, "position": position, "report": written, "dry_run": dry_run});
    out.value(&value, |_| match (dry_run, &written) {
        (true, _) => format!("{recorded} lines would be sent"),
        (false, None) => format!("{recorded} recorded, {known} known already"),
        (false, Some(path)) => {
            format!(
                "{recorded} recorded, {known} known already, {bad} refused: see `{}`",
                path.display()
            )
        }
    })?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn send(
    client: &Client,
    media_type: &str,
    batch: &Batch,
    total: &mut Total,
    refused: &mut Report,
) -> Result<()> {
    let digest = hex::encode(&Sha256::digest(&batch.body)[..16]);
    let key = format!("import-{}-{digest}", batch.lines.first().unwrap_or(&0));
    let headers = [("content-type", media_type), ("idempotency-key", key.as_str())];
    let answer =
        client.send(Method::POST, "/v1/imports", &headers, batch.body.clone().into()).await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let count = |name: &str| answer[name].as_u64().unwrap_or(0);
    total.recorded += count("recorded");
    total.known += count("known");
    total.position = answer["position"].as_str().map(str::to_owned).or(total.position.take());
    for line in answer["refused"].as_array().into_iter().flatten() {
        total.refused += 1;
        let place = line["line"].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap_or(1);
        // The first line of a CSV request is its head.
        let index = place.saturating_sub(if media_type == "text/csv" { 2 } else { 1 });
        let place = batch.lines.get(index).copied().unwrap_or(0);
        refused.line(place, &field(line, "code"), &field(line, "message"))?;
    }
    Ok(())
}

/// NDJSON, line by line.
struct Lines {
    source: BufReader<File>,
    number: u64,
    read: u64,
}

impl Lines {
    fn new(source: File) -> Self {
        Self { source: BufReader::new(source), number: 0, read: 0 }
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = Batch::default();
        let mut line = Vec::new();
        while batch.lines.len() < LINES {
            line.clear();
            let bytes = self.source.read_until(b'\n', &mut line)?;
            if bytes == 0 {
                break;
            }
            self.number += 1;
            self.read += bytes as u64;
            if !line.trim_ascii().is_empty() {
                batch.body.extend_from_slice(line.trim_ascii_end());
                batch.body.push(b'\n');
                batch.lines.push(self.number);
            }
        }
        batch.through = self.read;
        Ok((!batch.lines.is_empty()).then_some(batch))
    }
}

impl Iterator for Lines {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// CSV, record by record; each request repeats the head.
struct Csv {
    source: csv::Reader<File>,
    head: csv::ByteRecord,
}

impl Csv {
    fn new(source: File) -> Result<Self> {
        let mut source = csv::ReaderBuilder::new().flexible(true).from_reader(source);
        let head = source.byte_headers().context("the first line must name the columns")?.clone();
        Ok(Self { source, head })
    }

    fn batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = Batch::default();
        let mut body = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        body.write_byte_record(&self.head)?;
        let mut record = csv::ByteRecord::new();
        while batch.lines.len() < LINES && self.source.read_byte_record(&mut record)? {
            batch.lines.push(record.position().map_or(0, csv::Position::line));
            // A line break within a field would put the lines after it out of step.
            let flat: csv::ByteRecord = record
                .iter()
                .map(|field| {
                    field
                        .iter()
                        .map(|b| if *b == b'\n' || *b == b'\r' { b' ' } else { *b })
                        .collect::<Vec<u8>>()
                })
                .collect();
            body.write_byte_record(&flat)?;
        }
        batch.through = self.source.position().byte();
        batch.body = body.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok((!batch.lines.is_empty()).then_some(batch))
    }
}

impl Iterator for Csv {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

/// The refused lines, in a file that is made when there is one.
struct Report {
    path: PathBuf,
    file: Option<csv::Writer<File>>,
}

impl Report {
    fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn line(&mut self, line: u64, code: &str, message: &str) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = csv::Writer::from_path(&self.path)
                    .with_context(|| format!("cannot write `{}`", self.path.display()))?;
                file.write_record(["line", "code", "reason"])?;
                self.file.insert(file)
            }
        };
        Ok(file.write_record([&line.to_string(), code, message])?)
    }

    fn finish(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| Ok(file.flush()?))
    }

    fn written(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|_| self.path.clone())
    }
}
