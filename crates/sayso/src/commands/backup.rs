//! `sayso backup` and `sayso restore`.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sayso_consent::Position;
use sayso_ledger::{
    Ledger, Secrets, Store,
    journal::{Index, Line},
    limits::FOLLOW_ENTRIES_MAX,
};
use sayso_stores::Embedded;
use serde_json::json;

use crate::{
    cli::Global,
    commands::log::check,
    home::{Home, make_private},
    output::Output,
};

/// Copies the ledger while it is in use. The root key is not in the copy: keep it apart.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where to write the copy: a file that does not exist yet
    file: PathBuf,
}

/// Brings a copy back into a folder, with whatever the journal says was taken away since. What was granted after the copy was made is lost and has to be asked for again.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The copy
    file: PathBuf,
    /// A journal of withdrawals; that of the folder unless said
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Go on though there is no journal any more: whatever was withdrawn since the copy was made is
    /// allowed again
    #[arg(long, conflicts_with = "journal")]
    without_journal: bool,
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

pub(crate) fn restore(global: &Global, args: &RestoreArgs, out: Output) -> Result<()> {
    let home = global.home()?;
    home.make_folder()?;
    take_root_key(&home, args.root_key.as_deref())?;
    let secrets = home.secrets()?;
    let _lock = home.lock()?.context("a server holds the ledger; stop it first")?;
    home.tighten();
    let report = check(&args.file, &secrets.verifying(), Some(&secrets), None)?;
    if !report.holds() {
        bail!("the copy does not hold, nothing was changed: {}", report.problems.join("; "));
    }
    let entries = report.entries;
    let lines = lacking(&home, args, &secrets, out)?;
    if args.dry_run {
        let replayed = lines.len();
        return out.value(&json!({"entries": entries, "replayed": replayed}), |_| {
            format!(
                "{entries} entries would be brought back, {replayed} lines of the journal replayed"
            )
        });
    }
    let (replayed, aside) = bring_back(global, &home, &args.file, &lines)?;
    out.value(&json!({"entries": entries, "replayed": replayed, "aside": aside}), |_| {
        let aside = aside.as_ref().map_or_else(String::new, |aside| {
            format!(" What was there is in `{}`.", aside.display())
        });
        format!("Restored {entries} entries, replayed {replayed} lines of the journal.{aside}")
    })
}

/// What the journal holds and the copy lacks. A journal that was named is taken over into the
/// folder's own: a later restore must not need it again.
fn lacking(home: &Home, args: &RestoreArgs, secrets: &Secrets, out: Output) -> Result<Vec<Line>> {
    let own = home.journal();
    let path = match &args.journal {
        Some(named) if args.dry_run => named.as_path(),
        Some(named) => {
            let failed = || format!("cannot take over `{}`", named.display());
            home.open_journal(secrets)?.take_over(named, secrets).with_context(failed)?;
            own
        }
        None => own,
    };
    let shown = path.display();
    if !path.exists() {
        if args.without_journal {
            return Ok(Vec::new());
        }
        bail!(
            "there is no journal at `{shown}`, nothing was changed: without it what was withdrawn \
             since would be allowed again; name it with `--journal`, or say `--without-journal` if it is lost"
        );
    }
    let cannot = || format!("cannot read `{shown}`");
    let mut index = Index::read(path, secrets).with_context(cannot)?;
    if index.unreadable > 0 {
        out.note(format!(
            "{} lines of the journal cannot be read and are left out",
            index.unreadable
        ));
    }
    see_all(&mut index, &args.file)?;
    index.lacking(path, secrets).with_context(cannot)
}

/// Shows a journal every entry of the copy.
fn see_all(index: &mut Index, copy: &Path) -> Result<()> {
    let store = Embedded::open_file(copy)?;
    let mut position = Position::START;
    loop {
        let records = store.read_after(position, FOLLOW_ENTRIES_MAX)?;
        let Some(last) = records.last() else { return Ok(()) };
        position = last.position;
        for record in &records {
            index.see(&record.chain);
        }
    }
}

/// Puts the copy in place, with what the journal holds beyond it.
fn bring_back(
    global: &Global,
    home: &Home,
    copy: &Path,
    lines: &[Line],
) -> Result<(usize, Option<PathBuf>)> {
    let staged = stage(home, copy)?;
    let store = Arc::new(Embedded::open(&staged)?);
    let (replayed, mark) = Ledger::restore(store, home.secrets()?, global.clock(), lines)?;
    let aside = put_in_place(home, &staged)?;
    // Not before: if we crash in between, the lines are replayed once more, which costs nothing
    // but entries. The other order would take them from the ledger that is still in place.
    home.open_journal(&home.secrets()?)?.append(&[mark], &home.secrets()?)?;
    std::fs::remove_dir_all(&staged)?;
    Ok((replayed, aside))
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
    make_private(&staged)?;
    let own = staged.join("ledger.db");
    std::fs::copy(copy, &own).context("cannot copy the backup")?;
    std::fs::set_permissions(&own, Permissions::from_mode(0o600))?;
    Ok(staged)
}

/// Puts what is there aside and what was staged in its place.
fn put_in_place(home: &Home, staged: &Path) -> Result<Option<PathBuf>> {
    let names = ["ledger.db", "ledger.db-wal", "ledger.db-shm"];
    let mut aside = None;
    if home.file("ledger.db").exists() {
        let is_free = |number: &u32| !home.file(&format!("before-restore-{number}")).exists();
        let number = (1..).find(is_free).context("no name is free")?;
        let folder = home.file(&format!("before-restore-{number}"));
        make_private(&folder)?;
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
