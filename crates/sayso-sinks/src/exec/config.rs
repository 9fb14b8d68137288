//! Which program, and how it is run.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

/// Most messages that one run is given.
pub const BATCH_MAX: usize = 10_000;
/// Most runs at once.
pub const AT_ONCE_MAX: usize = 16;
/// The longest that one run may take, in milliseconds.
pub const TIMEOUT_MAX_MS: u64 = 600_000;

/// The settings. Each secret becomes a variable of the environment under its own name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The absolute path of the program.
    pub program: PathBuf,
    /// What it is given, one by one: nothing is split, and nothing expanded.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// All that it sees of an environment, beside the secrets.
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

/// What is wrong with the settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The program or the folder is named from some other place.
    #[error("program and folder are not absolute paths")]
    Path,
    /// Something holds a zero byte, or a name of a variable is none.
    #[error(
        "a variable of the environment is not of capitals, digits and `_`, or something holds a \
         zero byte"
    )]
    Variable,
    /// Out of range.
    #[error("timeout_ms is not between 1 and {TIMEOUT_MAX_MS}")]
    Timeout,
    /// Out of range.
    #[error("batch_max is not between 1 and {BATCH_MAX}, or at_once not between 1 and {AT_ONCE_MAX}")]
    Pace,
}

impl Settings {
    pub(super) fn check(
        &self,
        secrets: &BTreeMap<String, Zeroizing<String>>,
    ) -> Result<(), ExecError> {
        if !self.program.is_absolute() || !self.folder.is_absolute() {
            return Err(ExecError::Path);
        }
        let is_name = |name: &String| {
            let is_fit = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
            !name.is_empty()
                && name.bytes().all(is_fit)
                && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        let values = self.environment.values().chain(&self.arguments);
        let values = values.map(String::as_str).chain(secrets.values().map(|own| own.as_str()));
        let mut names = self.environment.keys().chain(secrets.keys());
        if !names.all(is_name) || values.into_iter().any(|value| value.contains('\0')) {
            return Err(ExecError::Variable);
        }
        if !(1..=TIMEOUT_MAX_MS).contains(&self.timeout_ms) {
            return Err(ExecError::Timeout);
        }
        let is_fit =
            (1..=BATCH_MAX).contains(&self.batch_max) && (1..=AT_ONCE_MAX).contains(&self.at_once);
        if is_fit { Ok(()) } else { Err(ExecError::Pace) }
    }
}
