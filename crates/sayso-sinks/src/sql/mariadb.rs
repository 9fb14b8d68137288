//! MariaDB: statements of many rows at a time, with every value bound.

use std::{net::IpAddr, sync::Arc};

use mysql_async::{
    Conn, Error, IoError, Opts, OptsBuilder, Params, SslOpts, Transaction, TxOpts, Value,
    prelude::Queryable,
};
use sayso_ledger::sink::{Answer, Kept, Message};

use super::{
    config::Place,
    database::{Database, Part, Profile},
    failure::Failure,
    mirror::kept,
    plan::{Found, Plan, Version},
    statement::{Parameter, Run, split},
    tables::{Dialect, ddl},
};

/// Most rows in one statement. A statement takes 65,535 values at most.
const ROWS_MAX: usize = 500;

pub(super) struct Mariadb {
    connection: Conn,
    profile: Profile,
}

impl Mariadb {
    pub(super) async fn connect(profile: Profile) -> Result<Self, Failure> {
        // The driver asks for the process's, and there may be two to choose from.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut connection =
            Conn::new(options(&profile, profile.addresses().await?)).await.map_err(failure)?;
        if profile.create_tables {
            for statement in ddl(Dialect::Mariadb, &profile.prefix) {
                connection.query_drop(statement).await.map_err(failure)?;
            }
        }
        Ok(Self { connection, profile })
    }

    async fn transact(&mut self, messages: &[Message]) -> Result<Vec<u64>, Failure> {
        let profile = &self.profile;
        let begun = self.connection.start_transaction(TxOpts::new()).await;
        let mut transaction = begun.map_err(failure)?;
        lock(&mut transaction, profile).await?;
        let found = find(&mut transaction, profile, messages).await.map_err(failure)?;
        let plan = Plan::new(messages, &found, &profile.statements);
        if !plan.people.is_empty() {
            write(&mut transaction, profile, &plan).await.map_err(failure)?;
        }
        let mut changed = plan.filled.clone();
        for (runs, prepared) in plan.runs.iter().zip(profile.prepared.iter()) {
            for run in runs {
                let bound: Vec<Value> =
                    prepared.parameters.iter().map(|own| own.value(run)).collect();
                let done = transaction.exec_drop(prepared.sql.as_str(), positional(bound)).await;
                done.map_err(failure)?;
                let count = transaction.affected_rows();
                changed.get_mut(run.message).into_iter().for_each(|own| *own += count);
            }
        }
        transaction.commit().await.map_err(failure)?;
        Ok(changed)
    }
}

fn options(profile: &Profile, addresses: Vec<IpAddr>) -> Opts {
    let builder = OptsBuilder::default()
        .user(Some(&profile.target.role))
        .pass(profile.password.as_ref().map(|password| password.as_str()))
        .db_name(Some(&profile.target.database))
        // A matched row that was so already counts as a row, as it does elsewhere.
        .client_found_rows(true);
    match &profile.target.place {
        Place::Socket(path) | Place::File(path) => {
            builder.prefer_socket(true).socket(path.to_str()).into()
        }
        Place::Host(host, port) => {
            let tls = profile.tls.as_ref().map(|tls| match &tls.roots {
                None => SslOpts::default(),
                Some(pem) => SslOpts::default()
                    .with_root_certs(vec![pem.to_vec().into()])
                    .with_disable_built_in_roots(true),
            });
            let builder = builder.ip_or_hostname(host).resolved_ips(Some(addresses));
            builder.tcp_port(*port).prefer_socket(false).ssl_opts(tls).into()
        }
    }
}

/// Waits for whoever else writes to the tables, and looks whose they are.
async fn lock(transaction: &mut Transaction<'_>, profile: &Profile) -> Result<(), Failure> {
    let select = profile.sql("select id, recipient from {ledger} for update");
    let rows: Vec<(String, String)> = transaction.query(&select).await.map_err(failure)?;
    for (id, recipient) in &rows {
        profile.owns(id, recipient)?;
    }
    if rows.is_empty() {
        let insert = profile.sql("insert ignore into {ledger} values (?, ?, 0, 0, 0)");
        let (ledger, recipient) = &profile.owner;
        transaction.exec_drop(insert, (ledger, recipient)).await.map_err(failure)?;
    }
    Ok(())
}

