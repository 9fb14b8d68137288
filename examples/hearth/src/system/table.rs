//! The system's own database: what it may do with each customer, and what it has yet to report.

use std::{collections::BTreeMap, path::Path};

use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{SystemError, receive::Message};

/// Marks the file as ours (`Hrth`), so that a wrong path never changes somebody else's database.
const APPLICATION_ID: i32 = 0x4872_7468;
const SCHEMA_VERSION: i32 = 1;

/// In this mode a commit survives the end of the process, not a power cut. A receiver that has
/// to survive one sets `FULL`; since many messages share a commit, it costs little.
const SYNCHRONOUS: &str = "NORMAL";

/// How long it is remembered that somebody left. A message from before that comes later than
/// this would bring them back.
const DEPARTED_DAYS: i64 = 30;

/// One permission, as Sayso says it and as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Permission {
    pub(super) purpose: String,
    pub(super) data: String,
    #[serde(default)]
    pub(super) channel: Option<String>,
    pub(super) allow: bool,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) until: Option<String>,
    #[serde(default)]
    pub(super) grant: Option<String>,
}

/// The columns that the system's own programs have always read, and the use each stands for:
/// (column, purpose, data, channel). Null means that the use is not declared for this system.
const FLAGS: [(&str, &str, &str, Option<&str>); 8] = [
    ("may_email_offers", "marketing.offers", "contact.email", Some("email")),
    ("may_sms_offers", "marketing.offers", "contact.phone", Some("sms")),
    ("may_call_offers", "marketing.offers", "contact.phone", Some("call")),
    ("may_push_offers", "marketing.offers", "contact", Some("push")),
    ("may_post_offers", "marketing.offers", "contact.postal", Some("post")),
    ("may_invite_friends", "marketing.referral", "social.contacts", None),
    ("may_advertise", "marketing.ads", "contact.email", None),
    ("may_hear_recordings", "improvement.speech", "voice.recording", None),
];

/// The view is the exact answer and knows when a yes ends; a flag does not. A text that is no
/// time compares as null, which is no yes.
const SCHEMA: &str = "
CREATE TABLE customers (
  identifier TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  permissions TEXT NOT NULL,
  may_email_offers INTEGER, may_sms_offers INTEGER, may_call_offers INTEGER,
  may_push_offers INTEGER, may_post_offers INTEGER, may_invite_friends INTEGER,
  may_advertise INTEGER, may_hear_recordings INTEGER,
  updated_at TEXT NOT NULL
) STRICT;
CREATE VIEW may AS
  SELECT identifier, value ->> 'purpose' AS purpose, value ->> 'data' AS data,
         value ->> 'channel' AS channel
  FROM customers, json_each(permissions)
  WHERE value ->> 'allow'
    AND (value ->> 'until' IS NULL OR julianday(value ->> 'until') > julianday('now'));
CREATE TABLE departed (digest BLOB PRIMARY KEY, position INTEGER NOT NULL, left_at INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  identifier TEXT NOT NULL,
  position TEXT NOT NULL,
  applied_at TEXT NOT NULL,
  detail TEXT NOT NULL,
  is_leaving INTEGER NOT NULL,
  refused TEXT
) STRICT;
CREATE INDEX outbox_waiting ON outbox (number) WHERE refused IS NULL;
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT;
INSERT INTO meta VALUES ('digest_key', randomblob(32));
";

/// Something to write; many make one transaction.
pub(super) enum Write {
    /// Change the rows as the message says, and put the report into the outbox.
    Apply(Message),
    /// Sayso knows these; they leave the outbox.
    Reported(Vec<i64>),
    /// Sayso will not have this one; it stays for a person to see.
    Refused(i64, String),
}

/// One line of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) number: i64,
    pub(super) identifier: String,
    pub(super) position: String,
    pub(super) applied_at: String,
    pub(super) detail: String,
}

/// How much there is.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) rows: i64,
    pub(super) newest_position: Option<String>,
    pub(super) reports_waiting: i64,
    pub(super) reports_refused: i64,
    /// For how many customers each flag says yes.
    pub(super) flags: BTreeMap<&'static str, i64>,
}

/// The database, and what is kept of it in memory.
pub(super) struct Table {
    connection: Connection,
    digest: Hmac<Sha256>,
    upsert: String,
    /// The ledger that positions count in.
    ledger: Option<String>,
    newest: Option<String>,
}

impl Table {
    /// Opens the database, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, SystemError> {
        let failed = |source| SystemError::Database { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(failed)?;
        if !prepare(&mut connection).map_err(failed)? {
            return Err(SystemError::OtherDatabase { path: path.to_owned() });
        }
        Self::load(connection).map_err(failed)
    }

