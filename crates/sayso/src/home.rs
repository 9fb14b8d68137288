//! The folder of a ledger: its files, its lock, and who may open it.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, Permissions, TryLockError},
    io::{ErrorKind, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use sayso_api::{App, metrics::Metrics};
use sayso_ledger::{Clock, Ledger, Secrets, deliver::Board, door::Door, journal::Journal};
use sayso_stores::Embedded;
use serde::{Deserialize, Serialize};

use crate::drivers;

/// A folder that may hold a ledger.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    journal: PathBuf,
}

/// What is in a folder, apart from what restores put aside: nobody but its owner reads any of it.
const FILES: [&str; 12] = [
    "ledger.db",
    "ledger.db-wal",
    "ledger.db-shm",
    "derived.db",
    "derived.db-wal",
    "derived.db-shm",
    "root.key",
    "admin.key",
    "running.json",
    "lock",
    "withdrawals.journal",
    JOURNAL_AT,
];
/// Where the journal is, if it is not in the folder.
const JOURNAL_AT: &str = "journal.path";

/// A ledger that this process holds. The lock goes when it does.
pub(crate) struct Opened {
    pub(crate) app: Arc<App>,
    _lock: File,
}

/// Where the process that holds a ledger is reached.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) pid: u32,
}

impl Home {
    /// The folder that was named, or the user's own. Its journal is the one that is stated, else the
    /// one that it was last opened with: a command must not miss what a server wrote elsewhere.
    pub(crate) fn new(dir: Option<PathBuf>, journal: Option<PathBuf>) -> Result<Self> {
        let dir = dir.map_or_else(default_dir, Ok)?;
        let journal = match journal {
            Some(stated) => std::path::absolute(stated).context("the path of the journal")?,
            None => known_journal(&dir)?,
        };
        Ok(Self { dir, journal })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn journal(&self) -> &Path {
        &self.journal
    }

    /// Opens the journal. If it is another than before, it takes over what that one holds, and the
    /// folder notes where it is from now on.
    pub(crate) fn open_journal(&self, secrets: &Secrets) -> Result<Journal> {
        let shown = self.journal.display();
        let cannot = || format!("cannot open `{shown}`");
        let before = known_journal(&self.dir)?;
        let mut journal = Journal::open(&self.journal).with_context(cannot)?;
        if before != self.journal {
            if before.exists() {
                let failed = || format!("cannot take over `{}`", before.display());
                journal.take_over(&before, secrets).with_context(failed)?;
            }
            write_private(&self.file(JOURNAL_AT), self.journal.as_os_str().as_bytes())?;
        }
        Ok(journal)
    }

    /// Takes from others the right to look into the folder and its files.
    pub(crate) fn tighten(&self) {
        let files = FILES.iter().map(|name| self.file(name));
        for path in files.chain([self.dir.clone(), self.journal.clone()]) {
            if let Err(error) = tighten(&path) {
                tracing::warn!(%error, path = %path.display(), "others can read it");
            }
        }
    }

    pub(crate) fn exists(&self) -> bool {
        self.file("root.key").exists()
    }

    /// Makes the folder and its root key.
    pub(crate) fn create(&self) -> Result<()> {
        let shown = self.dir.display();
        if self.exists() {
            bail!("`{shown}` holds a ledger already");
        }
        if self.file("ledger.db").exists() {
            bail!(
                "`{shown}` holds a ledger without its `root.key`; bring the key back, it cannot be made again"
            );
        }
        self.make_folder()?;
        let secrets = Secrets::generate()?;
        write_private(&self.file("root.key"), secrets.to_hex().as_bytes())
    }

    /// Makes the folder, if it is missing, so that only its owner can look into it.
    pub(crate) fn make_folder(&self) -> Result<()> {
        make_private(&self.dir).with_context(|| format!("cannot make `{}`", self.dir.display()))
    }

    pub(crate) fn secrets(&self) -> Result<Secrets> {
        let path = self.file("root.key");
        let shown = path.display();
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{shown}`; make a ledger with `sayso init`"))?;
        Secrets::from_hex(&text).with_context(|| format!("`{shown}`"))
    }

    /// Takes the lock; none if another process holds it.
    pub(crate) fn lock(&self) -> Result<Option<File>> {
        let path = self.file("lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot open `{}`", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the ledger"),
        }
    }

    /// Opens the ledger; none if another process holds it.
    pub(crate) fn open(&self, clock: Clock, public_url: String) -> Result<Option<Opened>> {
        let secrets = self.secrets()?;
        let Some(lock) = self.lock()? else { return Ok(None) };
        self.tighten();
        let shown = self.dir.display();
        let damaged =
            || format!("the ledger in `{shown}` cannot be opened; `sayso doctor` says more");
        let store = Embedded::open(&self.dir).with_context(damaged)?;
        let journal = self.open_journal(&secrets)?;
        let ledger =
            Ledger::open(Arc::new(store), secrets, clock, Some(journal)).with_context(damaged)?;
        let drivers = drivers::drivers(ledger.secrets(), ledger.id());
        let app = App {
            ledger: Arc::new(ledger),
            board: Arc::new(Board::default()),
            door: Arc::new(Door::default()),
            drivers,
            metrics: Arc::new(Metrics::default()),
            public_url,
        };
        Ok(Some(Opened { app: Arc::new(app), _lock: lock }))
    }

    /// Says where this process is reached.
    pub(crate) fn note_running(&self, url: &str) -> Result<()> {
        let running = Running { url: url.to_owned(), pid: std::process::id() };
        write_private(&self.file("running.json"), &serde_json::to_vec(&running)?)
    }

    /// Says that this process is reached no longer. If the file stays the lock still tells the truth.
    pub(crate) fn note_stopped(&self) {
        let _ = std::fs::remove_file(self.file("running.json"));
    }

    /// Where the process that holds the ledger is reached.
    pub(crate) fn running(&self) -> Option<Running> {
        let bytes = std::fs::read(self.file("running.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// The key of the operator of this machine.
    pub(crate) fn admin_key(&self) -> Option<String> {
        std::fs::read_to_string(self.file("admin.key")).ok().map(|key| key.trim().to_owned())
    }
}

/// `$XDG_DATA_HOME/sayso`, else `~/.local/share/sayso`.
fn default_dir() -> Result<PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    Ok(data
        .context("neither XDG_DATA_HOME nor HOME is set; name a folder with `--dir`")?
        .join("sayso"))
}

/// The journal that a folder was last opened with; its own, if it never was.
fn known_journal(dir: &Path) -> Result<PathBuf> {
    let path = dir.join(JOURNAL_AT);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(PathBuf::from(OsString::from_vec(bytes))),
        // Where there is no folder there is no journal yet; whoever makes the folder says more.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(dir.join("withdrawals.journal"))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Takes from others every right to a file or folder. One that anybody may put things into, such as
/// `/tmp`, is not ours alone and is left as it is.
fn tighten(path: &Path) -> std::io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let mode = found.permissions().mode();
    if found.is_symlink() || mode & 0o1000 != 0 || mode & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & 0o700))
}

/// Makes a folder that only its owner can look into.
pub(crate) fn make_private(dir: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let shown = path.display();
    let fresh = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&fresh);
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().with_context(|| format!("cannot write `{shown}`"))
}
