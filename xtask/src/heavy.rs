//! `cargo xtask heavy`: what takes longer than a change should wait for.

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
    /// Kill the server again and again under load.
    Crash,
    /// Feed the parsers what nobody would send.
    Fuzz,
    /// Hold the snapshot to its laws in tens of thousands of made-up stories.
    Laws,
    /// Try every order in which a reader and the writer of a slot can meet.
    Model,
}

/// What raises the numbers of a test from what a change waits for to what a night is for.
const HEAVY: [(&str, &str); 2] = [("SAYSO_KILLS", "2000"), ("SAYSO_CASES", "20000")];

pub(crate) fn run(options: &Options) -> Result<()> {
    let all = options.kinds.is_empty();
    for kind in Kind::value_variants().iter().filter(|kind| all || options.kinds.contains(kind)) {
        match kind {
            Kind::Crash => tests_named("crash")?,
            Kind::Fuzz => fuzz(options.seconds)?,
            Kind::Laws => laws()?,
            Kind::Model => model()?,
        }
    }
    Ok(())
}

/// Runs the tests whose path holds a name, those that are ignored otherwise included. That there
/// are none is an error: a check that runs nothing passes always.
fn tests_named(name: &str) -> Result<()> {
    let list = run::cargo(["test", "--workspace", "--quiet", "--", "--include-ignored", "--list"])
        .arg(name)
        .output()
        .context("cargo cannot be started")?;
    if !list.status.success() {
        bail!("the tests cannot be built; see `cargo test --workspace --no-run`");
    }
    if !String::from_utf8_lossy(&list.stdout).lines().any(|line| line.ends_with(": test")) {
        bail!("no test has `{name}` in its path");
    }
    let mut command =
        run::cargo(["test", "--workspace", "--no-fail-fast", "--", "--include-ignored"]);
    run::check(command.arg(name).envs(HEAVY).envs(install::environment()))
}

fn laws() -> Result<()> {
    let mut command = run::cargo(["test", "-p", "sayso-decision", "--test", "laws"]);
    run::check(command.envs(HEAVY).envs(install::environment()))
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
    for target in targets()? {
        let corpus = format!("fuzz/corpus/{target}");
        std::fs::create_dir_all(run::root().join(&corpus))?;
        // By name and not by path: `+nightly` is understood by rustup's own cargo only.
        let mut command = run::program("cargo");
        command.env_remove("RUSTUP_TOOLCHAIN").args(["+nightly", "fuzz", "run", &target]);
        command.args([corpus, format!("fuzz/seeds/{target}"), "--".into()]);
        command.args([format!("-max_total_time={seconds}"), "-dict=fuzz/words.dict".into()]);
        command.args(["-timeout=20", "-rss_limit_mb=4096"]);
        let artifacts = || format!("the input that broke it is in fuzz/artifacts/{target}");
        run::check(&mut command).with_context(artifacts)?;
    }
    Ok(())
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
