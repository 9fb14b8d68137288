//! A file that appears under its name once it is whole.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// A file being written. Unless it is kept it goes: half a list that looks whole is worse than
/// none.
pub(crate) struct Partial {
    path: PathBuf,
    partial: PathBuf,
    file: File,
    is_kept: bool,
}

impl Partial {
    /// Begins a file that only its owner can read: what is in it is about people.
    pub(crate) fn new(path: &Path) -> Result<Self> {
        Self::under(path, "partial")
    }

    /// The same, with its own end behind the name.
    pub(crate) fn under(path: &Path, end: &str) -> Result<Self> {
        let partial = beside(path, end);
        let cannot = || format!("cannot write `{}`", partial.display());
        let _ = std::fs::remove_file(&partial);
        let mut options = OpenOptions::new();
        let file = options.create_new(true).write(true).mode(0o600).open(&partial);
        let file = file.with_context(cannot)?;
        Ok(Self { path: path.to_owned(), partial, file, is_kept: false })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name.
    pub(crate) fn keep(mut self) -> Result<()> {
        let cannot = || format!("cannot write `{}`", self.path.display());
        self.file.sync_all().with_context(cannot)?;
        std::fs::rename(&self.partial, &self.path).with_context(cannot)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// A file's name with something behind it, in the same folder.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    PathBuf::from(name)
}
