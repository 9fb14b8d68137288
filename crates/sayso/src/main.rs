//! `sayso`: the program. The one crate that names drivers and wires everything together.
//!
//! Commands speak the HTTP API, over a socket or within the process ([`client`]); `serve` and
//! `demo` open the ledger ([`home`]) and run it ([`server`]); `replica` follows one ([`follower`]).

mod alerts;
mod cli;
mod client;
mod commands;
mod config;
mod connections;
mod demo;
mod drivers;
mod follower;
mod home;
mod onward;
mod output;
mod partial;
mod saver;
mod server;
mod transfer;

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use clap::Parser;
use sayso_ledger::Clock;

use crate::{
    cli::{Cli, Command, Global},
    client::{Client, Refused},
    home::Home,
    output::Output,
};

/// Exit codes: 0 done, 1 refused or something was found wrong, 2 used wrongly.
fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into(), false),
    };
    let json = cli.global.json;
    let done = runtime.block_on(run(cli));
    // A read that blocks, such as of standard input, must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match done {
        Ok(code) => code,
        Err(error) => complain(&error, json),
    }
}

/// Prints an error once, with its causes.
fn complain(error: &anyhow::Error, json: bool) -> ExitCode {
    let mut stderr = std::io::stderr();
    match error.downcast_ref::<Refused>() {
        Some(refused) if json => drop(writeln!(stderr, "{}", refused.problem)),
        _ => drop(writeln!(stderr, "error: {error:#}")),
    }
    for problem in error
        .downcast_ref::<Refused>()
        .iter()
        .flat_map(|refused| refused.problem["problems"].as_array())
        .flatten()
    {
        let part = |name: &str| output::field(problem, name);
        let _ = writeln!(stderr, "  {}:{}: {}", part("line"), part("column"), part("message"));
    }
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<ExitCode> {
    let Cli { global, command } = cli;
    let out = Output { json: global.json };
    match command {
        Command::Demo(args) => demo::run(&global, args).await?,
        Command::DemoSystem { config } => demo::system(&config).await?,
        Command::Serve(args) => commands::serve::run(&global, args).await?,
        Command::Replica(args) => commands::replica::run(&global, args).await?,
        Command::Overview => commands::overview::run(&global, out).await?,
        Command::Init => commands::init::run(&global, out).await?,
        Command::Catalog(command) => return commands::catalog::run(&global, command, out).await,
        Command::Subject(command) => return commands::subject::run(&global, command, out).await,
        Command::Choose(args) => commands::choose::run(&global, args, out).await?,
        Command::Decide(args) => commands::decide::run(&global, args, out).await?,
        Command::Audience(args) => commands::audience::run(&global, args, out).await?,
        Command::Filter(args) => commands::filter::run(&global, &args, out)?,
        Command::Follow(args) => commands::follow::run(&global, args).await?,
        Command::Log(command) => return commands::log::run(&global, command, out).await,
        Command::Key(command) => commands::key::run(&global, command, out).await?,
        Command::Clock(command) => commands::clock::run(command, out)?,
        Command::Sink(command) => commands::sink::run(&global, command, out).await?,
        Command::Backup(args) => commands::backup::back_up(&global, &args, out)?,
        Command::Restore(args) => commands::backup::restore(&global, &args, out)?,
        Command::Doctor => return commands::doctor::run(&global, out).await,
        Command::Completions { shell } => commands::completions(shell)?,
        Command::Man => commands::man()?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Global {
    /// The folder.
    fn home(&self) -> Result<Home> {
        Home::new(self.dir.clone(), None)
    }

    /// The clock: the machine's, unless an example says otherwise.
    fn clock(&self) -> Clock {
        self.at.map_or_else(Clock::system, Clock::fixed)
    }

    /// Whom commands speak to.
    fn client(&self) -> Result<Client> {
        match (&self.url, &self.key) {
            (Some(url), Some(key)) => Client::remote(url, key),
            _ => Client::connect(&self.home()?, self.clock()),
        }
    }
}
