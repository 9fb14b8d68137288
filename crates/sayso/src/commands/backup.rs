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
    home.make_folder()?;
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
    let staged = stage(&home, &args.file)?;
    let replayed = replay(global, &home, &staged, lines, from).await?;
    let aside = put_in_place(&home, &staged)?;
    renew_journal(&home, &path, &staged, from)?;
    std::fs::remove_dir_all(&staged)?;
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

/// Copies the backup into a folder of its own. It is put in place when everything that was
/// withdrawn since is in it: a server started after a crash in between must not run on less.
fn stage(home: &Home, copy: &Path) -> Result<PathBuf> {
    let staged = home.file("restoring");
    if staged.exists() {
        std::fs::remove_dir_all(&staged).context("cannot remove what a restore left behind")?;
    }
    std::fs::create_dir(&staged)?;
    std::fs::copy(copy, staged.join("ledger.db")).context("cannot copy the backup")?;
    Ok(staged)
}

/// Writes again what the journal holds beyond the copy.
async fn replay(
    global: &Global,
    home: &Home,
    staged: &Path,
    lines: Vec<journal::Line>,
    from: Position,
) -> Result<usize> {
    let store = std::sync::Arc::new(Embedded::open(staged)?);
    // A journal of its own: what is replayed must stay known to a later restore of the same copy.
    let fresh = journal::Journal::open(&staged.join("journal"))?;
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

/// Puts what is there aside and what was staged in its place.
fn put_in_place(home: &Home, staged: &Path) -> Result<Option<PathBuf>> {
    let names = ["ledger.db", "ledger.db-wal", "ledger.db-shm"];
    let mut aside = None;
    if home.file("ledger.db").exists() {
        let is_free = |number: &u32| !home.file(&format!("before-restore-{number}")).exists();
        let number = (1..).find(is_free).context("no name is free")?;
        let folder = home.file(&format!("before-restore-{number}"));
        std::fs::create_dir(&folder)?;
        move_files(names, home.dir(), &folder)?;
        aside = Some(folder);
    }
    for name in ["derived.db", "derived.db-wal", "derived.db-shm"] {
        let _ = std::fs::remove_file(home.file(name));
    }
    std::fs::File::open(staged.join("ledger.db"))?.sync_all()?;
    move_files(names, staged, home.dir())?;
    std::fs::File::open(home.dir())?.sync_all()?;
    Ok(aside)
}

fn move_files(names: [&str; 3], from: &Path, to: &Path) -> Result<()> {
    for name in names.into_iter().filter(|name| from.join(name).exists()) {
        std::fs::rename(from.join(name), to.join(name))?;
    }
    Ok(())
}

/// The old journal's lines are on the ledger now, at other places: it goes aside, and the lines
/// that were written while replaying begin the new one. If another journal than the folder's own
/// was named, the folder gets them as well, for its server may write there.
fn renew_journal(home: &Home, path: &Path, staged: &Path, from: Position) -> Result<()> {
    let fresh = staged.join("journal");
    if path.exists() {
        let number = (0..).map(|again| path.with_extension(format!("before-{from}-{again}")));
        let aside = number.into_iter().find(|aside| !aside.exists()).context("no name is free")?;
        std::fs::rename(path, aside)?;
    }
    let own = home.journal();
    let places = [Some(path), Some(own.as_path()).filter(|own| *own != path && !own.exists())];
    for place in places.into_iter().flatten() {
        // Copied, for a journal is best on another disk.
        std::fs::copy(&fresh, place)
            .with_context(|| format!("cannot write `{}`", place.display()))?;
        std::fs::File::open(place)?.sync_all()?;
    }
    Ok(())
}