async fn find(
    transaction: &mut Transaction<'_>,
    profile: &Profile,
    messages: &[Message],
) -> Result<Found, Error> {
    let mut found = Found::default();
    let keys: Vec<&str> = messages.iter().map(|message| message.key.as_str()).collect();
    for chunk in keys.chunks(ROWS_MAX) {
        let select = profile
            .sql("select `key`, epoch, position, told_at_ms from {people} where `key` in ")
            + &list(1, chunk.len());
        // A locking read, for an ordinary one may show what was before the lock was had.
        let select = select + " for update";
        let rows: Vec<(String, i32, i64, i64)> =
            transaction.exec(select, positional(texts(chunk))).await?;
        found.people.extend(
            rows.into_iter().map(|(key, epoch, number, told_at_ms)| {
                (key, Version { epoch, number, told_at_ms })
            }),
        );
    }
    let names = messages.iter().flat_map(|message| &message.identifiers);
    let names: Vec<&str> = names.map(|name| split(name).1).collect();
    for chunk in names.chunks(ROWS_MAX) {
        let select = profile.sql(
            "select n.namespace, n.identifier, n.`key`, coalesce(p.epoch, 0),
                 coalesce(p.position, 0), coalesce(p.told_at_ms, 0)
             from {names} n left join {people} p on p.`key` = n.`key` where n.identifier in ",
        ) + &list(1, chunk.len())
            + " for update";
        let rows: Vec<(String, String, String, i32, i64, i64)> =
            transaction.exec(select, positional(texts(chunk))).await?;
        for (namespace, identifier, key, epoch, number, told_at_ms) in rows {
            let version = Version { epoch, number, told_at_ms };
            found.holders.insert((namespace, identifier), (key, version));
        }
    }
    Ok(found)
}

async fn write(
    transaction: &mut Transaction<'_>,
    profile: &Profile,
    plan: &Plan<'_>,
) -> Result<(), Error> {
    let keys: Vec<Vec<Value>> = plan.people.iter().map(|(key, ..)| texts(&[key])).collect();
    for table in ["permissions", "names"] {
        let delete = format!("delete from {{{table}}} where (`key`) in ");
        many(transaction, &profile.sql(&delete), &keys, "").await?;
    }
    let released = plan.released.iter().map(|(namespace, value)| texts(&[namespace, value]));
    let delete = profile.sql("delete from {names} where (namespace, identifier) in ");
    many(transaction, &delete, &released.collect::<Vec<_>>(), "").await?;
    let people = plan.people.iter().map(|(key, version, is_leaving)| {
        let Version { epoch, number, told_at_ms } = version;
        vec![key.into(), epoch.into(), number.into(), told_at_ms.into(), is_leaving.into()]
    });
    let insert =
        profile.sql("insert into {people} (`key`, epoch, position, told_at_ms, leaving) values ");
    let update = " on duplicate key update epoch = values(epoch), position = values(position), \
                  told_at_ms = values(told_at_ms), leaving = values(leaving)";
    many(transaction, &insert, &people.collect::<Vec<_>>(), update).await?;
    let names = plan.names.iter();
    let names = names.map(|((namespace, value), key)| texts(&[namespace, value, key]));
    let insert = profile.sql("insert into {names} (namespace, identifier, `key`) values ");
    many(transaction, &insert, &names.collect::<Vec<_>>(), "").await?;
    let permissions = plan.permissions.iter().map(|row| {
        let mut values = texts(&[
            row.key,
            row.permission.purpose.as_str(),
            row.permission.data.as_str(),
            row.channel(),
            row.reason(),
        ]);
        values.extend([row.nth.into(), row.permission.allow.into(), row.until_ms().into()]);
        values
    });
    let insert = profile.sql(
        "insert into {permissions} (`key`, purpose, data, channel, reason, nth, allow, until_ms) values ",
    );
    many(transaction, &insert, &permissions.collect::<Vec<_>>(), "").await?;
    let advance = profile.sql(
        "update {ledger} set epoch = ?, position = ?, told_at_ms = ?
         where (epoch, position, told_at_ms) < (?, ?, ?)",
    );
    let Version { epoch, number, told_at_ms } = plan.newest;
    let newest = (epoch, number, told_at_ms, epoch, number, told_at_ms);
    transaction.exec_drop(advance, newest).await
}

/// Runs a statement over a list of rows, some at a time.
async fn many(
    transaction: &mut Transaction<'_>,
    begin: &str,
    rows: &[Vec<Value>],
    end: &str,
) -> Result<(), Error> {
    let is_insert = begin.ends_with("values ");
    for chunk in rows.chunks(ROWS_MAX) {
        let width = chunk.first().map_or(1, Vec::len);
        let list = match is_insert {
            true => tuples(width, chunk.len()),
            false => list(width, chunk.len()),
        };
        let values = chunk.iter().flatten().cloned().collect();
        transaction.exec_drop([begin, &list, end].concat(), positional(values)).await?;
    }
    Ok(())
}

/// `(?, ?), (?, ?)`.
fn tuples(width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(", "));
    vec![row; rows].join(", ")
}

/// The same as one list.
fn list(width: usize, rows: usize) -> String {
    format!("({})", tuples(width, rows))
}

fn texts(values: &[&str]) -> Vec<Value> {
    values.iter().map(|value| Value::from(*value)).collect()
}

fn positional(values: Vec<Value>) -> Params {
    if values.is_empty() { Params::Empty } else { Params::Positional(values) }
}

/// The mark of a row, as `sayso_ledger::deliver::mark` has it.
const MARK: &str = "cast(conv(substr(sha2(concat(`key`, '|', purpose, '|', data, '|', channel, '|', \
                    allow, '|', coalesce(until_ms, '')), 256), 1, 12), 16, 10) as unsigned)";

