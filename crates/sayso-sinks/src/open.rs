//! Opening a sink from what an operator wrote.

use serde::de::DeserializeOwned;

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

/// The settings of a kind.
pub(crate) fn settings<T: DeserializeOwned>(settings: &serde_json::Value) -> Result<T, OpenError> {
    T::deserialize(settings).map_err(OpenError::of)
}
