//! Opening a sink from what an operator wrote, and the table of all kinds.

use std::{collections::BTreeMap, sync::Arc};

use sayso_ledger::sink::{Kind, Sink, Told};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::webhook;

/// Why a sink cannot be opened. Shown to the operator; repeats no value of a setting or a secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

impl OpenError {
    /// What is wrong, for people.
    pub fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// What a driver keeps sealed, by name.
pub type SealedSettings = BTreeMap<String, Zeroizing<String>>;

/// The settings of a kind.
pub(crate) fn settings<T: DeserializeOwned>(settings: &Value) -> Result<T, OpenError> {
    T::deserialize(settings).map_err(OpenError::of)
}

type OpenKind = fn(&Value, &SealedSettings, &Told) -> Result<Arc<dyn Sink>, OpenError>;

/// Every kind, and how it is opened.
const KINDS: &[(Kind, OpenKind)] = &[(webhook::KIND, webhook::open)];

/// The kinds that there are.
pub fn kinds() -> Vec<Kind> {
    KINDS.iter().map(|(kind, _)| *kind).collect()
}

/// A sink of a kind.
///
/// # Errors
/// There is no such kind, or a setting cannot be used.
pub fn open(
    kind: &str,
    settings: &Value,
    secrets: &SealedSettings,
    told: &Told,
) -> Result<Arc<dyn Sink>, OpenError> {
    let names = || KINDS.iter().map(|(kind, _)| kind.name).collect::<Vec<_>>().join(", ");
    let unknown = || OpenError(format!("there is no sink of this kind; there are {}", names()));
    let (_, open) = KINDS.iter().find(|(known, _)| known.name == kind).ok_or_else(unknown)?;
    open(settings, secrets, told)
}
