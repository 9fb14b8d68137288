//! `sayso subject`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    cli::Global,
    client::{Client, Refused},
    commands::{encode, subject_import},
    output::{Output, field, fields, scope, table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum SubjectCommand {
    /// Make a person known
    #[command(after_help = "Example:\n  sayso subject create email:ana@example.org crm:4711")]
    Create {
        /// The names systems know the person by, as `namespace:value`; none for one without a name
        identifiers: Vec<String>,
        /// No contract or account is running
        #[arg(long)]
        inactive: bool,
        /// Until then a grant counts only from a guardian
        #[arg(long)]
        minor_until: Option<String>,
        /// What the person says to begin with: a JSON file with the choices as for the API
        #[arg(long, value_name = "FILE")]
        choices: Option<PathBuf>,
    },
    /// The subject id of an identifier
    Find { identifier: String },
    /// What is known about a person
    Show { subject: String },
    /// What a person says now
    Choices { subject: String },
    /// All that was recorded about a person
    History { subject: String },
    /// What every system did about a person's choices
    Effects { subject: String },
    /// A one-time link to a person's page
    Link {
        subject: String,
        /// It goes by mail: it may narrow only, and asks for a click before it opens
        #[arg(long)]
        weak: bool,
    },
    /// Add a name that a system knows a person by, or end it
    Identify {
        subject: String,
        identifier: String,
        /// It is theirs no longer
        #[arg(long)]
        end: bool,
    },
    /// Change what is known: exactly one thing
    Set {
        subject: String,
        /// Begin or end the relationship
        #[arg(long)]
        active: Option<bool>,
        /// Restrict processing, or set it free
        #[arg(long)]
        restricted: Option<bool>,
        /// Until when the person is a minor; `never` for an adult
        #[arg(long)]
        minor_until: Option<String>,
    },
    /// Make somebody a guardian, or end it
    Guardian {
        subject: String,
        guardian: String,
        /// End it
        #[arg(long)]
        end: bool,
    },
    /// Record a device as a person's own, or who lives with it
    Device {
        subject: String,
        /// As in `oven/4711`
        device: String,
        /// Whose it was, if it changes hands
        #[arg(long)]
        from: Option<String>,
        /// Who else lives with it; may be given more than once
        #[arg(long = "member")]
        members: Vec<String>,
        /// Nobody else lives with it
        #[arg(long, conflicts_with = "members")]
        alone: bool,
    },
    /// Report for a system what it has applied, as the system itself would
    Report {
        subject: String,
        /// Which system
        #[arg(long)]
        recipient: String,
        /// It has applied everything about the person up to this position
        #[arg(long, value_name = "POSITION")]
        through: String,
    },
    /// Erase a person
    Erase {
        subject: String,
        /// Only if it can be done at once, because no system holds anything about the person
        #[arg(long)]
        at_once: bool,
    },
    /// Bring people and choices over from CSV or NDJSON; run again to go on where it stopped
    ///
    /// Ends with 1 if a line was refused; what was not refused is recorded all the same.
    #[command(
        after_help = "Example, a file `customers.csv`:\n  email,crm,effect,purpose,channel,notice,notice_version\n  ana@example.org,4711,grant,marketing.offers,email,offers,2\n  ben@example.org,,denial,marketing.offers,,,\n\n  sayso subject import customers.csv\n\nEvery column and both formats: docs/reference/import.md"
    )]
    Import {
        file: PathBuf,
        /// Where refused lines are reported; `<file>.refused.csv` unless said
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Only read the file and count its lines
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(global: &Global, command: SubjectCommand, out: Output) -> Result<ExitCode> {
    let client = global.client()?;
    match command {
        SubjectCommand::Import { file, report, dry_run } => {
            return subject_import::run(&client, &file, report, dry_run, out).await;
        }
        SubjectCommand::Create { .. }
        | SubjectCommand::Identify { .. }
        | SubjectCommand::Set { .. }
        | SubjectCommand::Guardian { .. }
        | SubjectCommand::Device { .. }
        | SubjectCommand::Report { .. }
        | SubjectCommand::Erase { .. } => write(&client, command, out).await?,
        read => show(&client, read, out).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn write(client: &Client, command: SubjectCommand, out: Output) -> Result<()> {
    let written = match command {
        SubjectCommand::Create { identifiers, inactive, minor_until, choices } => {
            let mut body = json!({"identifiers": identifiers, "is_active": !inactive});
            if let Some(minor_until) = minor_until {
                body["minor_until"] = json!(minor_until);
            }
            if let Some(file) = choices {
                body["choices"] = choices_of(&file)?;
            }
            client.post("/v1/subjects", &body).await?
        }
        SubjectCommand::Identify { subject, identifier, end } => {
            let path = format!("/v1/subjects/{}/identifiers", client.subject(&subject).await?);
            let path = if end { format!("{path}/remove") } else { path };
            client.post(&path, &json!({"identifier": identifier})).await?
        }
        SubjectCommand::Set { subject, active, restricted, minor_until } => {
            let mut body = json!({});
            if let Some(active) = active {
                body["is_active"] = json!(active);
            }
            if let Some(restricted) = restricted {
                body["is_restricted"] = json!(restricted);
            }
            if let Some(until) = minor_until {
                body["minor_until"] = if until == "never" { Value::Null } else { json!(until) };
            }
            let path = format!("/v1/subjects/{}", client.subject(&subject).await?);
            client.json(Method::PATCH, &path, &body).await?
        }
        SubjectCommand::Guardian { subject, guardian, end } => {
            let (subject, guardian) =
                (client.subject(&subject).await?, client.subject(&guardian).await?);
            let method = if end { Method::DELETE } else { Method::PUT };
            client
                .json(method, &format!("/v1/subjects/{subject}/guardians/{guardian}"), &json!({}))
                .await?
        }
        SubjectCommand::Device { subject, device, from, members, alone } => {
            let members = (alone || !members.is_empty()).then_some(members);
            let path = format!(
                "/v1/subjects/{}/devices/{}",
                client.subject(&subject).await?,
                encode(&device)
            );
            client.json(Method::PUT, &path, &device_body(client, from, members).await?).await?
        }
        SubjectCommand::Report { subject, recipient, through } => {
            report(client, &subject, &recipient, &through).await?
        }
        SubjectCommand::Erase { subject, at_once } => {
            let path =
                format!("/v1/subjects/{}?at_once={at_once}", client.subject(&subject).await?);
            client.json(Method::DELETE, &path, &json!({})).await?
        }
        _ => return Ok(()),
    };
    out.value(&written, fields)
}

/// The choices of a file of the form that `sayso choose --file` takes.
fn choices_of(file: &Path) -> Result<Value> {
    let shown = file.display();
    let text = std::fs::read(file).with_context(|| format!("cannot read `{shown}`"))?;
    let body: Value =
        serde_json::from_slice(&text).with_context(|| format!("`{shown}` is not JSON"))?;
    body.get("choices").cloned().with_context(|| format!("`{shown}` has no `choices`"))
}

async fn device_body(
    client: &Client,
    from: Option<String>,
    members: Option<Vec<String>>,
) -> Result<Value> {
    let mut body = json!({});
    if let Some(from) = from {
        body["from"] = json!(client.subject(&from).await?);
    }
    if let Some(members) = members {
        let mut ids = Vec::new();
        for member in &members {
            ids.push(client.subject(member).await?);
        }
        body["members"] = json!(ids);
    }
    Ok(body)
}

/// Reports one effect. The API takes many and refuses each by itself; one refused is all refused.
async fn report(client: &Client, subject: &str, recipient: &str, through: &str) -> Result<Value> {
    let subject = client.subject(subject).await?;
    let effect = json!({"identifier": subject, "position": through, "state": "applied"});
    let body = json!({"recipient": recipient, "effects": [effect]});
    let answer = client.post("/v1/effects", &body).await?;
    let result = answer["results"][0].clone();
    let code = field(&result, "status");
    if matches!(code.as_str(), "recorded" | "known") {
        return Ok(result);
    }
    let problem = json!({"title": "refused; nothing was recorded", "code": code, "detail": code});
    bail!(Refused { status: StatusCode::UNPROCESSABLE_ENTITY, problem })
}

async fn show(client: &Client, command: SubjectCommand, out: Output) -> Result<()> {
    match command {
        SubjectCommand::Find { identifier } => {
            let found =
                client.post("/v1/subjects/find", &json!({"identifier": identifier})).await?;
            out.value(&found, |found| field(found, "subject"))
        }
        SubjectCommand::Show { subject } => {
            let path = format!("/v1/subjects/{}", client.subject(&subject).await?);
            out.value(&client.get(&path).await?, fields)
        }
        SubjectCommand::Choices { subject } => {
            out.value(&about(client, &subject, "choices").await?, show_choices)
        }
        SubjectCommand::History { subject } => {
            out.value(&about(client, &subject, "history").await?, show_history)
        }
        SubjectCommand::Effects { subject } => {
            out.value(&about(client, &subject, "effects").await?, show_effects)
        }
        SubjectCommand::Link { subject, weak } => {
            client.expect_server()?;
            let path = format!("/v1/subjects/{}/links", client.subject(&subject).await?);
            let authority = if weak { "weak" } else { "strong" };
            let made = client.post(&path, &json!({"authority": authority})).await?;
            out.value(&made, |made| field(made, "link"))
        }
        _ => Ok(()),
    }
}

/// What an address below a person's own answers.
async fn about(client: &Client, subject: &str, what: &str) -> Result<Value> {
    let subject = client.subject(subject).await?;
    client.get(&format!("/v1/subjects/{subject}/{what}")).await
}

/// The objects of a list within an answer, as rows.
fn rows(shown: &Value, list: &str, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    shown[list].as_array().into_iter().flatten().map(row).collect()
}

fn show_choices(shown: &Value) -> String {
    let row = |choice: &Value| {
        let part = |name: &str| field(choice, name);
        let counts = if choice["is_withdrawn"] == true { "no more" } else { "yes" };
        let scope = scope(&choice["scope"]);
        vec![part("position"), part("effect"), scope, part("until"), counts.into()]
    };
    table(&["position", "effect", "scope", "until", "counts"], rows(shown, "choices", row))
}

fn show_history(shown: &Value) -> String {
    let kinds = |entry: &Value| {
        let events = entry["events"].as_array().into_iter().flatten();
        events.map(|event| field(event, "type")).collect::<Vec<_>>().join(", ")
    };
    let row = |entry: &Value| {
        vec![field(entry, "position"), field(entry, "at"), field(entry, "by"), kinds(entry)]
    };
    table(&["position", "at", "by", "what"], rows(shown, "entries", row))
}

fn show_effects(shown: &Value) -> String {
    let columns =
        ["recipient", "state", "position", "sent_at", "received_at", "applied_at", "deadline"];
    let row = |effect: &Value| columns.map(|name| field(effect, name)).to_vec();
    table(&columns, rows(shown, "effects", row))
}