    fn load(connection: Connection) -> rusqlite::Result<Self> {
        let horizon = super::now().as_second() - DEPARTED_DAYS * 86_400;
        connection.execute("DELETE FROM departed WHERE left_at < ?1", [horizon])?;
        let key: Vec<u8> = connection.query_row(
            "SELECT value FROM meta WHERE name = 'digest_key'",
            [],
            |row| row.get(0),
        )?;
        let digest = Hmac::new_from_slice(&key).map_err(|_| rusqlite::Error::InvalidQuery)?;
        let meta = |name: &str| {
            let sql = "SELECT value FROM meta WHERE name = ?1";
            connection.query_row(sql, [name], |row| row.get(0)).optional()
        };
        let (ledger, newest) = (meta("ledger")?, meta("newest_position")?);
        Ok(Self { digest, upsert: upsert(), ledger, newest, connection })
    }

    /// Writes all of it or nothing. Says how many reports were added to the outbox.
    pub(super) fn write(&mut self, writes: &[Write]) -> rusqlite::Result<usize> {
        let at = super::now();
        let mut ledger = self.ledger.clone();
        let mut newest = self.newest.clone();
        let change = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let rows = Rows { change: &change, digest: &self.digest, upsert: &self.upsert, at };
        let mut reports = 0;
        for write in writes {
            match write {
                Write::Apply(message) => {
                    if ledger.as_deref() != Some(&message.ledger) {
                        rows.follow_ledger(&message.ledger)?;
                        (ledger, newest) = (Some(message.ledger.clone()), None);
                    }
                    reports += rows.apply(message)?;
                    let known = newest.as_deref().and_then(super::receive::number);
                    if known.is_none_or(|known| known < message.number) {
                        newest = Some(message.position.clone());
                    }
                }
                Write::Reported(numbers) => rows.reported(numbers)?,
                Write::Refused(number, why) => rows.refused(*number, why)?,
            }
        }
        if newest != self.newest {
            let sql = "INSERT OR REPLACE INTO meta VALUES ('newest_position', ?1)";
            change.execute(sql, [&newest])?;
        }
        change.commit()?;
        (self.ledger, self.newest) = (ledger, newest);
        Ok(reports)
    }

    /// The oldest reports that Sayso has not accepted yet.
    pub(super) fn unreported(&self, limit: usize) -> rusqlite::Result<Vec<Report>> {
        let sql = "SELECT number, identifier, position, applied_at, detail FROM outbox
                   WHERE refused IS NULL ORDER BY number LIMIT ?1";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Report {
                number: row.get(0)?,
                identifier: row.get(1)?,
                position: row.get(2)?,
                applied_at: row.get(3)?,
                detail: row.get(4)?,
            })
        };
        self.connection.prepare_cached(sql)?.query_map([limit as i64], read)?.collect()
    }

    /// Counts everything.
    pub(super) fn figures(&self) -> rusqlite::Result<Figures> {
        let sums = FLAGS.map(|(column, ..)| format!("coalesce(sum({column}), 0)")).join(", ");
        let sql = format!("SELECT count(*), {sums} FROM customers");
        let (rows, flags) = self.connection.query_row(&sql, [], |row| {
            let flag = |(at, (column, ..)): (usize, &(&'static str, _, _, _))| {
                Ok((*column, row.get(at + 1)?))
            };
            Ok((row.get(0)?, FLAGS.iter().enumerate().map(flag).collect::<rusqlite::Result<_>>()?))
        })?;
        let sql = "SELECT count(*) - count(refused), count(refused) FROM outbox";
        let (reports_waiting, reports_refused) =
            self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let newest_position = self.newest.clone();
        Ok(Figures { rows, newest_position, reports_waiting, reports_refused, flags })
    }
}

/// Sets the connection up. `false`: the file is another program's.
fn prepare(connection: &mut Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version, schema) =
        (pragma("application_id")?, pragma("user_version")?, pragma("schema_version")?);
    let is_new = (application, version, schema) == (0, 0, 0);
    if !is_new && (application, version) != (APPLICATION_ID, SCHEMA_VERSION) {
        return Ok(false);
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", SYNCHRONOUS)?;
    // Somebody who left is overwritten, not merely unlinked.
    connection.pragma_update(None, "secure_delete", "ON")?;
    if is_new {
        let making = connection.transaction()?;
        making.execute_batch(SCHEMA)?;
        making.pragma_update(None, "application_id", APPLICATION_ID)?;
        making.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        making.commit()?;
    }
    Ok(true)
}

fn upsert() -> String {
    let columns = FLAGS.map(|(column, ..)| column).join(", ");
    let values = (5..5 + FLAGS.len()).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
    let updates = FLAGS.map(|(column, ..)| format!("{column} = excluded.{column}")).join(", ");
    format!(
        "INSERT INTO customers (identifier, position, permissions, updated_at, {columns})
         VALUES (?1, ?2, ?3, ?4, {values})
         ON CONFLICT (identifier) DO UPDATE SET position = excluded.position,
           permissions = excluded.permissions, updated_at = excluded.updated_at, {updates}
         WHERE excluded.position >= customers.position"
    )
}

