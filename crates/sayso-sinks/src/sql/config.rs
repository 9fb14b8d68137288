//! Which database, which tables, and what else is to be run.

use std::{path::PathBuf, time::Duration};

use hyper::Uri;
use serde::Deserialize;

use super::{
    statement::{Problem, Statement},
    tables::Dialect,
};

/// Most messages in one transaction.
pub const BATCH_MAX: usize = 5_000;
/// The longest that one transaction may take, in milliseconds.
pub const TIMEOUT_MAX_MS: u64 = 300_000;
/// Longest prefix of the tables' names, in bytes.
pub const PREFIX_BYTES_MAX: usize = 32;

/// The settings of one database. Its password is the secret `password`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `postgres://name@host:5432/database`, `mariadb://name@host:3306/database` or
    /// `sqlite:/folder/file.db`. For a socket of this machine its folder (PostgreSQL) or path
    /// (MariaDB) follows as `?socket=/run/postgresql`.
    pub url: String,
    /// What the names of the tables begin with: small letters, digits and `_`.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// Whether tables that are missing are created. Otherwise somebody runs what [`super::ddl`] says.
    #[serde(default)]
    pub create_tables: bool,
    /// Whether the connection may go without TLS. A socket of this machine never has it.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// Certificates, in PEM, that the server's must come from, instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// How long one transaction may take, in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    /// Most messages in one transaction.
    #[serde(default = "batch_max")]
    pub batch_max: usize,
    /// What else is run in the transaction.
    #[serde(default)]
    pub statements: Vec<Statement>,
}

fn prefix() -> String {
    "sayso_".into()
}

fn timeout_ms() -> u64 {
    30_000
}

fn batch_max() -> usize {
    1_000
}

/// What is wrong with the settings. No message repeats the URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The URL cannot be read.
    #[error(
        "the database url cannot be read; write postgres://name@host:5432/database, \
         mariadb://name@host:3306/database or sqlite:/folder/file.db"
    )]
    Url,
    /// The URL holds a password.
    #[error("the database url holds a password; make it the secret `password`")]
    Password,
    /// The prefix does not fit.
    #[error(
        "the prefix of the tables is not of small letters, digits and `_`, beginning with a \
         letter, and at most {PREFIX_BYTES_MAX} bytes"
    )]
    Prefix,
    /// The timeout is out of range.
    #[error("timeout_ms is not between 1 and {TIMEOUT_MAX_MS}")]
    Timeout,
    /// The size of a batch is out of range.
    #[error("batch_max is not between 1 and {BATCH_MAX}")]
    Batch,
    /// The certificates cannot be read.
    #[error("the ca_file cannot be read as certificates in PEM")]
    Certificates,
    /// A statement cannot be run.
    #[error("statement {number}: {problem}")]
    Statement {
        /// Which, from 1.
        number: usize,
        /// Why not.
        problem: Problem,
    },
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A server that is reached by its name, as `(host, port)`.
    Host(String, u16),
    /// A socket of this machine.
    Socket(PathBuf),
    /// A file of this machine.
    File(PathBuf),
}

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) dialect: Dialect,
    pub(super) place: Place,
    pub(super) role: String,
    pub(super) database: String,
}

impl Settings {
    /// Checks everything that can be told without connecting.
    pub(super) fn target(&self) -> Result<Target, SqlError> {
        let is_word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        let prefix = self.prefix.as_bytes();
        let begins = prefix.first().is_some_and(u8::is_ascii_lowercase);
        if !begins || prefix.len() > PREFIX_BYTES_MAX || !prefix.iter().copied().all(is_word) {
            return Err(SqlError::Prefix);
        }
        if !(1..=TIMEOUT_MAX_MS).contains(&self.timeout_ms) {
            return Err(SqlError::Timeout);
        }
        if !(1..=BATCH_MAX).contains(&self.batch_max) {
            return Err(SqlError::Batch);
        }
        Target::read(&self.url)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Target {
    fn read(url: &str) -> Result<Self, SqlError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let place = Place::File(path.into());
            let is_absolute = path.starts_with('/') && !path.ends_with('/');
            let (role, database) = (String::new(), String::new());
            let target = Self { dialect: Dialect::Sqlite, place, role, database };
            return is_absolute.then_some(target).ok_or(SqlError::Url);
        }
        let uri: Uri = url.parse().map_err(|_| SqlError::Url)?;
        let (dialect, port) = match uri.scheme_str() {
            Some("postgres" | "postgresql") => (Dialect::Postgres, 5432),
            Some("mariadb" | "mysql") => (Dialect::Mariadb, 3306),
            _ => return Err(SqlError::Url),
        };
        let authority = uri.authority().ok_or(SqlError::Url)?;
        let (role, rest) = authority.as_str().rsplit_once('@').ok_or(SqlError::Url)?;
        if role.contains(':') {
            return Err(SqlError::Password);
        }
        let database = uri.path().trim_start_matches('/');
        // A port that cannot be read is taken for none, and would silently be the usual one.
        let is_odd = rest != authority.host() && authority.port_u16().is_none();
        if role.is_empty() || database.is_empty() || database.contains('/') || is_odd {
            return Err(SqlError::Url);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let place = match uri.query() {
            None => Place::Host(host, authority.port_u16().unwrap_or(port)),
            Some(query) => {
                let path = query.strip_prefix("socket=").filter(|path| path.starts_with('/'));
                Place::Socket(path.ok_or(SqlError::Url)?.into())
            }
        };
        Ok(Self { dialect, place, role: role.to_owned(), database: database.to_owned() })
    }
}
