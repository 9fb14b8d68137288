//! What is listed, how, and where.

use std::path::PathBuf;

use sayso_consent::Id;
use sayso_ledger::deliver::PermissionData;
use serde::Deserialize;

use crate::open::{Kind, OpenError, Setting};

/// The longest time between a change and the list that has it, in seconds.
pub const EVERY_SECONDS_MAX: u64 = 7 * 24 * 3_600;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "suppression",
    what: "Writes complete lists of who must not be used, for systems that take lists only.",
    settings: &[
        Setting { name: "folder", what: "where it keeps its state, for itself", default: None },
        Setting { name: "exports", what: "a folder that exists, for the lists", default: None },
        Setting {
            name: "name",
            what: "what the names of lists begin with",
            default: Some("<recipient>"),
        },
        Setting {
            name: "every_seconds",
            what: "how often there may be a new list",
            default: Some("3600"),
        },
        Setting {
            name: "form",
            what: "names as `sha256` of the trimmed lower-cased value, or `plain`",
            default: Some("sha256"),
        },
        Setting {
            name: "purpose",
            what: "one list for this purpose, without columns that say for what",
            default: Some("all purposes, in columns"),
        },
        Setting { name: "data", what: "look at this data only", default: Some("all") },
        Setting { name: "channel", what: "look at this channel only", default: Some("all") },
    ],
    secrets: &[],
    open: super::deliver::open,
};

/// The settings. There are no secrets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it keeps its state. It is made if it is missing, for the owner alone.
    pub folder: PathBuf,
    /// Where lists are put: a folder that exists and that the partner can reach.
    pub exports: PathBuf,
    /// What the names of lists begin with; the recipient's id unless it says otherwise.
    pub name: Option<Id>,
    /// How often there may be a new list.
    #[serde(default = "every_seconds")]
    pub every_seconds: u64,
    /// How names are written.
    #[serde(default)]
    pub form: Form,
    /// One list for this purpose and what lies within it.
    pub purpose: Option<Id>,
    /// Look at this data and what lies within it only.
    pub data: Option<Id>,
    /// Look at this channel only.
    pub channel: Option<Id>,
}

/// How names are written in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// SHA-256 of the trimmed lower-cased value without its namespace, in hexadecimal digits.
    #[default]
    Sha256,
    /// The value without its namespace.
    Plain,
}

impl Form {
    /// What its column is called.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Plain => "identifier",
        }
    }
}

fn every_seconds() -> u64 {
    3_600
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), OpenError> {
        for (name, path) in [("folder", &self.folder), ("exports", &self.exports)] {
            if !path.is_absolute() {
                return Err(OpenError::wrong(name, "is not an absolute path"));
            }
        }
        // Whoever fetches lists would fetch everybody's names in plain text.
        if self.folder.starts_with(&self.exports) {
            return Err(OpenError::wrong("folder", "lies within `exports`"));
        }
        if self.name.as_ref().is_some_and(|name| name.as_str().contains('/')) {
            return Err(OpenError::wrong("name", "holds a `/`"));
        }
        if !(1..=EVERY_SECONDS_MAX).contains(&self.every_seconds) {
            let why = format!("is not between 1 and {EVERY_SECONDS_MAX}");
            return Err(OpenError::wrong("every_seconds", why));
        }
        Ok(())
    }

    /// Whether a permission is one of those that are listed.
    pub(super) fn is_about(&self, permission: &PermissionData) -> bool {
        let PermissionData { purpose, data, channel, .. } = permission;
        self.purpose.as_ref().is_none_or(|own| own.covers(purpose))
            && self.data.as_ref().is_none_or(|own| own.covers(data))
            && (self.channel.is_none() || self.channel == *channel)
    }
}
