//! `sayso sink`: how recipients are told.

use std::{io::Read, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use sayso_sinks::sql::{Dialect, PREFIX, ddl, is_prefix};
use serde_json::{Map, Value, json};

use crate::{
    cli::Global,
    client::Client,
    output::{Output, field, fields, table},
};

/// How often the progress of a backfill is looked at.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(crate) enum SinkCommand {
    /// What kinds there are, and what each is told
    Kinds { kind: Option<String> },
    /// The SQL that makes the tables of a `sql` sink, for whoever may make tables there
    #[command(after_help = "Example:\n  sayso sink tables postgres | psql crm")]
    Tables {
        database: Database,
        /// What the names of the tables begin with
        #[arg(long, default_value = "sayso_", value_parser = prefix)]
        prefix: String,
    },
    /// How recipients are told now
    List,
    /// Declare how a recipient is told, or declare it anew; the system is looked at first
    Add(AddArgs),
    /// Look at a system that is told, and change nothing
    Check { recipient: String },
    /// Send only what takes something away
    Pause(ReasonArgs),
    /// Send only what takes something away, and do nothing else with the system
    Kill(ReasonArgs),
    /// Send everything again
    Resume { recipient: String },
    /// Tell a recipient again: about one person, or about everybody who changed after an entry
    Replay {
        recipient: String,
        /// One person, by identifier or subject id
        #[arg(long, conflicts_with = "after")]
        subject: Option<String>,
        /// Everybody who changed after this entry
        #[arg(long, value_name = "POSITION")]
        after: Option<String>,
        /// Show how far it is until it is done
        #[arg(long, conflicts_with = "subject")]
        wait: bool,
    },
    /// Make a webhook a new secret; the one before stays valid for a while
    Rotate {
        recipient: String,
        /// For how long, in hours
        #[arg(long, default_value_t = 24)]
        overlap: u32,
    },
    /// Send nothing about a person until it is unparked
    Park {
        recipient: String,
        /// By identifier or subject id
        subject: String,
        #[arg(long)]
        reason: String,
    },
    /// Send what there is about a person again
    Unpark { recipient: String, subject: String },
    /// Accept, by name and until a moment, that a system will not apply what it owes about a person
    Except {
        recipient: String,
        /// By identifier or subject id
        subject: String,
        /// Who accepts it
        #[arg(long)]
        operator: String,
        #[arg(long)]
        reason: String,
        /// Until when, as in 2027-01-31T00:00:00Z
        #[arg(long)]
        until: sayso_consent::Timestamp,
    },
    /// Tell a recipient no longer
    Remove(ReasonArgs),
}

/// A kind of database.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Database {
    Postgres,
    Mariadb,
    Sqlite,
}

fn prefix(text: &str) -> Result<String, String> {
    let is_good = is_prefix(text);
    is_good.then(|| text.to_owned()).ok_or_else(|| PREFIX.to_owned())
}

/// A recipient, and why.
#[derive(Debug, Args)]
pub(crate) struct ReasonArgs {
    recipient: String,
    #[arg(long)]
    reason: String,
}

/// How a recipient is to be told.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso sink add mailer webhook --set url=https://mailer.example/sayso\n  sayso sink add crm sql --set url=postgres://sayso@db.example:5432/crm --secret-file password=db.pass --dry-run\n  sayso sink kinds sql"
)]
pub(crate) struct AddArgs {
    /// Who is told
    recipient: String,
    /// Which kind of sink; `sayso sink kinds` lists them
    kind: String,
    /// A setting; JSON if it reads as JSON, else text
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Settings as a JSON object in a file
    #[arg(long, value_name = "FILE")]
    settings_file: Option<PathBuf>,
    /// A secret, from a file; `-` reads it from standard input
    #[arg(long = "secret-file", value_name = "NAME=FILE")]
    secrets: Vec<String>,
    /// How often the canary is changed and the system read back, in seconds
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    watch: u32,
    /// The name of the canary, as `namespace:value`: a person who is nobody, known to the system
    #[arg(long)]
    canary: Option<String>,
    /// Look at the system and record nothing
    #[arg(long)]
    dry_run: bool,
    /// Record it although the system cannot be looked at now
    #[arg(long)]
    unchecked: bool,
    /// Show how far it is until everybody it knows was told
    #[arg(long)]
    wait: bool,
}

