//! What every database does, each in its own words.

use std::{net::IpAddr, path::Path, sync::Arc};

use sayso_ledger::sink::{Answer, Kept, Message};

use super::{
    config::{Place, Target},
    failure::Failure,
    mariadb::Mariadb,
    plan::Version,
    postgres::Postgres,
    sqlite::Sqlite,
    statement::{Prepared, Statement},
};
use crate::{
    guard::{Guard, GuardError, SystemResolver},
    open::OpenError,
};

/// What a connection needs to know, once.
#[derive(Clone)]
pub(super) struct Profile {
    pub(super) target: Target,
    pub(super) password: Option<Arc<zeroize::Zeroizing<String>>>,
    /// None where it is not spoken.
    pub(super) tls: Option<Tls>,
    pub(super) allow_private: bool,
    pub(super) timeout: std::time::Duration,
    pub(super) prefix: String,
    pub(super) create_tables: bool,
    /// The ledger and the recipient whose tables these are.
    pub(super) owner: (String, String),
    pub(super) statements: Arc<[Statement]>,
    pub(super) prepared: Arc<[Prepared]>,
}

/// How servers prove who they are.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<rustls::ClientConfig>,
    /// The certificates in PEM that they come from, if not from a public one.
    pub(super) roots: Option<Arc<[u8]>>,
}

/// A connection to a database that holds the tables.
pub(super) trait Database: Send {
    /// Applies a batch in one transaction; how many rows each message changed.
    fn apply(&mut self, messages: Arc<[Message]>) -> Answer<'_, Result<Vec<u64>, Failure>>;

    /// Looks whether the tables are there and whose they are, and says how far they have come.
    fn look(&mut self) -> Answer<'_, Result<Option<Version>, Failure>>;

    /// Everything that is held by range, in parts that add up.
    fn sums(&mut self) -> Answer<'_, Result<Vec<Part>, Failure>>;

    /// Everybody whose key begins so.
    fn people(&mut self, begin: String) -> Answer<'_, Result<Vec<Kept>, Failure>>;

    /// The keys that begin so of those whose own columns contradict what was told, once for each
    /// statement that says so.
    fn contradicting(&mut self, begin: String) -> Answer<'_, Result<Vec<String>, Failure>>;
}

/// A part of what is held: counts of one table over the keys that begin so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) begin: String,
    pub(super) people: u64,
    pub(super) names: u64,
    pub(super) marks: u64,
}

impl Profile {
    /// Connects, and creates what is missing if that is wanted.
    pub(super) async fn connect(&self) -> Result<Box<dyn Database>, Failure> {
        use super::tables::Dialect;
        Ok(match self.target.dialect {
            Dialect::Postgres => Box::new(Postgres::connect(self.clone()).await?),
            Dialect::Mariadb => Box::new(Mariadb::connect(self.clone()).await?),
            Dialect::Sqlite => Box::new(Sqlite::connect(self.clone()).await?),
        })
    }

    /// The addresses of the server, if it is reached by a name and may be reached.
    pub(super) async fn addresses(&self) -> Result<Vec<IpAddr>, Failure> {
        let Place::Host(host, _) = &self.target.place else { return Ok(Vec::new()) };
        let guard = Guard::new(Arc::new(SystemResolver), self.allow_private, self.timeout);
        guard.addresses(host).await.map_err(|error| match error {
            GuardError::Forbidden => Failure::Forbidden,
            _ => Failure::Unreachable,
        })
    }

    /// Whether a row of `ledger` is our own.
    pub(super) fn owns(&self, ledger: &str, recipient: &str) -> Result<(), Failure> {
        let is_own = self.owner.0 == ledger && self.owner.1 == recipient;
        if is_own { Ok(()) } else { Err(Failure::Foreign) }
    }

    /// A statement with the real names of the tables.
    pub(super) fn sql(&self, sql: &str) -> String {
        super::tables::named(sql, &self.prefix)
    }

    /// A query for the keys of all whose own columns contradict what was told, in one column.
    pub(super) fn contradicting(&self) -> Vec<String> {
        let checks = self.statements.iter().filter_map(|own| own.check_sql.as_deref());
        let query = |check: &str| {
            let check = check.trim().trim_end_matches(';');
            let begin = self.sql("select distinct n.key from {names} n where n.identifier in (");
            // A comment at the end of theirs must not swallow ours.
            format!("{begin}{check}\n)")
        };
        checks.map(query).collect()
    }
}

impl Tls {
    /// From a file of certificates in PEM, or the public ones.
    pub(super) fn new(file: Option<&Path>) -> Result<Self, OpenError> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = rustls::RootCertStore::empty();
        let pem = file.map(std::fs::read).transpose().map_err(|_| unreadable())?;
        match &pem {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|_| unreadable())?;
                    roots.add(certificate).map_err(|_| unreadable())?;
                }
            }
        }
        if roots.is_empty() {
            return Err(unreadable());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| unreadable())?;
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Ok(Self { config, roots: pem.map(Into::into) })
    }
}

fn unreadable() -> OpenError {
    OpenError::wrong("ca_file", "cannot be read as certificates in PEM")
}
