//! What every database does, each in its own words.

use std::sync::Arc;

use sayso_ledger::sink::{Answer, Kept, Message};

use super::{
    config::{SqlError, Target},
    failure::Failure,
    mariadb::Mariadb,
    plan::Version,
    postgres::Postgres,
    sqlite::Sqlite,
    statement::{Prepared, Statement},
};

/// What a connection needs to know, once.
#[derive(Clone)]
pub(super) struct Profile {
    pub(super) target: Target,
    pub(super) password: Option<Arc<zeroize::Zeroizing<String>>>,
    /// None where plain text is allowed.
    pub(super) tls: Option<Tls>,
    pub(super) prefix: String,
    pub(super) create_tables: bool,
    /// How long a file is waited for that others write to.
    pub(super) busy: std::time::Duration,
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
    /// From certificates in PEM, or the public ones.
    pub(super) fn new(pem: Option<Vec<u8>>) -> Result<Self, SqlError> {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = rustls::RootCertStore::empty();
        match &pem {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|_| SqlError::Certificates)?;
                    roots.add(certificate).map_err(|_| SqlError::Certificates)?;
                }
            }
        }
        if roots.is_empty() {
            return Err(SqlError::Certificates);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| SqlError::Certificates)?;
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Ok(Self { config, roots: pem.map(Into::into) })
    }
}
