//! Which program, and how it is run.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use crate::open::{Kind, OpenError, Secret, Setting};

/// Most messages that one run is given.
pub const BATCH_MAX: usize = 10_000;
/// Most runs at once.
pub const AT_ONCE_MAX: usize = 16;
/// The longest that one run may take, in milliseconds.
pub const TIMEOUT_MAX_MS: u64 = 600_000;

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "exec",
    what: "Runs a program for each batch, which reads events as lines.",
    settings: &[
        Setting { name: "program", what: "its absolute path", default: None },
        Setting { name: "arguments", what: "a list, given as it is", default: Some("none") },
        Setting { name: "environment", what: "all variables that it sees", default: Some("none") },
        Setting { name: "folder", what: "where it is run", default: Some("/") },
        Setting {
            name: "timeout_ms",
            what: "how long one run may take, in milliseconds",
            default: Some("30000"),
        },
        Setting {
            name: "batch_max",
            what: "most messages that one run is given",
            default: Some("100"),
        },
        Setting { name: "at_once", what: "most runs at once", default: Some("1") },
    ],
    secrets: &[Secret {
        name: "secret",
        what: "what the program needs to know and nobody else; its variable SAYSO_SECRET",
    }],
    open: super::deliver::open,
};

/// The settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The absolute path of the program.
    pub program: PathBuf,
    /// What it is given, one by one: nothing is split, and nothing expanded.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// All that it sees of an environment, beside `SAYSO_SECRET` if there is a secret.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Where it is run.
    #[serde(default = "folder")]
    pub folder: PathBuf,
    /// How long one run may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Most messages that one run is given.
    #[serde(default = "batch_max")]
    pub batch_max: usize,
    /// Most runs at once.
    #[serde(default = "at_once")]
    pub at_once: usize,
}

fn folder() -> PathBuf {
    "/".into()
}

fn timeout_ms() -> u64 {
    30_000
}

fn batch_max() -> usize {
    100
}

fn at_once() -> usize {
    1
}

impl Settings {
    pub(super) fn check(&self, secret: Option<&str>) -> Result<(), OpenError> {
        for (name, path) in [("program", &self.program), ("folder", &self.folder)] {
            if !path.is_absolute() {
                return Err(OpenError::wrong(name, "is not an absolute path"));
            }
        }
        let is_name = |name: &String| {
            let is_fit = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
            name.bytes().all(is_fit) && name.starts_with(|c: char| !c.is_ascii_digit())
        };
        if !self.environment.keys().all(is_name) {
            let why = "has a name that is not of capitals, digits and `_`";
            return Err(OpenError::wrong("environment", why));
        }
        let values = self.environment.values().chain(&self.arguments).map(String::as_str);
        if values.chain(secret).any(|value| value.contains('\0')) {
            return Err(OpenError::wrong("arguments", "or a variable holds a zero byte"));
        }
        if !(1..=TIMEOUT_MAX_MS).contains(&self.timeout_ms) {
            let why = format!("is not between 1 and {TIMEOUT_MAX_MS}");
            return Err(OpenError::wrong("timeout_ms", why));
        }
        for (name, value, most) in
            [("batch_max", self.batch_max, BATCH_MAX), ("at_once", self.at_once, AT_ONCE_MAX)]
        {
            if !(1..=most).contains(&value) {
                return Err(OpenError::wrong(name, format!("is not between 1 and {most}")));
            }
        }
        Ok(())
    }
}
