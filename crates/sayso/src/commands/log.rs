//! `sayso log`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Subcommand;
use ed25519_dalek::VerifyingKey;
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use sayso_consent::Position;
use sayso_ledger::{
    Secrets, Store,
    receipt::Receipt,
    verify::{Report, verify},
};
use sayso_stores::Embedded;
use serde_json::json;

use crate::{
    cli::Global,
    home::Home,
    output::{Output, write},
};

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Verify a whole ledger: its own, while a server uses it, or a copy
    Verify {
        /// A copied `ledger.db`; the folder's own unless said
        #[arg(long)]
        file: Option<PathBuf>,
        /// The key that signed, in hexadecimal; that of the folder's root key unless said
        #[arg(long)]
        public_key: Option<String>,
        /// Do not use the root key: check chain, tree and signatures, and open nothing
        #[arg(long)]
        sealed: bool,
        /// A checkpoint that was kept elsewhere: the ledger must have grown from it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Print the signed head: keep it somewhere else
    Checkpoint,
    /// Print the key that receipts and checkpoints are verified with
    PublicKey,
    /// Print the receipt of an entry
    Receipt { position: Position },
    /// Check a receipt offline
    VerifyReceipt {
        file: PathBuf,
        /// The key that signed, in hexadecimal; that of the folder's root key unless said
        #[arg(long)]
        public_key: Option<String>,
    },
}

pub(crate) async fn run(global: &Global, command: LogCommand, out: Output) -> Result<ExitCode> {
    match command {
        LogCommand::Verify { file, public_key, sealed, checkpoint } => {
            return verify_file(
                &global.home()?,
                file,
                public_key.as_deref(),
                sealed,
                checkpoint,
                out,
            );
        }
        LogCommand::Checkpoint => {
            let note =
                global.client()?.send(Method::GET, "/v1/log/checkpoint", &[], Bytes::new()).await?;
            write(&String::from_utf8_lossy(&note))?;
        }
        LogCommand::PublicKey => {
            let key = global.home()?.secrets()?.verifying();
            out.line(hex::encode(key.as_bytes()))?;
        }
        LogCommand::Receipt { position } => {
            let receipt = global.client()?.get(&format!("/v1/receipts/{position}")).await?;
            out.line(serde_json::to_string_pretty(&receipt)?)?;
        }
        LogCommand::VerifyReceipt { file, public_key } => {
            let shown = file.display();
            let text = std::fs::read_to_string(&file);
            let text = text.with_context(|| format!("cannot read `{shown}`"))?;
            let receipt = Receipt::read(&text).with_context(|| format!("`{shown}`"))?;
            receipt.verify(&key(&global.home()?, public_key.as_deref())?)?;
            let id = receipt.receipt_id;
            out.value(&json!({"holds": true, "receipt_id": id}), |_| {
                format!("{id}: the receipt holds")
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn key(home: &Home, given: Option<&str>) -> Result<VerifyingKey> {
    let Some(given) = given else {
        let own = home.secrets();
        return Ok(own.context("without a ledger, give its key with `--public-key`")?.verifying());
    };
    let mut bytes = [0; 32];
    hex::decode_to_slice(given.trim(), &mut bytes)
        .context("a public key is 64 hexadecimal digits")?;
    Ok(VerifyingKey::from_bytes(&bytes)?)
}

fn verify_file(
    home: &Home,
    file: Option<PathBuf>,
    public_key: Option<&str>,
    sealed: bool,
    checkpoint: Option<PathBuf>,
    out: Output,
) -> Result<ExitCode> {
    let path = file.unwrap_or_else(|| home.file("ledger.db"));
    let key = key(home, public_key)?;
    let secrets = if sealed { None } else { home.secrets().ok() };
    let note = checkpoint.map(|path| {
        std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    });
    let report = check(&path, &key, secrets.as_ref(), note.transpose()?.as_deref())?;
    out.value(&serde_json::to_value(&report)?, |_| show(&report))?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Verifies a ledger's file, with a bar for people who wait.
pub(crate) fn check(
    path: &Path,
    key: &VerifyingKey,
    secrets: Option<&Secrets>,
    older: Option<&str>,
) -> Result<Report> {
    let shown = path.display();
    if !path.exists() {
        bail!("there is no `{shown}`");
    }
    let store = Embedded::open_file(path)
        .with_context(|| format!("`{shown}` cannot be read as a ledger"))?;
    let bar = ProgressBar::new(store.head()?.position.number).with_style(
        ProgressStyle::with_template("verifying {bar:30} {human_pos}/{human_len} entries")?,
    );
    let report = verify(&store, key, secrets, older, &mut |entries| bar.set_position(entries))?;
    bar.finish_and_clear();
    Ok(report)
}

fn show(report: &Report) -> String {
    let mut text = format!(
        "{} entries, {} of them erased, {} opened\nroot {}\nsigned head: {}\n",
        report.entries,
        report.erased,
        report.opened,
        report.root,
        if report.is_signed { "holds" } else { "missing or false" }
    );
    for problem in &report.problems {
        text += &format!("PROBLEM  {problem}\n");
    }
    if report.holds() {
        text += "Everything holds";
    }
    text
}
