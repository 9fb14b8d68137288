//! Tasks of the project: `cargo xtask test`, `tidy`, `golden`, `bench` and `heavy`.
//!
//! Reading order: `suite` (what a change must pass), `install` (what that needs), `tidy` (the rules
//! that no compiler knows), `heavy`; `run` holds what they share.

mod heavy;
mod install;
mod run;
mod suite;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Tasks of the project")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing and run every check and every test.
    Test(suite::Options),
    /// Check what no compiler checks: arrows, words, dead files, lengths, links.
    Tidy {
        /// Write the generated tables anew.
        #[arg(long)]
        bless: bool,
    },
    /// Run the golden examples.
    Golden {
        /// Write the answers into the files; read the difference before you keep it.
        #[arg(long)]
        bless: bool,
    },
    /// Build and run the benchmarks in release mode; arguments are passed on.
    Bench {
        /// Which, and how; all unless said.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run what takes longer than a change should wait for: crashes, fuzzing, simulation.
    Heavy(heavy::Options),
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Test(options) => suite::run(&options),
        Task::Tidy { bless } => tidy::run(bless),
        Task::Golden { bless } => golden(bless),
        Task::Bench { arguments } => {
            // What the other programs bring takes minutes to build: only if they are asked for.
            let has_peers = arguments.iter().any(|argument| argument == "--peers");
            let features: &[&str] = if has_peers { &["--features", "peers"] } else { &[] };
            let mut command = run::cargo(["run", "--release", "-p", "sayso-bench"]);
            run::check(command.args(features).arg("--").args(arguments))
        }
        Task::Heavy(options) => heavy::run(&options),
    }
}

/// The oracle goes first: with `--bless` its answers are what every other surface is held to.
fn golden(bless: bool) -> Result<()> {
    for arguments in
        [["-p", "sayso-testkit", "--test", "golden"].as_slice(), &["-p", "sayso", "golden"]]
    {
        let mut command = run::cargo(["test"]);
        command.args(arguments);
        if bless {
            command.env("SAYSO_BLESS", "1");
        }
        run::check(&mut command)?;
    }
    Ok(())
}
