//! PostgreSQL: whole columns are sent as arrays, and rows of permissions by binary COPY.

mod rows;

use std::sync::Arc;

use futures_util::future::try_join_all;
use sayso_ledger::sink::{Answer, Kept, Message};
use tokio_postgres::{
    Client, Config, NoTls, Transaction,
    config::SslMode,
    types::{ToSql, Type},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    config::Place,
    database::{Database, Part, Profile},
    failure::Failure,
    mirror::kept,
    plan::{Found, Plan, Version},
    statement::{Parameter, Run, split},
    tables::{Dialect, ddl},
};

pub(super) struct Postgres {
    client: Client,
    profile: Profile,
    statements: Vec<tokio_postgres::Statement>,
}

impl Postgres {
    pub(super) async fn connect(profile: Profile) -> Result<Self, Failure> {
        let mut config = Config::new();
        config.user(&profile.target.role).dbname(&profile.target.database);
        config.application_name("sayso");
        if let Some(password) = &profile.password {
            config.password(password.as_bytes());
        }
        match &profile.target.place {
            Place::Host(host, port) => {
                // TLS is spoken with the name, over the very address that was looked at.
                for address in profile.addresses().await? {
                    config.host(host).hostaddr(address);
                }
                config.port(*port)
            }
            Place::Socket(folder) | Place::File(folder) => config.host_path(folder),
        };
        let is_local = matches!(profile.target.place, Place::Socket(_));
        let client = match &profile.tls {
            Some(tls) if !is_local => {
                config.ssl_mode(SslMode::Require);
                let connector = MakeRustlsConnect::new((*tls.config).clone());
                let (client, connection) = config.connect(connector).await.map_err(failure)?;
                tokio::spawn(connection);
                client
            }
            _ => {
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await.map_err(failure)?;
                tokio::spawn(connection);
                client
            }
        };
        if profile.create_tables {
            for statement in ddl(Dialect::Postgres, &profile.prefix) {
                client.batch_execute(&statement).await.map_err(failure)?;
            }
        }
        let mut statements = Vec::new();
        for prepared in profile.prepared.iter() {
            let kinds: Vec<Type> = prepared.parameters.iter().map(|own| own.kind()).collect();
            let statement = client.prepare_typed(&prepared.sql, &kinds).await.map_err(failure)?;
            statements.push(statement);
        }
        Ok(Self { client, profile, statements })
    }

    async fn transact(&mut self, messages: &[Message]) -> Result<Vec<u64>, Failure> {
        let Self { client, profile, statements } = self;
        let transaction = client.transaction().await.map_err(failure)?;
        lock(&transaction, profile).await?;
        let found = find(&transaction, profile, messages).await.map_err(failure)?;
        let plan = Plan::new(messages, &found, &profile.statements);
        if !plan.people.is_empty() {
            rows::write(&transaction, profile, &plan).await.map_err(failure)?;
        }
        let mut changed = plan.filled.clone();
        for (place, runs) in plan.runs.iter().enumerate() {
            let (Some(statement), Some(prepared)) =
                (statements.get(place), profile.prepared.get(place))
            else {
                continue;
            };
            let counts = runs.iter().map(|run| {
                let bound: Vec<_> = prepared.parameters.iter().map(|own| own.of(run)).collect();
                async { transaction.execute_raw(statement, bound).await }
            });
            let counts = try_join_all(counts).await.map_err(failure)?;
            for (run, count) in runs.iter().zip(counts) {
                changed.get_mut(run.message).into_iter().for_each(|own| *own += count);
            }
        }
        transaction.commit().await.map_err(failure)?;
        Ok(changed)
    }
}