pub(crate) async fn run(global: &Global, command: SinkCommand, out: Output) -> Result<()> {
    let client = global.client();
    match command {
        SinkCommand::Tables { database, prefix } => tables(database, &prefix, out),
        SinkCommand::Kinds { kind } => kinds(&client?, kind.as_deref(), out).await,
        SinkCommand::List => list(&client?, out).await,
        SinkCommand::Add(args) => add(&client?, args, out).await,
        SinkCommand::Check { recipient } => {
            let seen = post(&client?, &recipient, "check", json!({})).await?;
            out.value(&seen, findings)
        }
        SinkCommand::Pause(args) => mode(&client?, "paused", args, out).await,
        SinkCommand::Kill(args) => mode(&client?, "killed", args, out).await,
        SinkCommand::Resume { recipient } => {
            let said = post(&client?, &recipient, "mode", json!({"mode": "running"})).await?;
            recorded(&said, out)
        }
        SinkCommand::Replay { recipient, subject, after, wait } => {
            let body = json!({"subject": subject, "after": after});
            let client = client?;
            recorded(&post(&client, &recipient, "replay", body).await?, out)?;
            if wait { watch(&client, &recipient).await } else { Ok(()) }
        }
        SinkCommand::Rotate { recipient, overlap } => {
            let body = json!({"overlap_hours": overlap});
            out.value(&post(&client?, &recipient, "rotate", body).await?, fields)
        }
        SinkCommand::Park { recipient, subject, reason } => {
            let body = json!({"subject": subject, "reason": reason});
            recorded(&post(&client?, &recipient, "park", body).await?, out)
        }
        SinkCommand::Unpark { recipient, subject } => {
            recorded(&post(&client?, &recipient, "park", json!({"subject": subject})).await?, out)
        }
        SinkCommand::Except { recipient, subject, operator, reason, until } => {
            let body =
                json!({"subject": subject, "operator": operator, "reason": reason, "until": until});
            recorded(&post(&client?, &recipient, "exceptions", body).await?, out)
        }
        SinkCommand::Remove(ReasonArgs { recipient, reason }) => {
            let path = format!("/v1/sinks/{recipient}");
            recorded(&client?.json(Method::DELETE, &path, &json!({"reason": reason})).await?, out)
        }
    }
}

async fn post(client: &Client, recipient: &str, order: &str, body: Value) -> Result<Value> {
    client.post(&format!("/v1/sinks/{recipient}/{order}"), &body).await
}

fn recorded(said: &Value, out: Output) -> Result<()> {
    out.value(said, |said| format!("Recorded at {}", field(said, "position")))
}

async fn mode(client: &Client, mode: &str, args: ReasonArgs, out: Output) -> Result<()> {
    let body = json!({"mode": mode, "reason": args.reason});
    recorded(&post(client, &args.recipient, "mode", body).await?, out)
}

async fn kinds(client: &Client, only: Option<&str>, out: Output) -> Result<()> {
    let kinds = client.get("/v1/sink-kinds").await?;
    let all = kinds.as_array().cloned().unwrap_or_default();
    let Some(only) = only else {
        return out.value(&kinds, |_| {
            let row = |kind: &Value| vec![field(kind, "kind"), field(kind, "about")];
            table(&["kind", "what it is"], all.iter().map(row))
        });
    };
    let Some(kind) = all.iter().find(|kind| kind["kind"] == *only) else {
        bail!("there is no kind `{only}`; `sayso sink kinds` lists them")
    };
    out.value(kind, |kind| {
        let rows = |list: &str, what: &str| {
            let list = kind[list].as_array().cloned().unwrap_or_default();
            let row =
                |one: &Value| vec![field(one, "name"), field(one, "default"), field(one, "about")];
            match list.is_empty() {
                true => String::new(),
                false => table(&[what, "unless said", "meaning"], list.iter().map(row)) + "\n",
            }
        };
        let (settings, secrets) = (rows("settings", "setting"), rows("secrets", "secret"));
        format!("{}\n\n{settings}{secrets}", field(kind, "about"))
    })
}

fn tables(database: Database, prefix: &str, out: Output) -> Result<()> {
    let dialect = match database {
        Database::Postgres => Dialect::Postgres,
        Database::Mariadb => Dialect::Mariadb,
        Database::Sqlite => Dialect::Sqlite,
    };
    let statements = ddl(dialect, prefix);
    out.value(&json!(statements), |_| statements.join(";\n\n") + ";")
}

