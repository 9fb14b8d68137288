//! What went wrong at a database, as classes and nothing of what it said: an error of a database
//! repeats the row that it is about.

use std::fmt;

use sayso_ledger::sink::{Outcome, Trouble};

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nobody answers, or the connection broke.
    Unreachable,
    /// The host name has an address that may not be reached.
    Forbidden,
    /// The connection could not be secured.
    Tls,
    /// The role or its password is not accepted, or may not do this.
    Credentials,
    /// It took too long.
    Timeout,
    /// A table, a column or the whole database is missing.
    Missing,
    /// The tables are another ledger's or another recipient's.
    Foreign,
    /// Others were at the same rows; the same again will do.
    Conflict,
    /// A statement cannot take these values: its code. Of a single message, and it is parked.
    Values(String),
    /// Anything else that the database said: its code.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden_address",
            Self::Tls => "tls",
            Self::Credentials => "credentials",
            Self::Timeout => "timeout",
            Self::Missing => "missing_tables",
            Self::Foreign => "tables_of_another",
            Self::Conflict => "conflict",
            Self::Values(code) | Self::Other(code) => return write!(f, "sql_{code}"),
        })
    }
}

impl Failure {
    /// By the code that all databases share (ISO 9075, SQLSTATE).
    pub(super) fn of_state(state: &str) -> Self {
        // A code is five letters and digits. What is not one is not repeated.
        let is_code = state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let code = || if is_code { state.to_ascii_lowercase() } else { "unknown".to_owned() };
        match state.get(..2).unwrap_or_default() {
            "08" => Self::Unreachable,
            "28" => Self::Credentials,
            "22" | "23" => Self::Values(code()),
            "40" => Self::Conflict,
            "57" if state != "57014" => Self::Unreachable,
            _ => match state {
                "42P01" | "42703" | "3D000" | "3F000" | "42S02" | "42S22" => Self::Missing,
                "42501" | "42000" => Self::Credentials,
                "55P03" => Self::Conflict,
                "57014" => Self::Timeout,
                _ => Self::Other(code()),
            },
        }
    }

    /// Whether the connection may be used again.
    pub(super) fn leaves_connection(&self) -> bool {
        matches!(self, Self::Missing | Self::Foreign | Self::Conflict | Self::Values(_))
    }

    /// What it means for a message that was alone.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Values(_) => Outcome::Refused { why: self.to_string() },
            _ => Outcome::again(self.to_string()),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}