/// Waits for whoever else writes to the tables, and looks whose they are.
async fn lock(transaction: &Transaction<'_>, profile: &Profile) -> Result<(), Failure> {
    let insert = profile.sql(
        "insert into {ledger} (id, recipient, epoch, position, told_at_ms)
         select $1, $2, 0, 0, 0 where not exists (select from {ledger}) on conflict do nothing",
    );
    let (ledger, recipient) = &profile.owner;
    let typed = [(ledger as &(dyn ToSql + Sync), Type::TEXT), (recipient, Type::TEXT)];
    transaction.execute_typed(&insert, &typed).await.map_err(failure)?;
    let select = profile.sql("select id, recipient from {ledger} for update");
    let rows = transaction.query(&select, &[]).await.map_err(failure)?;
    for row in &rows {
        let (id, recipient) = (column::<String>(row, 0)?, column::<String>(row, 1)?);
        profile.owns(&id, &recipient)?;
    }
    Ok(())
}

async fn find(
    transaction: &Transaction<'_>,
    profile: &Profile,
    messages: &[Message],
) -> Result<Found, tokio_postgres::Error> {
    let keys: Vec<&str> = messages.iter().map(|message| message.key.as_str()).collect();
    let select =
        profile.sql("select key, epoch, position, told_at_ms from {people} where key = any($1)");
    let rows = transaction.query_typed(&select, &[(&keys, Type::TEXT_ARRAY)]).await?;
    let mut found = Found::default();
    for row in &rows {
        found.people.insert(row.try_get(0)?, version(row, 1)?);
    }
    let names = messages.iter().flat_map(|message| &message.identifiers);
    let names: Vec<&str> = names.map(|name| split(name).1).collect();
    let select = profile.sql(
        "select n.namespace, n.identifier, n.key, coalesce(p.epoch, 0),
                coalesce(p.position, 0), coalesce(p.told_at_ms, 0)
         from {names} n left join {people} p on p.key = n.key where n.identifier = any($1)",
    );
    let rows = transaction.query_typed(&select, &[(&names, Type::TEXT_ARRAY)]).await?;
    for row in &rows {
        let name = (row.try_get(0)?, row.try_get(1)?);
        found.holders.insert(name, (row.try_get(2)?, version(row, 3)?));
    }
    Ok(found)
}

/// The mark of a row, as `sayso_ledger::deliver::mark` has it.
const MARK: &str = "('x' || substr(encode(sha256(convert_to(
    key || '|' || purpose || '|' || data || '|' || channel || '|' || allow::int::text || '|' ||
    coalesce(until_ms::text, ''), 'UTF8')), 'hex'), 1, 12))::bit(48)::bigint";

