//! `sayso catalog`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use crate::{
    cli::Global,
    client::Client,
    output::{Output, field, table},
};

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Report every problem of a catalog, each with its place and a hint
    Check { file: PathBuf },
    /// Say what a catalog would change, and for how many people
    Plan { file: PathBuf },
    /// Bring a catalog into force
    Apply {
        file: PathBuf,
        /// Only say what it would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the catalog in force
    Show,
    /// Print the JSON Schema of catalogs
    Schema,
}

pub(crate) async fn run(global: &Global, command: CatalogCommand, out: Output) -> Result<ExitCode> {
    match command {
        CatalogCommand::Check { file } => return check(&file, out),
        CatalogCommand::Plan { file } | CatalogCommand::Apply { file, dry_run: true } => {
            let plan = send(&global.client()?, "/v1/catalog/plan", &read(&file)?).await?;
            out.value(&plan, show_plan)?;
        }
        CatalogCommand::Apply { file, dry_run: false } => {
            let written = send(&global.client()?, "/v1/catalog", &read(&file)?).await?;
            out.value(&written, |written| match written["is_new"] == true {
                true => format!("In force since {}", field(written, "position")),
                false => "Nothing new: this catalog is in force already".into(),
            })?;
        }
        CatalogCommand::Show => {
            let shown = global.client()?.get("/v1/catalog").await?;
            out.value(&shown, show)?;
        }
        CatalogCommand::Schema => {
            out.line(serde_json::to_string_pretty(&sayso_catalog::schema())?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    let shown = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("cannot read `{shown}`"))?;
    String::from_utf8(bytes).with_context(|| format!("`{shown}` is not UTF-8 text"))
}

async fn send(client: &Client, path: &str, text: &str) -> Result<Value> {
    let headers = [("content-type", "application/yaml")];
    let bytes = client.send(Method::POST, path, &headers, Bytes::from(text.to_owned())).await?;
    Ok(serde_json::from_slice(&bytes)?)
}

fn check(file: &Path, out: Output) -> Result<ExitCode> {
    let name = file.display().to_string();
    match sayso_catalog::read(&read(file)?, &name) {
        Ok(_) => {
            out.value(&json!({"problems": []}), |_| format!("{name}: no problems"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            let lines =
                || problems.iter().map(|problem| format!("{problem}\n")).collect::<String>();
            out.value(&json!({"problems": problems}), |_| {
                format!("{}\n{} problems", lines(), problems.len())
            })?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn show_plan(plan: &Value) -> String {
    let list = |name: &str| plan[name].as_array().cloned().unwrap_or_default();
    let changes = list("changes");
    if changes.is_empty() {
        return "Nothing would change".into();
    }
    let change = |change: &Value| {
        let mark = match field(change, "kind").as_str() {
            "added" => "+",
            "removed" => "-",
            _ => "~",
        };
        let again = if change["asks_again"] == true { "  (people are asked again)" } else { "" };
        format!("{mark} {}  {}{again}\n", field(change, "path"), field(change, "summary"))
    };
    let mut text: String = changes.iter().map(change).collect();
    let row = |effect: &Value| {
        vec!["recipient", "purpose", "gains", "loses"]
            .into_iter()
            .map(|name| field(effect, name))
            .collect()
    };
    let effects = list("effects");
    if !effects.is_empty() {
        text += &format!(
            "\n{}\n",
            table(
                &["recipient", "purpose", "people gained", "people lost"],
                effects.iter().map(row)
            )
        );
    }
    format!(
        "{text}\nOf {} people, {} must be asked again",
        field(plan, "people"),
        field(plan, "asked_again")
    )
}

fn show(shown: &Value) -> String {
    let catalog = &shown["catalog"];
    let names = |name: &str| {
        catalog[name].as_object().map(|map| map.keys().cloned().collect::<Vec<_>>().join(", "))
    };
    let parts = [
        "data",
        "purposes",
        "recipients",
        "channels",
        "device_types",
        "activities",
        "notices",
        "promises",
    ];
    let row = |name: &str| vec![name.to_owned(), names(name).unwrap_or_default()];
    let organisation = field(&catalog["organisation"], "name");
    let position = field(shown, "position");
    format!(
        "{organisation}, in force since {position}\n{}",
        table(&["", "declared"], parts.into_iter().map(row))
    )
}
