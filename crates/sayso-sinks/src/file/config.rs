//! Where the files are and when they are finished.

use std::path::PathBuf;

use sayso_consent::Id;
use serde::Deserialize;

use crate::open::{Kind, OpenError, Setting};

/// The largest size at which a file may be finished, in bytes.
pub const ROTATE_BYTES_MAX: u64 = 16 << 30;
/// The longest that a file may stay unfinished, in seconds.
pub const ROTATE_SECONDS_MAX: u64 = 31 * 24 * 3_600;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "file",
    what: "Writes events as lines of files, for whoever fetches them.",
    settings: &[
        Setting { name: "folder", what: "an absolute path that exists", default: None },
        Setting {
            name: "name",
            what: "what the names of files begin with",
            default: Some("<recipient>"),
        },
        Setting {
            name: "rotate_bytes",
            what: "at how many bytes a file is finished",
            default: Some("67108864"),
        },
        Setting {
            name: "rotate_seconds",
            what: "how long after its first line a file is finished",
            default: Some("3600"),
        },
    ],
    secrets: &[],
    open: super::deliver::open,
};

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

impl Settings {
    pub(super) fn check(&self) -> Result<(), OpenError> {
        if !self.folder.is_absolute() {
            return Err(OpenError::wrong("folder", "is not an absolute path"));
        }
        if self.name.as_ref().is_some_and(|name| name.as_str().contains('/')) {
            return Err(OpenError::wrong("name", "holds a `/`"));
        }
        for (name, value, most) in [
            ("rotate_bytes", self.rotate_bytes, ROTATE_BYTES_MAX),
            ("rotate_seconds", self.rotate_seconds, ROTATE_SECONDS_MAX),
        ] {
            if !(1..=most).contains(&value) {
                return Err(OpenError::wrong(name, format!("is not between 1 and {most}")));
            }
        }
        Ok(())
    }
}