async fn list(client: &Client, out: Output) -> Result<()> {
    let sinks = client.get("/v1/sinks").await?;
    out.value(&sinks, |sinks| {
        let rows = sinks.as_array().into_iter().flatten().map(row);
        let head = ["recipient", "kind", "mode", "read back", "people", "drifted", "canary"];
        table(&head, rows)
    })
}

fn row(sink: &Value) -> Vec<String> {
    let compared = &sink["compared"];
    let canary = &sink["canary_state"];
    let seen = match (canary["is_lost"] == true, canary["took_ms"].as_i64()) {
        (true, _) => "LOST".to_owned(),
        (false, Some(took_ms)) => format!("{took_ms} ms"),
        (false, None) => String::new(),
    };
    let read_back = match field(sink, "reading_failure") {
        why if why.is_empty() => field(compared, "at"),
        why => format!("cannot: {why}"),
    };
    let [recipient, kind, mode] = ["recipient", "kind", "mode"].map(|name| field(sink, name));
    let [people, drifted] = ["people", "drifted"].map(|name| field(compared, name));
    vec![recipient, kind, mode, read_back, people, drifted, seen]
}

async fn add(client: &Client, args: AddArgs, out: Output) -> Result<()> {
    let body = json!({
        "kind": args.kind,
        "settings": settings(&args)?,
        "secrets": secrets(&args)?,
        "watch_seconds": args.watch,
        "canary": args.canary,
        "dry_run": args.dry_run,
        "unchecked": args.unchecked,
    });
    let path = format!("/v1/sinks/{}", args.recipient);
    let said = client.json(Method::PUT, &path, &body).await?;
    out.value(&said, |said| {
        let end = match said["recorded"] == true {
            true => format!("Recorded at {}", field(said, "position")),
            false => "Nothing was recorded (dry run)".to_owned(),
        };
        format!("{}{end}", findings(said))
    })?;
    if args.wait && !args.dry_run { watch(client, &args.recipient).await } else { Ok(()) }
}

fn findings(said: &Value) -> String {
    let found = said["findings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.map(|found| format!("  ✓ {found}\n")).collect()
}

fn settings(args: &AddArgs) -> Result<Map<String, Value>> {
    let mut settings = match &args.settings_file {
        None => Map::new(),
        Some(path) => {
            let shown = path.display();
            let text = std::fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
            serde_json::from_slice(&text)
                .with_context(|| format!("`{shown}` is not a JSON object"))?
        }
    };
    for setting in &args.settings {
        let (name, value) = pair(setting)?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        settings.insert(name.to_owned(), value);
    }
    Ok(settings)
}

fn secrets(args: &AddArgs) -> Result<Map<String, Value>> {
    let mut secrets = Map::new();
    for secret in &args.secrets {
        let (name, path) = pair(secret)?;
        let mut text = String::new();
        match path {
            "-" => drop(std::io::stdin().read_to_string(&mut text)?),
            path => {
                text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read `{path}`"))?;
            }
        }
        secrets.insert(name.to_owned(), json!(text.trim_end_matches(['\r', '\n'])));
    }
    Ok(secrets)
}

fn pair(text: &str) -> Result<(&str, &str)> {
    let cut = text.split_once('=').filter(|(name, _)| !name.is_empty());
    cut.with_context(|| format!("write NAME=VALUE, not `{}`", text.split('=').next().unwrap_or("")))
}

/// Shows how far everybody was told until that is done. Only a server tells anybody anything.
async fn watch(client: &Client, recipient: &str) -> Result<()> {
    client.expect_server().context("nobody is told without a server")?;
    let style = ProgressStyle::with_template("telling {msg:20} {bar:30} {human_pos}/{human_len}")?;
    let bar = ProgressBar::new(0).with_style(style).with_message(recipient.to_owned());
    let mut has_begun = false;
    loop {
        let sinks = client.get("/v1/sinks").await?;
        let own = sinks.as_array().into_iter().flatten().find(|own| own["recipient"] == *recipient);
        let backfill = own.map(|own| own["backfill"].clone()).unwrap_or_default();
        match (backfill["done"].as_u64(), backfill["total"].as_u64()) {
            (Some(done), Some(total)) => {
                has_begun = true;
                bar.set_length(total);
                bar.set_position(done);
            }
            _ if has_begun || bar.elapsed() > LOOK * 6 => {
                bar.finish();
                return Ok(());
            }
            _ => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}
