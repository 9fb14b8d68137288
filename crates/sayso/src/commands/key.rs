//! `sayso key`.

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use hyper::Method;
use sayso_catalog::did_you_mean;
use sayso_consent::Id;
use serde_json::{Value, json};

use crate::{
    alerts,
    cli::Global,
    drivers,
    output::{Output, field, fields, table},
};

/// What a key may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Ask for decisions
    Decide,
    /// Record people and choices
    Record,
    /// Report effects
    Report,
    /// Follow the whole ledger, as a replica does
    Follow,
    /// Everything
    Administer,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an API key; it is shown once
    Create {
        /// What it may do; may be given more than once
        #[arg(long = "role", required = true)]
        roles: Vec<Role>,
        /// The one recipient that it may ask and report as
        #[arg(long)]
        recipient: Option<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        label: String,
    },
    /// List the keys
    List,
    /// Withdraw a key
    Revoke { id: String },
    /// Show what a recipient verifies deliveries with
    Sink { recipient: Id },
    /// Show what whoever is on call verifies alerts with
    Alert,
}

pub(crate) async fn run(global: &Global, command: KeyCommand, out: Output) -> Result<()> {
    match command {
        KeyCommand::Create { roles, recipient, label } => {
            let name =
                |role: &Role| role.to_possible_value().map(|value| value.get_name().to_owned());
            let roles: Vec<String> = roles.iter().filter_map(name).collect();
            let mut body = json!({"roles": roles, "label": label});
            if let Some(recipient) = recipient {
                body["recipient"] = json!(recipient);
            }
            let made = global.client()?.post("/v1/keys", &body).await?;
            out.value(&made, fields)
        }
        KeyCommand::List => {
            let keys = global.client()?.get("/v1/keys").await?;
            let row = |key: &Value| {
                ["id", "roles", "recipient", "label"].map(|name| field(key, name)).to_vec()
            };
            out.value(&keys, |keys| {
                table(
                    &["id", "roles", "recipient", "label"],
                    keys.as_array().into_iter().flatten().map(row),
                )
            })
        }
        KeyCommand::Revoke { id } => {
            let gone = global
                .client()?
                .json(Method::DELETE, &format!("/v1/keys/{id}"), &json!({}))
                .await?;
            out.value(&gone, |gone| format!("Withdrawn at {}", field(gone, "position")))
        }
        KeyCommand::Sink { recipient } => {
            expect_declared(global, &recipient).await?;
            sink(global, &recipient, out)
        }
        KeyCommand::Alert => sink(global, &alerts::NAME.parse()?, out),
    }
}

/// Refuses a recipient that the catalog in force does not declare. Without a catalog, or without a
/// way to ask for it, nothing can be said against a name.
async fn expect_declared(global: &Global, recipient: &Id) -> Result<()> {
    let Ok(client) = global.client() else { return Ok(()) };
    let Ok(shown) = client.get("/v1/catalog").await else { return Ok(()) };
    let Some(declared) = shown["catalog"]["recipients"].as_object() else { return Ok(()) };
    if declared.contains_key(recipient.as_str()) {
        return Ok(());
    }
    let hint = did_you_mean(recipient.as_str(), declared.keys().map(String::as_str));
    let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
    bail!("the catalog declares no recipient `{recipient}`{hint}")
}

/// The keys of deliveries are derived from the root key, so they are shown without a server.
fn sink(global: &Global, recipient: &Id, out: Output) -> Result<()> {
    let home = global.home()?;
    let secrets = home.secrets().context("the keys of deliveries are made from the root key")?;
    let (secret, signing) = drivers::delivery_keys(&secrets, recipient)?;
    let shown = json!({
        "recipient": recipient,
        "secret": secret.reveal().as_str(),
        "public_key": signing.public().to_string(),
    });
    out.value(&shown, fields)
}
