//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// Customers' choices about their data: recorded, in force at once, told to every system, proven.
#[derive(Debug, Parser)]
#[command(name = "sayso", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Try it:\n  sayso demo\n\nStart for real:\n  sayso init\n  sayso catalog apply catalog.yaml\n  sayso serve"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// The folder of the ledger
    #[arg(long, global = true, env = "SAYSO_DIR", value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
    /// A server to speak to, instead of the ledger in the folder
    #[arg(long, global = true, env = "SAYSO_URL", requires = "key")]
    pub(crate) url: Option<String>,
    /// The key for the server
    #[arg(long, global = true, env = "SAYSO_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Take this for the present moment (for examples and tests; not with a server)
    #[arg(long, global = true, env = "SAYSO_AT", hide = true)]
    pub(crate) at: Option<sayso_consent::Timestamp>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show it all on this machine: a sample company, its customers, four systems
    Demo(crate::demo::DemoArgs),
    /// One of the demo's systems
    #[command(hide = true)]
    DemoSystem { config: PathBuf },
    /// Run the server
    Serve(commands::serve::ServeArgs),
    /// Answer decisions beside a system, following a server
    Replica(commands::replica::ReplicaArgs),
    /// Print a one-time link to the operators' page: is every choice being followed?
    Overview,
    /// Make a ledger: its folder, its root key and an administrator's key
    Init,
    /// Check, compare and apply what the company declares
    #[command(subcommand)]
    Catalog(commands::catalog::CatalogCommand),
    /// People: make known, find, import, show, erase
    #[command(subcommand)]
    Subject(commands::subject::SubjectCommand),
    /// Record what a person says
    Choose(commands::choose::ChooseArgs),
    /// Ask: may this recipient use this data of this person for this purpose?
    Decide(commands::decide::DecideArgs),
    /// Ask: whose data may be used?
    Audience(commands::audience::AudienceArgs),
    /// Keep of a Parquet or CSV file what may be used, and blank the rest
    Filter(commands::filter::FilterArgs),
    /// Print entries of the ledger as they are recorded
    Follow(commands::follow::FollowArgs),
    /// The ledger itself: verify, checkpoint, receipts
    #[command(subcommand)]
    Log(commands::log::LogCommand),
    /// Legal clocks: how long the law gives, and when that is over
    #[command(subcommand)]
    Clock(commands::clock::ClockCommand),
    /// How recipients are told: add, check, pause, replay, rotate, park, remove
    #[command(subcommand)]
    Sink(commands::sink::SinkCommand),
    /// API keys, and the keys that systems verify deliveries with
    #[command(subcommand)]
    Key(commands::key::KeyCommand),
    /// Copy the ledger while it is in use
    Backup(commands::backup::BackupArgs),
    /// Bring a copy back, with the withdrawals and erasures made since
    Restore(commands::backup::RestoreArgs),
    /// Check that this machine and this ledger are in order
    Doctor,
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    Man,
}

/// Yes or no, for a choice.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Word {
    /// The person allows it
    Grant,
    /// The person does not
    Deny,
}

/// What something is about.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ScopeArgs {
    /// Why the data is used, as in `marketing.offers`
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Which category of data, as in `contact.email`
    #[arg(long)]
    pub(crate) data: Option<String>,
    /// Who uses it, as in `mailer`
    #[arg(long)]
    pub(crate) recipient: Option<String>,
    /// How the person is reached, as in `email`
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// A device type (`oven`) or a device (`oven/4711`)
    #[arg(long)]
    pub(crate) device: Option<String>,
}
