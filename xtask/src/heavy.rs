//! `cargo xtask heavy`: what takes longer than a change should wait for.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{install, run};

/// Which heavy checks, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// Which; all unless said.
    kinds: Vec<Kind>,
    /// How long each fuzz target runs, in seconds.
    #[arg(long, default_value_t = 120)]
    seconds: u32,
}

/// A kind of heavy check.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Kill the server again and again under load; `SAYSO_KILLS` says how often.
    Crash,
    /// Deliver through every fault there is; `SAYSO_DELIVERIES` says how much.
    Faults,
    /// Feed the parsers what nobody would send.
    Fuzz,
    /// Hold the snapshot to its laws in made-up stories; `SAYSO_CASES` says in how many.
    Laws,
    /// Try every order in which a reader and the writer of a slot can meet.
    Model,
}

/// What raises the numbers of a test from what a change waits for to what a night is for. Whoever
/// says a number themselves gets that one.
const HEAVY: [(&str, &str); 3] =
    [("SAYSO_KILLS", "2000"), ("SAYSO_CASES", "20000"), ("SAYSO_DELIVERIES", "1000000")];

pub(crate) fn run(options: &Options) -> Result<()> {
    let all = options.kinds.is_empty();
    let wanted = Kind::value_variants().iter().filter(|kind| all || options.kinds.contains(kind));
    each(wanted.map(|kind| (kind.name(), kind)), |kind| match kind {
        Kind::Crash => tests_named("crash"),
        Kind::Faults => tests_named("faults::"),
        Kind::Fuzz => fuzz(options.seconds),
        Kind::Laws => laws(),
        Kind::Model => model(),
    })
}

impl Kind {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Tries each, whatever became of the one before: in the morning there is everything to mend.
fn each<T>(
    all: impl Iterator<Item = (String, T)>,
    mut perform: impl FnMut(&T) -> Result<()>,
) -> Result<()> {
    let mut failed = Vec::new();
    for (name, one) in all {
        if let Err(error) = perform(&one) {
            run::say(format_args!("FAILED   {name}: {error:#}"));
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}", failed.join(", "))
}

fn numbers() -> impl Iterator<Item = (&'static str, &'static str)> {
    HEAVY.into_iter().filter(|(name, _)| std::env::var_os(name).is_none())
}

/// Runs the tests whose path holds a name, those that are ignored otherwise included. That there
/// are none is an error: a check that runs nothing passes always.
fn tests_named(name: &str) -> Result<()> {
    let list = run::cargo(["test", "--workspace", "--quiet", "--", "--include-ignored", "--list"])
        .arg(name)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !list.status.success() {
        bail!("the tests cannot be built");
    }
    if !String::from_utf8_lossy(&list.stdout).lines().any(|line| line.ends_with(": test")) {
        bail!("no test has `{name}` in its path");
    }
    let mut command = run::cargo(["test", "--workspace", "--no-fail-fast", "--"]);
    // What is not shown while it runs is lost with a run that is ended.
    command.args(["--include-ignored", "--nocapture", name]);
    run::check(command.envs(numbers()).envs(install::environment()))
}

fn laws() -> Result<()> {
    let mut command = run::cargo(["test", "-p", "sayso-decision", "--test", "laws"]);
    run::check(command.envs(numbers()).envs(install::environment()))
}

/// Loom takes the place of the atomics. The flag that says so is everybody's, so that everything
/// is built once more, in a folder of its own.
fn model() -> Result<()> {
    let target = run::root().join("target/loom");
    let mut command = run::cargo(["test", "-p", "sayso-model", "--lib", "--target-dir"]);
    run::check(command.arg(target).env("RUSTFLAGS", "--cfg loom"))
}

/// Runs every target of `fuzz/` for a while, from what earlier runs have found.
fn fuzz(seconds: u32) -> Result<()> {
    if !run::works("cargo", &["+nightly", "--version"]) {
        bail!("fuzzing needs the nightly compiler: rustup toolchain install nightly");
    }
    if !run::works("cargo", &["fuzz", "--version"]) {
        run::check(&mut run::cargo(["install", "cargo-fuzz", "--locked"]))?;
    }
    // What is fuzzed is what is built: the versions of the workspace, and libFuzzer besides.
    std::fs::copy(run::root().join("Cargo.lock"), run::root().join("fuzz/Cargo.lock"))?;
    run::check(&mut cargo_fuzz("build"))?;
    let targets = targets()?.into_iter().map(|target| (target.clone(), target));
    each(targets, |target| fuzz_one(target, seconds))
}

fn fuzz_one(target: &str, seconds: u32) -> Result<()> {
    let corpus = format!("fuzz/corpus/{target}");
    std::fs::create_dir_all(run::root().join(&corpus))?;
    let mut command = cargo_fuzz("run");
    command.args([target, &corpus, &format!("fuzz/seeds/{target}"), "--"]);
    command.args([format!("-max_total_time={seconds}"), "-dict=fuzz/words.dict".into()]);
    command.args(["-timeout=20", "-rss_limit_mb=4096"]);
    run::check(&mut command)
        .with_context(|| format!("the input that broke it is in fuzz/artifacts/{target}"))
}

/// By name and not by path: `+nightly` is understood by rustup's own cargo only.
fn cargo_fuzz(task: &str) -> Command {
    let mut command = run::program("cargo");
    command.env_remove("RUSTUP_TOOLCHAIN").args(["+nightly", "fuzz", task]);
    command
}

fn targets() -> Result<Vec<String>> {
    let manifest = std::fs::read_to_string(run::root().join("fuzz/Cargo.toml"))?;
    let manifest: toml::Table = manifest.parse()?;
    let bins = manifest
        .get("bin")
        .and_then(toml::Value::as_array)
        .context("fuzz/Cargo.toml has no targets")?;
    let names = bins.iter().filter_map(|bin| bin.get("name")?.as_str().map(str::to_owned));
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_that_fails_does_not_keep_the_next_from_being_tried() {
        let mut tried = Vec::new();
        let all = ["first", "second"].map(|name| (name.to_owned(), name));
        let tries = super::each(all.into_iter(), |name| {
            tried.push(*name);
            anyhow::ensure!(*name != "first", "broken");
            Ok(())
        });
        assert_eq!(tried, ["first", "second"]);
        assert_eq!(tries.unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn every_fuzz_target_is_found() {
        let targets = super::targets().unwrap();
        let folder = super::run::root().join("fuzz/fuzz_targets");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort();
        assert_eq!(targets, files);
    }
}