/// What a flag says: yes if each permission that meets its use is a yes.
fn flag(
    (_, purpose, data, channel): (&str, &str, &str, Option<&str>),
    permissions: &[Permission],
) -> Option<bool> {
    let covers = |upper: &str, lower: &str| {
        lower.strip_prefix(upper).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let meets = |permission: &&Permission| {
        covers(&permission.purpose, purpose)
            && (covers(&permission.data, data) || covers(data, &permission.data))
            && (channel.is_none() || channel == permission.channel.as_deref())
    };
    let mut answers = permissions.iter().filter(meets).map(|permission| permission.allow);
    let first = answers.next()?;
    Some(first && answers.all(|allow| allow))
}

/// The rows, within one transaction.
struct Rows<'a> {
    change: &'a Transaction<'a>,
    digest: &'a Hmac<Sha256>,
    upsert: &'a str,
    at: jiff::Timestamp,
}

impl Rows<'_> {
    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.change.prepare_cached(sql)?.execute(values)
    }

    /// Positions count within one ledger. In another, old numbers mean nothing: kept, they would
    /// have this system ignore what is new and report that it was applied.
    fn follow_ledger(&self, ledger: &str) -> rusqlite::Result<()> {
        self.execute("UPDATE customers SET position = 0", [])?;
        self.execute("DELETE FROM departed", [])?;
        self.execute("INSERT OR REPLACE INTO meta VALUES ('ledger', ?1)", [ledger])?;
        Ok(())
    }

    /// One row and one report for each identifier.
    fn apply(&self, message: &Message) -> rusqlite::Result<usize> {
        let applied_at = format!("{:.3}", self.at);
        for identifier in &message.identifiers {
            let detail = if message.leaving {
                self.delete(identifier, message)?
            } else {
                self.update(identifier, message, &applied_at)?
            };
            let sql = "INSERT INTO outbox (identifier, position, applied_at, detail, is_leaving)
                       VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![identifier, message.position, applied_at, detail, message.leaving];
            self.execute(sql, values)?;
        }
        Ok(message.identifiers.len())
    }

    fn update(
        &self,
        identifier: &str,
        message: &Message,
        at: &str,
    ) -> rusqlite::Result<&'static str> {
        let digest = self.digest_of(identifier);
        let left: Option<i64> = self
            .change
            .prepare_cached("SELECT position FROM departed WHERE digest = ?1")?
            .query_row([&digest], |row| row.get(0))
            .optional()?;
        if left.is_some_and(|left| message.number <= left) {
            return Ok("0 rows, left since");
        }
        let permissions = serde_json::to_string(&message.permissions)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let mut statement = self.change.prepare_cached(self.upsert)?;
        let mut at_column = 0;
        let mut bind = |value: &dyn rusqlite::ToSql| {
            at_column += 1;
            statement.raw_bind_parameter(at_column, value)
        };
        bind(&identifier)?;
        bind(&message.number)?;
        bind(&permissions)?;
        bind(&at)?;
        for declared in FLAGS {
            bind(&flag(declared, &message.permissions))?;
        }
        let count = statement.raw_execute()?;
        if left.is_some() {
            self.execute("DELETE FROM departed WHERE digest = ?1", [&digest])?;
        }
        Ok(if count == 1 { "1 row" } else { "0 rows, newer applied" })
    }

    /// Deletes the row. What is remembered is a keyed digest, so that a message from before that
    /// comes late does not bring the person back.
    fn delete(&self, identifier: &str, message: &Message) -> rusqlite::Result<&'static str> {
        let sql = "DELETE FROM customers WHERE identifier = ?1 AND position <= ?2";
        let count = self.execute(sql, params![identifier, message.number])?;
        let is_newer: bool = self
            .change
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM customers WHERE identifier = ?1)")?
            .query_row([identifier], |row| row.get(0))?;
        if is_newer {
            return Ok("0 rows, newer applied");
        }
        let sql = "INSERT INTO departed VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO UPDATE
                   SET position = max(position, excluded.position), left_at = excluded.left_at";
        let digest = self.digest_of(identifier);
        self.execute(sql, params![digest, message.number, self.at.as_second()])?;
        Ok(if count == 1 { "1 row deleted" } else { "0 rows" })
    }

    fn digest_of(&self, identifier: &str) -> Vec<u8> {
        let mut digest = self.digest.clone();
        digest.update(identifier.as_bytes());
        digest.finalize().into_bytes().to_vec()
    }

    fn reported(&self, numbers: &[i64]) -> rusqlite::Result<()> {
        for number in numbers {
            self.execute("DELETE FROM outbox WHERE number = ?1", [number])?;
        }
        Ok(())
    }

    /// Keeps the report without the name of somebody who left.
    fn refused(&self, number: i64, why: &str) -> rusqlite::Result<()> {
        let sql = "UPDATE outbox SET refused = ?2, identifier = iif(is_leaving, '', identifier)
                   WHERE number = ?1";
        self.execute(sql, params![number, why])?;
        Ok(())
    }
}
