//! `sayso backup` and `sayso restore`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sayso_consent::{Command, Position};
use sayso_ledger::{Ledger, Store, journal};
use sayso_stores::Embedded;
use serde_json::json;

use crate::{cli::Global, commands::log::check, home::Home, output::Output};

/// Copies the ledger while it is in use. The root key is not in the copy: keep it apart.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where to write the copy: a file that does not exist yet
    file: PathBuf,
}

/// Brings a copy back into a folder, with the withdrawals and erasures that the journal holds
/// beyond it. What was granted after the copy was made is lost and has to be asked for again.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The copy
    file: PathBuf,
    /// The journal of withdrawals; that of the folder unless said
    #[arg(long)]
    journal: Option<PathBuf>,
    /// The root key's file, for a folder that has none
    #[arg(long)]
    root_key: Option<PathBuf>,
    /// Only say what would be replayed
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn back_up(global: &Global, args: &BackupArgs, out: Output) -> Result<()> {
    let home = global.home()?;
    let shown = args.file.display();
    if args.file.exists() {
        bail!("`{shown}` exists; a backup never overwrites");
    }
    if !home.file("ledger.db").exists() {
        bail!("there is no ledger in `{}`", home.dir().display());
    }
    let store = Embedded::open(home.dir())?;
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("copying {bar:30} {percent}%")?);
    store.back_up(&args.file, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let report = check(&args.file, &home.secrets()?.verifying(), None, None)?;
    if !report.holds() {
        bail!("the copy does not hold: {}", report.problems.join("; "));
    }
    let entries = report.entries;
    out.value(&json!({"file": args.file, "entries": entries, "root": report.root}), |_| {
        format!("{shown}: {entries} entries, verified. The root key is not in it: keep `root.key` apart.")
    })
}

pub(crate) async fn restore(global: &Global, args: &RestoreArgs, out: Output) -> Result<()> {
    let home = global.home()?;
    std::fs::create_dir_all(home.dir())
        .with_context(|| format!("cannot make `{}`", home.dir().display()))?;
    take_root_key(&home, args.root_key.as_deref())?;
    let secrets = home.secrets()?;
    let _lock = home.lock()?.context("a server holds the ledger; stop it first")?;
    let report = check(&args.file, &secrets.verifying(), Some(&secrets), None)?;
    if !report.holds() {
        bail!("the copy does not hold, nothing was changed: {}", report.problems.join("; "));
    }
    let from = Position::at(report.entries);
    let path = args.journal.clone().unwrap_or_else(|| home.journal());
    let (lines, unreadable) = match path.exists() {
        true => journal::read(&path, from, &secrets)
            .with_context(|| format!("cannot read `{}`", path.display()))?,
        false => (Vec::new(), 0),
    };
    if unreadable > 0 {
        out.note(format!("{unreadable} lines of the journal cannot be read and are left out"));
    }
    if args.dry_run {
        return out.value(&json!({"entries": report.entries, "replayed": lines.len()}), |_| {
            format!(
                "{} entries would be brought back, {} withdrawals and erasures replayed",
                report.entries,
                lines.len()
            )
        });
    }
    let aside = put_in_place(&home, &args.file)?;
    drop(_lock);
    let replayed = replay(global, &home, lines, from).await?;
    put_journal_aside(&path, from)?;
    out.value(&json!({"entries": report.entries, "replayed": replayed, "aside": aside}), |_| {
        let aside = aside.as_ref().map_or_else(String::new, |aside| {
            format!(" What was there is in `{}`.", aside.display())
        });
        format!(
            "Restored {} entries, replayed {replayed} withdrawals and erasures.{aside}",
            report.entries
        )
    })
}

fn take_root_key(home: &Home, root_key: Option<&Path>) -> Result<()> {
    let Some(root_key) = root_key else { return Ok(()) };
    let text =
        std::fs::read(root_key).with_context(|| format!("cannot read `{}`", root_key.display()))?;
    if home.exists() && std::fs::read(home.file("root.key"))? != text {
        bail!("the folder has another root key already");
    }
    crate::home::write_private(&home.file("root.key"), &text)
}

/// Puts what is there aside and the copy in its place.
fn put_in_place(home: &Home, copy: &Path) -> Result<Option<PathBuf>> {
    let fresh = home.file("ledger.restored");
    std::fs::copy(copy, &fresh).context("cannot copy the backup")?;
    std::fs::File::open(&fresh)?.sync_all()?;
    let mut aside = None;
    if home.file("ledger.db").exists() {
        let number = (1..).find(|number| !home.file(&format!("before-restore-{number}")).exists());
        let folder = home.file(&format!("before-restore-{}", number.unwrap_or(0)));
        std::fs::create_dir(&folder)?;
        for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
            if home.file(name).exists() {
                std::fs::rename(home.file(name), folder.join(name))?;
            }
        }
        aside = Some(folder);
    }
    for name in ["derived.db", "derived.db-wal", "derived.db-shm"] {
        let _ = std::fs::remove_file(home.file(name));
    }
    std::fs::rename(&fresh, home.file("ledger.db"))?;
    Ok(aside)
}

/// Writes again what the journal holds, before anybody can ask anything.
async fn replay(
    global: &Global,
    home: &Home,
    lines: Vec<journal::Line>,
    from: Position,
) -> Result<usize> {
    let store = std::sync::Arc::new(Embedded::open(home.dir())?);
    // A journal of its own: what is replayed is on the ledger and must stay known to a later restore.
    let fresh = journal::Journal::open(&home.file("withdrawals.replayed"))?;
    let ledger = Ledger::open(store, home.secrets()?, global.clock(), Some(fresh))?;
    ledger.command(Command::NoteRestore { from }, "restore").await??;
    let mut replayed = 0;
    for line in lines {
        let command = Command::Replay {
            subject: line.subject,
            denials: line.denials,
            is_erased: line.is_erased,
        };
        replayed += usize::from(ledger.command(command, "restore").await??.is_new);
    }
    Ok(replayed)
}

/// The old journal's lines are on the ledger now, at other places: it goes aside, and the lines
/// that were written while replaying begin the new one.
fn put_journal_aside(path: &Path, from: Position) -> Result<()> {
    let fresh = path.with_file_name("withdrawals.replayed");
    if path.exists() {
        let number = (0..).map(|again| path.with_extension(format!("before-{from}-{again}")));
        let aside = number.into_iter().find(|aside| !aside.exists()).context("no name is free")?;
        std::fs::rename(path, aside)?;
    }
    if fresh.exists() {
        std::fs::rename(fresh, path)?;
    }
    Ok(())
}
