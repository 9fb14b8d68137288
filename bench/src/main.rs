//! What Sayso costs, beside what the same machine could do at best.
//!
//! Machines differ, and a shared one differs from minute to minute. So nothing here is a promise
//! in seconds: whatever is measured runs in turn with a peer or a floor, and what counts is the
//! ratio of the two within a round. Nothing fails for being slow.
//!
//! It measures the crates as the program wires them, through their public doors. It refuses to
//! reach around them: a figure that nobody else can have is worth nothing.
//!
//! Reading order: [`rounds`] (how anything is measured), [`world`] and [`load`] (on what and by
//! whom), one file per measurement, [`peers`], [`report`] and [`chart`].

mod answer;
mod audience;
mod batch;
mod chart;
mod crowd;
mod decide;
mod eight;
mod filter;
mod http;
mod import;
mod load;
mod peers;
mod propagate;
mod replica;
mod report;
mod rounds;
mod serve;
mod start;
mod steady;
mod world;
mod write;

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

use report::Section;

/// Measure what Sayso costs, each time beside a peer or a floor in the same run.
#[derive(Parser)]
#[command(name = "sayso-bench")]
struct Cli {
    /// What to measure
    #[arg(default_value = "all")]
    what: What,
    /// A few seconds each: whether it works, not how fast it is
    #[arg(long)]
    quick: bool,
    /// How many people decisions are made among [default: 1, 10 and 100 million]
    #[arg(long)]
    people: Option<u64>,
    /// Measure other programs beside it: Cedar, Rego, Casbin, Polars, DuckDB, Redis, PostgreSQL
    #[arg(long)]
    peers: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Put the figures into docs/performance.md, and draw them
    #[arg(long)]
    write: bool,
    /// Where ledgers are made; their disk is measured with them [default: the target folder]
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Decisions among up to a hundred million people
    Decide,
    /// Whole answers in the process
    Answer,
    /// A decision beside much that was said before, and while more is said
    Steady,
    /// From nothing to the first decision
    Start,
    /// Whose data may be used, among as many
    Audience,
    /// Files of many million rows
    Filter,
    /// A decision over HTTP
    Http,
    /// A thousand decisions in one request
    Batch,
    /// Durable choices
    Write,
    /// From a withdrawal to the last system that applied it
    Propagate,
    /// Bringing people over
    Import,
    /// All of them
    All,
}

/// How long to measure, and where.
struct Settings {
    is_quick: bool,
    has_peers: bool,
    dir: PathBuf,
    people: Option<u64>,
}

impl Settings {
    /// How often everything runs in turn.
    fn rounds(&self) -> usize {
        if self.is_quick { 3 } else { 9 }
    }

    /// How long each runs in a round.
    fn turn(&self) -> Duration {
        Duration::from_millis(if self.is_quick { 200 } else { 1_000 })
    }

    /// Among how many people decisions are made: some fit into a cache, most do not.
    fn crowds(&self) -> Vec<u64> {
        let crowds = self.either(vec![1_000_000], vec![1_000_000, 10_000_000, 100_000_000]);
        self.people.map_or(crowds, |people| vec![people])
    }

    /// One number for a quick run, another for a real one.
    fn either<T>(&self, quick: T, full: T) -> T {
        if self.is_quick { quick } else { full }
    }
}

type Measure = fn(&Settings) -> Result<Section>;

const ALL: [(What, Measure); 11] = [
    (What::Decide, decide::measure),
    (What::Answer, answer::measure),
    (What::Steady, steady::measure),
    (What::Start, start::measure),
    (What::Audience, audience::measure),
    (What::Filter, filter::measure),
    (What::Http, http::measure),
    (What::Batch, batch::measure),
    (What::Write, write::measure),
    (What::Propagate, propagate::measure),
    (What::Import, import::measure),
];

fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    ensure!(
        !cli.peers || cfg!(feature = "peers"),
        "it was built without the other programs; run `cargo xtask bench --peers`"
    );
    let dir = cli.dir.unwrap_or_else(|| root().join("target"));
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make `{}`", dir.display()))?;
    let settings = Settings { is_quick: cli.quick, has_peers: cli.peers, dir, people: cli.people };
    let mut sections = Vec::new();
    for (what, measure) in ALL {
        if cli.what == What::All || cli.what == what {
            let section = measure(&settings)?;
            if !cli.json {
                say(&section.text())?;
            }
            sections.push(section);
        }
    }
    if cli.json {
        say(&serde_json::to_string_pretty(&sections)?)?;
    }
    if cli.write {
        report::write(&root().join("docs/performance.md"), &sections)?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