impl Database for Postgres {
    fn apply(&mut self, messages: Arc<[Message]>) -> Answer<'_, Result<Vec<u64>, Failure>> {
        Box::pin(async move { self.transact(&messages).await })
    }

    fn look(&mut self) -> Answer<'_, Result<Option<Version>, Failure>> {
        Box::pin(async move {
            for table in ["people", "names", "permissions", "allowed"] {
                let select = self.profile.sql(&format!("select from {{{table}}} where false"));
                self.client.query(&select, &[]).await.map_err(failure)?;
            }
            let select =
                self.profile.sql("select id, recipient, epoch, position, told_at_ms from {ledger}");
            let Some(row) = self.client.query_opt(&select, &[]).await.map_err(failure)? else {
                return Ok(None);
            };
            self.profile.owns(&column::<String>(&row, 0)?, &column::<String>(&row, 1)?)?;
            version(&row, 2).map(Some).map_err(failure)
        })
    }

    fn sums(&mut self) -> Answer<'_, Result<Vec<Part>, Failure>> {
        Box::pin(async move {
            let select = self.profile.sql(&format!(
                "select substr(key, 1, 3), count(*), 0::bigint, '0' from {{people}}
                 where not leaving group by 1
                 union all select substr(key, 1, 3), 0, count(*), '0' from {{names}} group by 1
                 union all select substr(key, 1, 3), 0, 0,
                     mod(sum({MARK}), 18446744073709551616)::text from {{permissions}} group by 1"
            ));
            let rows = self.client.query(&select, &[]).await.map_err(failure)?;
            rows.iter().map(part).collect()
        })
    }

    fn people(&mut self, begin: String) -> Answer<'_, Result<Vec<Kept>, Failure>> {
        Box::pin(async move {
            let select = self.profile.sql(&format!(
                "select p.key, p.epoch, p.position,
                     (select count(*) from {{names}} n where n.key = p.key),
                     (select coalesce(mod(sum({MARK}), 18446744073709551616), 0)::text
                      from {{permissions}} m where m.key = p.key)
                 from {{people}} p where not p.leaving and p.key >= $1 and p.key < $1 || 'g'"
            ));
            let typed = [(&begin as &(dyn ToSql + Sync), Type::TEXT)];
            let rows = self.client.query_typed(&select, &typed).await.map_err(failure)?;
            let kept = rows.iter().map(|row| {
                let place = (column::<i32>(row, 1)?, column::<i64>(row, 2)?);
                let marks = number(&column::<String>(row, 4)?)?;
                Ok(kept(column(row, 0)?, place, count(row, 3)?, marks))
            });
            kept.collect()
        })
    }

    fn contradicting(&mut self, begin: String) -> Answer<'_, Result<Vec<String>, Failure>> {
        Box::pin(async move {
            let mut keys = Vec::new();
            for check in self.profile.contradicting() {
                let select = format!("select c.key from ({check}) c where starts_with(c.key, $1)");
                let typed = [(&begin as &(dyn ToSql + Sync), Type::TEXT)];
                let rows = self.client.query_typed(&select, &typed).await.map_err(failure)?;
                for row in &rows {
                    keys.push(column(row, 0)?);
                }
            }
            Ok(keys)
        })
    }
}

impl Parameter {
    fn kind(self) -> Type {
        match self {
            Self::Identifier | Self::Key => Type::TEXT,
            Self::Allow => Type::BOOL,
        }
    }

    fn of(self, run: &Run) -> &(dyn ToSql + Sync) {
        match self {
            Self::Identifier => &run.identifier,
            Self::Key => &run.key,
            Self::Allow => &run.allow,
        }
    }
}

fn version(row: &tokio_postgres::Row, from: usize) -> Result<Version, tokio_postgres::Error> {
    let (epoch, number) = (row.try_get(from)?, row.try_get(from + 1)?);
    Ok(Version { epoch, number, told_at_ms: row.try_get(from + 2)? })
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    place: usize,
) -> Result<T, Failure> {
    row.try_get(place).map_err(failure)
}

fn count(row: &tokio_postgres::Row, place: usize) -> Result<u64, Failure> {
    Ok(column::<i64>(row, place)?.unsigned_abs())
}

fn number(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::Other("unreadable".into()))
}

fn part(row: &tokio_postgres::Row) -> Result<Part, Failure> {
    Ok(Part {
        begin: column(row, 0)?,
        people: count(row, 1)?,
        names: count(row, 2)?,
        marks: number(&column::<String>(row, 3)?)?,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failure(error: tokio_postgres::Error) -> Failure {
    if let Some(code) = error.code() {
        return Failure::of_state(code.code());
    }
    let first = std::error::Error::source(&error);
    let mut causes = std::iter::successors(first, |error| error.source());
    let is_tls = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause.is::<rustls::Error>() || io.is_some_and(|inner| inner.is::<rustls::Error>())
    };
    // The driver keeps its kinds to itself; what it calls them is all there is.
    match error.to_string().as_str() {
        _ if causes.any(is_tls) => Failure::Tls,
        "error performing TLS handshake" => Failure::Tls,
        "authentication error" | "invalid configuration" => Failure::Credentials,
        text if text.starts_with("error serializing") => Failure::Values("22000".into()),
        _ => Failure::Unreachable,
    }
}