type Sums = (String, i64, i64, String);

impl Database for Mariadb {
    fn apply(&mut self, messages: Arc<[Message]>) -> Answer<'_, Result<Vec<u64>, Failure>> {
        Box::pin(async move { self.transact(&messages).await })
    }

    fn look(&mut self) -> Answer<'_, Result<Option<Version>, Failure>> {
        Box::pin(async move {
            for table in ["people", "names", "permissions", "allowed"] {
                let select = self.profile.sql(&format!("select 1 from {{{table}}} where false"));
                self.connection.query_drop(select).await.map_err(failure)?;
            }
            for prepared in self.profile.prepared.iter() {
                self.connection.prep(prepared.sql.as_str()).await.map_err(failure)?;
            }
            let select =
                self.profile.sql("select id, recipient, epoch, position, told_at_ms from {ledger}");
            let row: Option<(String, String, i32, i64, i64)> =
                self.connection.query_first(select).await.map_err(failure)?;
            let Some((id, recipient, epoch, number, told_at_ms)) = row else { return Ok(None) };
            self.profile.owns(&id, &recipient)?;
            Ok(Some(Version { epoch, number, told_at_ms }))
        })
    }

    fn sums(&mut self) -> Answer<'_, Result<Vec<Part>, Failure>> {
        Box::pin(async move {
            let select = self.profile.sql(&format!(
                "select substr(`key`, 1, 3) begin, count(*), 0, '0' from {{people}}
                 where not leaving group by begin
                 union all select substr(`key`, 1, 3) begin, 0, count(*), '0' from {{names}}
                 group by begin
                 union all select substr(`key`, 1, 3) begin, 0, 0,
                     cast(mod(sum({MARK}), 18446744073709551616) as char) from {{permissions}}
                 group by begin"
            ));
            let rows: Vec<Sums> = self.connection.query(select).await.map_err(failure)?;
            let part = |(begin, people, names, marks): Sums| {
                let (people, names) = (people.unsigned_abs(), names.unsigned_abs());
                Ok(Part { begin, people, names, marks: number(&marks)? })
            };
            rows.into_iter().map(part).collect()
        })
    }

    fn people(&mut self, begin: String) -> Answer<'_, Result<Vec<Kept>, Failure>> {
        Box::pin(async move {
            let select = self.profile.sql(&format!(
                "select p.`key`, p.epoch, p.position,
                     (select count(*) from {{names}} n where n.`key` = p.`key`),
                     (select cast(coalesce(mod(sum({MARK}), 18446744073709551616), 0) as char)
                      from {{permissions}} m where m.`key` = p.`key`)
                 from {{people}} p where not p.leaving and p.`key` >= ? and p.`key` < concat(?, 'g')"
            ));
            let rows: Vec<(String, i32, i64, i64, String)> =
                self.connection.exec(select, (&begin, &begin)).await.map_err(failure)?;
            let kept = |(key, epoch, position, names, marks): (String, i32, i64, i64, String)| {
                Ok(kept(key, (epoch, position), names.unsigned_abs(), number(&marks)?))
            };
            rows.into_iter().map(kept).collect()
        })
    }

    fn contradicting(&mut self, begin: String) -> Answer<'_, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let mut keys = Vec::new();
            for check in self.profile.contradicting() {
                let select = format!("select c.`key` from ({check}) c where c.`key` like ?");
                let like = format!("{begin}%");
                let rows: Vec<String> =
                    self.connection.exec(select, (like,)).await.map_err(failure)?;
                keys.extend(rows);
            }
            Ok(keys)
        })
    }
}

impl Parameter {
    fn value(self, run: &Run) -> Value {
        match self {
            Self::Identifier => run.identifier.as_str().into(),
            Self::Key => run.key.as_str().into(),
            Self::Allow => run.allow.into(),
        }
    }
}

fn number(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::Other("unreadable".into()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failure(error: Error) -> Failure {
    match &error {
        Error::Server(said) => match said.code {
            // Its codes say more than its states, which are mostly one for everything.
            1044 | 1045 | 1142 | 1143 | 1227 | 1698 | 4151 => Failure::Credentials,
            1049 | 1054 | 1146 => Failure::Missing,
            1205 | 1213 => Failure::Conflict,
            1264 | 1265 | 1292 | 1366 | 1406 | 3819 | 4025 => {
                Failure::Values(said.code.to_string())
            }
            1040 | 1053 | 1927 => Failure::Unreachable,
            _ => match Failure::of_state(&said.state) {
                // Of MariaDB this is every error of syntax.
                Failure::Credentials | Failure::Other(_) => Failure::Other(said.code.to_string()),
                failure => failure,
            },
        },
        Error::Io(IoError::Tls(_)) => Failure::Tls,
        Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => Failure::Tls,
        Error::Driver(mysql_async::DriverError::FromRow { .. }) => {
            Failure::Other("unreadable".into())
        }
        _ => Failure::Unreachable,
    }
}
