//! `cargo xtask test`: everything that a change must pass, from a fresh machine.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{install, run, tidy};

/// How to test.
#[derive(Args)]
pub(crate) struct Options {
    /// Run this step alone.
    #[arg(long, value_name = "STEP")]
    only: Option<Step>,
    /// Install cargo-deny as well, which takes minutes, and ask it about known vulnerabilities.
    #[arg(long)]
    full: bool,
}

/// One thing to pass.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Install what is missing.
    Tools,
    /// The format of the code.
    Fmt,
    /// The lints.
    Clippy,
    /// The rules that no compiler knows.
    Tidy,
    /// Licences and origins of what is built upon.
    Deny,
    /// Every test of the workspace.
    Test,
}

/// What became of a step.
enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
}

/// How many tests passed and failed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Runs the steps in order. One that fails does not keep the next from being tried, so that one
/// run shows everything there is to mend; only without tools there is nothing to try.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut tally = Tally::default();
    let mut finished = Vec::new();
    let wanted = |step: &&Step| options.only.is_none_or(|only| only == **step);
    for step in Step::value_variants().iter().filter(wanted) {
        run::say(format_args!("\n── {}", step.name()));
        let began = Instant::now();
        let outcome = step.perform(options.full, &mut tally);
        let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let stops = *step == Step::Tools && matches!(outcome, Outcome::Failed(_));
        finished.push((*step, outcome, began.elapsed()));
        if stops {
            break;
        }
    }
    report(options, &finished, &tally)
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn perform(self, full: bool, tally: &mut Tally) -> Result<Outcome> {
        match self {
            Self::Tools => install::all()?,
            Self::Fmt => run::check(&mut run::cargo(["fmt", "--all", "--check"]))?,
            Self::Clippy => {
                let scope = run::cargo(["clippy", "--workspace", "--all-targets", "-j2"]);
                run::check({ scope }.args(["--", "-D", "warnings"]))?;
            }
            Self::Tidy => tidy::run(false)?,
            Self::Deny => return deny(full),
            Self::Test => test(tally)?,
        }
        Ok(Outcome::Passed)
    }
}

/// The lock file is enough for licences and origins. The list of vulnerabilities needs a network:
/// who asked for it and cannot have it has not passed.
fn deny(full: bool) -> Result<Outcome> {
    if full && !run::works("cargo", &["deny", "--version"]) {
        run::check(&mut run::cargo(["install", "cargo-deny", "--locked"]))?;
    }
    if !run::works("cargo", &["deny", "--version"]) {
        return Ok(Outcome::Skipped("cargo-deny is not installed; `--full` installs it".into()));
    }
    let check = ["deny", "--locked", "check", "bans", "licenses", "sources"];
    let rest = run::check(&mut run::cargo(check));
    if full {
        run::check(&mut run::cargo(["deny", "check", "advisories"]))?;
    }
    rest.map(|()| Outcome::Passed)
}

fn test(tally: &mut Tally) -> Result<()> {
    let mut command = run::cargo(["test", "--workspace", "--no-fail-fast", "-j2"]);
    command.envs(install::environment()).env("SAYSO_REQUIRE_ALL", "1").stdout(Stdio::piped());
    let words = run::words(&command);
    run::say(format_args!("$ {words}"));
    let mut child = command.spawn().with_context(|| format!("`{words}` cannot be started"))?;
    let output = child.stdout.take().context("the tests have no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        run::say(&line);
        tally.add(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        // A test program that broke off, or was never built, has no line of its own.
        tally.failed = tally.failed.max(1);
        bail!("`{words}` failed: {status}");
    }
    Ok(())
}

impl Tally {
    /// Takes in a line such as `test result: ok. 3 passed; 0 failed; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let count = |name: &str| {
            let before = counts.split(';').find_map(|part| part.trim().strip_suffix(name))?;
            before.trim().rsplit(' ').next()?.parse::<u64>().ok()
        };
        self.passed += count("passed").unwrap_or(0);
        self.failed += count("failed").unwrap_or(0);
    }
}

fn report(options: &Options, finished: &[(Step, Outcome, Duration)], tally: &Tally) -> Result<()> {
    run::say("");
    let full = if options.full { "--full " } else { "" };
    let mut failed = Vec::new();
    for (step, outcome, took) in finished {
        let name = step.name();
        let seconds = took.as_secs_f64();
        match outcome {
            Outcome::Passed => run::say(format_args!("  ok       {name:<8} {seconds:>7.1} s")),
            Outcome::Skipped(why) => {
                run::say(format_args!("  skipped  {name:<8} {seconds:>7.1} s  {why}"));
            }
            Outcome::Failed(why) => {
                run::say(format_args!("  FAILED   {name:<8} {seconds:>7.1} s  {why}"));
                run::say(format_args!("           rerun it: cargo xtask test {full}--only {name}"));
                failed.push(name);
            }
        }
    }
    run::say(format_args!("\n{} passed, {} failed", tally.passed, tally.failed));
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}", failed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_sums_over_test_programs() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.00s",
            "test result: FAILED. 41 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            "12 passed; 4 failed",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 44, failed: 2 });
    }

    #[test]
    fn a_failed_step_fails_the_run_and_a_skipped_one_does_not() {
        let took = Duration::from_secs(1);
        let options = Options { only: None, full: true };
        let skipped = || (Step::Deny, Outcome::Skipped("absent".into()), took);
        assert!(report(&options, &[skipped()], &Tally::default()).is_ok());
        let failed = (Step::Fmt, Outcome::Failed("two files".into()), took);
        let error = report(&options, &[skipped(), failed], &Tally::default()).unwrap_err();
        assert_eq!(error.to_string(), "failed: fmt");
    }
}
