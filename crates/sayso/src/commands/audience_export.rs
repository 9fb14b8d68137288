//! `sayso audience -o`: into a file, and on with it after an interruption.
//!
//! The answer is kept as it comes in `FILE.partial`, whose last line says where to go on; beside it
//! `FILE.progress` says what was asked. When all of it is there the file is made of it.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sayso_filter::file::{self, Target};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    client::Client,
    commands::{
        audience::{AudienceArgs, Format, Stream, token},
        encode,
    },
    home::write_private,
    output::{Output, field},
    partial::{Partial, beside},
};

/// How many ids are put into the file at a time.
const BATCH_IDS: usize = 16_384;

/// What a file that was begun is of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// What was asked.
    path: String,
    /// Where the ledger stood when each part of it was begun.
    as_of: Vec<String>,
}

pub(crate) async fn export(
    client: &Client,
    args: &AudienceArgs,
    output: &Path,
    out: Output,
) -> Result<()> {
    let format = format_of(args.format, output)?;
    let (partial, noted) = (beside(output, "partial"), beside(output, "progress"));
    let path = args.path("/v1/audience");
    let mut progress = Progress { path: path.clone(), as_of: Vec::new() };
    let (mut file, mut lines, mut after) = (open(&partial, args.resume)?, 0, None);
    if args.resume {
        progress = known(&noted, progress)?;
        (lines, after) = take_up(&mut file)?;
    }
    let from = after.map(|after| format!("{path}&after={}", encode(&after))).unwrap_or(path);
    let mut stream = Stream::open(client, &from).await?;
    progress.as_of.push(stream.as_of.clone());
    write_private(&noted, &serde_json::to_vec(&progress)?)?;
    let count = args.path("/v1/audience/count");
    let people = client.get(&count).await?["people"].as_u64().unwrap_or(0);
    let kept = keep(&mut stream, &mut file, (lines, people)).await;
    let shown = output.display();
    let lines = kept.with_context(|| format!("`{shown}` is not whole; go on with `--resume`"))?;
    // A key that was withdrawn meanwhile ends the stream as if it were at its end.
    client.get(&count).await.with_context(|| format!("`{shown}` may not be whole"))?;
    finish(&partial, output, format)?;
    let _ = (std::fs::remove_file(&partial), std::fs::remove_file(&noted));
    let value = json!({"lines": lines, "as_of": progress.as_of, "output": output});
    out.value(&value, |value| {
        format!("{lines} in `{shown}`\nas of entry {} of the ledger", field(value, "as_of"))
    })
}

fn format_of(given: Option<Format>, output: &Path) -> Result<Format> {
    let end = output.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase);
    match (given, end.as_deref()) {
        (Some(format), _) => Ok(format),
        (None, Some("ndjson" | "jsonl" | "json")) => Ok(Format::Ndjson),
        (None, Some("csv")) => Ok(Format::Csv),
        (None, Some("parquet")) => Ok(Format::Parquet),
        _ => {
            bail!("say how to write `{}`: `--format ndjson`, `csv` or `parquet`", output.display())
        }
    }
}

fn open(partial: &Path, resume: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    let options = options.create(true).read(true).write(true).truncate(!resume).mode(0o600);
    options.open(partial).with_context(|| format!("cannot write `{}`", partial.display()))
}

/// What a file was begun with; nothing of it can be used for another question.
fn known(noted: &Path, asked: Progress) -> Result<Progress> {
    let shown = noted.display();
    let Ok(bytes) = std::fs::read(noted) else { return Ok(asked) };
    let known: Progress = serde_json::from_slice(&bytes).with_context(|| format!("`{shown}`"))?;
    if known.path != asked.path {
        bail!("`{shown}` is of another question; leave out `--resume` to begin anew");
    }
    Ok(known)
}

/// Finds where to go on: how many lines are kept, and the token behind them. The lines of the last
/// token go: somebody with several identifiers has a line for each, and not all may have come.
fn take_up(file: &mut File) -> Result<(u64, Option<String>)> {
    let (mut at, mut kept, mut lines) = (0, (0, 0), 0);
    let (mut before, mut last): (Option<String>, Option<String>) = (None, None);
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let Some(token) = token(&line).filter(|_| line.ends_with(b"\n")) else { break };
        if last.as_ref() != Some(&token) {
            (kept, before) = ((at, lines), last.replace(token));
        }
        (at, lines) = (at + line.len() as u64, lines + 1);
        line.clear();
    }
    let (bytes, lines) = kept;
    file.set_len(bytes)?;
    file.seek(std::io::SeekFrom::End(0))?;
    Ok((lines, before))
}

/// Keeps the answer as it comes, and counts its lines on.
async fn keep(
    stream: &mut Stream,
    file: &mut File,
    (mut lines, people): (u64, u64),
) -> Result<u64> {
    let style = "reading {bar:30} {human_pos}/{human_len}  {per_sec}";
    let bar = ProgressBar::new(people).with_style(ProgressStyle::with_template(style)?);
    // Dropped by an error it is written out as well: what came is not asked for again.
    let mut file = BufWriter::new(file);
    while let Some(line) = stream.line().await? {
        file.write_all(&line)?;
        lines += 1;
        bar.set_position(lines);
    }
    file.flush()?;
    bar.finish_and_clear();
    Ok(lines)
}

/// Makes the file of what was kept.
fn finish(partial: &Path, output: &Path, format: Format) -> Result<()> {
    let shown = output.display();
    let written = Partial::under(output, "new")?;
    let mut lines = BufReader::new(File::open(partial)?);
    let format = match format {
        Format::Ndjson => {
            std::io::copy(&mut lines, &mut written.file())?;
            return written.keep();
        }
        Format::Csv => file::Format::Csv,
        Format::Parquet => file::Format::Parquet,
    };
    let mut target = Target::new(written.file(), format, &file::id_schema())?;
    let mut lines = lines.lines();
    loop {
        let mut ids = Vec::new();
        for line in lines.by_ref().take(BATCH_IDS) {
            ids.push(field(&serde_json::from_str(&line?)?, "id"));
        }
        if ids.is_empty() {
            break;
        }
        target.write(&file::ids(ids)?).with_context(|| format!("cannot write `{shown}`"))?;
    }
    target.finish()?;
    written.keep()
}
