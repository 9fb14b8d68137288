//! Where the files are and when they are finished.

use std::path::PathBuf;

use sayso_consent::Id;
use serde::Deserialize;

/// The largest size at which a file may be finished, in bytes.
pub const ROTATE_BYTES_MAX: u64 = 16 << 30;
/// The longest that a file may stay unfinished, in seconds.
pub const ROTATE_SECONDS_MAX: u64 = 31 * 24 * 3_600;

/// The settings. There are no secrets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A folder that exists.
    pub folder: PathBuf,
    /// What the files' names begin with; the recipient's id unless it says otherwise.
    pub name: Option<Id>,
    /// At how many bytes a file is finished.
    #[serde(default = "rotate_bytes")]
    pub rotate_bytes: u64,
    /// How many seconds after its first line a file is finished.
    #[serde(default = "rotate_seconds")]
    pub rotate_seconds: u64,
}

fn rotate_bytes() -> u64 {
    64 << 20
}

fn rotate_seconds() -> u64 {
    3_600
}

/// What is wrong with the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The folder is named from some other one.
    #[error("folder is not an absolute path")]
    Folder,
    /// The name would lead elsewhere.
    #[error("name holds a `/`")]
    Name,
    /// Out of range.
    #[error("rotate_bytes is not between 1 and {ROTATE_BYTES_MAX}")]
    Bytes,
    /// Out of range.
    #[error("rotate_seconds is not between 1 and {ROTATE_SECONDS_MAX}")]
    Seconds,
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), FileError> {
        if !self.folder.is_absolute() {
            return Err(FileError::Folder);
        }
        if self.name.as_ref().is_some_and(|name| name.as_str().contains('/')) {
            return Err(FileError::Name);
        }
        if !(1..=ROTATE_BYTES_MAX).contains(&self.rotate_bytes) {
            return Err(FileError::Bytes);
        }
        if !(1..=ROTATE_SECONDS_MAX).contains(&self.rotate_seconds) {
            return Err(FileError::Seconds);
        }
        Ok(())
    }
}
