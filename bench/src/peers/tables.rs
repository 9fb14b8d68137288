//! Data tools that join two tables in memory: Polars and DuckDB from their Python wheels, in one
//! process that is spoken to over its input and output and lives as long as the measurement.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use parquet::arrow::ArrowWriter;
use serde::Deserialize;

use crate::{
    peers::process::{PATIENCE, PAUSE},
    root,
};

/// A tool that the script knows.
pub(crate) struct Tool {
    /// What people call it.
    pub(crate) name: &'static str,
    /// What the script calls it.
    asked: &'static str,
}

/// All of them.
pub(crate) const TOOLS: [Tool; 2] =
    [Tool { name: "Polars", asked: "polars" }, Tool { name: "DuckDB", asked: "duckdb" }];

/// Everybody's ids, and those who said yes, as the tools hold them. Their process ends when this is
/// dropped.
pub(crate) struct Tables {
    child: Child,
    /// Without it the script has nothing more to wait for.
    questions: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

/// Whoever was found: how many, and how long it took.
#[derive(Deserialize)]
pub(crate) struct Found {
    pub(crate) people: u64,
    pub(crate) seconds: f64,
}

impl Tables {
    /// Gives both tables to the tools. They are read before this returns.
    pub(crate) fn new(everybody: Vec<u64>, allowed: Vec<u64>, dir: &Path) -> Result<Self> {
        let python = installed()?;
        let folder = crate::world::folder(dir)?;
        let paths = ["everybody.parquet", "allowed.parquet"].map(|name| folder.path().join(name));
        for (path, ids) in paths.iter().zip([everybody, allowed]) {
            write(path, ids)?;
        }
        let mut command = Command::new(python);
        command.arg(root().join("tools/peers.py")).args(paths);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("Python cannot be started")?;
        let questions = child.stdin.take();
        let answers = child.stdout.take().context("no output")?;
        let mut tables = Self { child, questions, answers: BufReader::new(answers).lines() };
        // It says its versions once it has read everything; only then the folder may go.
        tables.line()?;
        Ok(tables)
    }

    /// Has a tool join its tables.
    pub(crate) fn join(&mut self, tool: &Tool) -> Result<Found> {
        let questions = self.questions.as_mut().context("it was told to end")?;
        writeln!(questions, "{}", tool.asked)?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String> {
        Ok(self.answers.next().context("the tools' process has ended")??)
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        let begun = Instant::now();
        self.questions = None;
        while !self.has_ended() && begun.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
        }
        if !self.has_ended() {
            // If even that fails there is nothing left to try.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn write(path: &Path, ids: Vec<u64>) -> Result<()> {
    let ids: ArrayRef = Arc::new(UInt64Array::from(ids));
    let batch = RecordBatch::try_from_iter([("id", ids)])?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

/// The Python that has the tools; they are installed if they are not yet.
fn installed() -> Result<PathBuf> {
    let folder = root().join("target/peers");
    let python = folder.join("bin/python3");
    let wanted = root().join("tools/peers.txt");
    let text = fs::read_to_string(&wanted)?;
    // Written last: an installation that broke off is begun again.
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    run(pip.arg(&wanted))?;
    fs::write(stamp, text)?;
    Ok(python)
}

/// What it prints would stand among the figures.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("`{name}` cannot be started"))?;
    ensure!(status.success(), "`{name}` failed: {status}");
    Ok(())
}
