//! Which database, which tables, and what else is to be run.

use std::{path::PathBuf, time::Duration};

use hyper::Uri;
use serde::Deserialize;

use super::{statement::Statement, tables::Dialect};
use crate::open::{Kind, OpenError, Secret, Setting};

/// Most messages in one transaction.
pub const BATCH_MAX: usize = 5_000;
/// The longest that one transaction may take, in milliseconds.
pub const TIMEOUT_MAX_MS: u64 = 300_000;
/// Longest prefix of the tables' names, in bytes.
const PREFIX_BYTES_MAX: usize = 32;
/// What is wrong with whatever is no prefix.
pub const PREFIX: &str =
    "is not of small letters, digits and `_`, beginning with a letter, in at most 32 bytes";

/// Whether the names of tables can begin so.
pub fn is_prefix(text: &str) -> bool {
    let is_word = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'_';
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= PREFIX_BYTES_MAX
        && text.as_bytes().iter().all(is_word)
}

/// What this kind is.
pub const KIND: Kind = Kind {
    name: "sql",
    what: "Keeps permissions in tables of a PostgreSQL, MariaDB or SQLite database.",
    settings: &[
        Setting {
            name: "url",
            what: "postgres://role@host:5432/database, mariadb://role@host:3306/database or \
                   sqlite:/folder/file.db",
            default: None,
        },
        Setting {
            name: "prefix",
            what: "what the names of the tables begin with",
            default: Some("sayso_"),
        },
        Setting {
            name: "create_tables",
            what: "whether tables that are missing are created",
            default: Some("false"),
        },
        Setting { name: "tls", what: "whether TLS is spoken", default: Some("true") },
        Setting {
            name: "allow_private",
            what: "whether it may be this machine or on a private network, and be spoken to \
                   without TLS",
            default: Some("false"),
        },
        Setting {
            name: "ca_file",
            what: "certificates of authorities in a PEM file",
            default: Some("those that browsers trust"),
        },
        Setting {
            name: "timeout_ms",
            what: "how long one transaction may take, in milliseconds",
            default: Some("30000"),
        },
        Setting {
            name: "batch_max",
            what: "most messages in one transaction",
            default: Some("1000"),
        },
        Setting {
            name: "statements",
            what: "what else is run in the transaction: `when`, `purpose`, `data`, `channel`, \
                   `sql`, `check_sql`",
            default: Some("nothing"),
        },
    ],
    secrets: &[Secret { name: "password", what: "the password of the role" }],
    open: super::deliver::open,
};

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
    /// Whether TLS is spoken. On a socket of this machine it never is.
    #[serde(default = "yes")]
    pub tls: bool,
    /// Whether it may be the machine itself or on a private network, and be spoken to without TLS.
    #[serde(default)]
    pub allow_private: bool,
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

fn yes() -> bool {
    true
}

fn timeout_ms() -> u64 {
    30_000
}

fn batch_max() -> usize {
    1_000
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
    pub(super) fn target(&self) -> Result<Target, OpenError> {
        if !is_prefix(&self.prefix) {
            return Err(OpenError::wrong("prefix", PREFIX));
        }
        if !(1..=TIMEOUT_MAX_MS).contains(&self.timeout_ms) {
            let why = format!("is not between 1 and {TIMEOUT_MAX_MS}");
            return Err(OpenError::wrong("timeout_ms", why));
        }
        if !(1..=BATCH_MAX).contains(&self.batch_max) {
            let why = format!("is not between 1 and {BATCH_MAX}");
            return Err(OpenError::wrong("batch_max", why));
        }
        if !self.tls && !self.allow_private {
            return Err(OpenError::wrong("tls", "cannot be left out but with `allow_private`"));
        }
        Target::read(&self.url)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

impl Target {
    fn read(url: &str) -> Result<Self, OpenError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let place = Place::File(path.into());
            let is_absolute = path.starts_with('/') && !path.ends_with('/');
            let (role, database) = (String::new(), String::new());
            let target = Self { dialect: Dialect::Sqlite, place, role, database };
            return is_absolute.then_some(target).ok_or_else(unreadable);
        }
        let uri: Uri = url.parse().map_err(|_| unreadable())?;
        let (dialect, port) = match uri.scheme_str() {
            Some("postgres" | "postgresql") => (Dialect::Postgres, 5432),
            Some("mariadb" | "mysql") => (Dialect::Mariadb, 3306),
            _ => return Err(unreadable()),
        };
        let authority = uri.authority().ok_or_else(unreadable)?;
        let (role, rest) = authority.as_str().rsplit_once('@').ok_or_else(unreadable)?;
        if role.contains(':') {
            let why = "holds a password; make it the secret `password`";
            return Err(OpenError::wrong("url", why));
        }
        let database = uri.path().trim_start_matches('/');
        // A port that cannot be read is taken for none, and would silently be the usual one.
        let is_odd = rest != authority.host() && authority.port_u16().is_none();
        if role.is_empty() || database.is_empty() || database.contains('/') || is_odd {
            return Err(unreadable());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let place = match uri.query() {
            None => Place::Host(host, authority.port_u16().unwrap_or(port)),
            Some(query) => {
                let path = query.strip_prefix("socket=").filter(|path| path.starts_with('/'));
                Place::Socket(path.ok_or_else(unreadable)?.into())
            }
        };
        Ok(Self { dialect, place, role: role.to_owned(), database: database.to_owned() })
    }
}

fn unreadable() -> OpenError {
    let why = "cannot be read; write postgres://role@host:5432/database, \
               mariadb://role@host:3306/database or sqlite:/folder/file.db";
    OpenError::wrong("url", why)
}
