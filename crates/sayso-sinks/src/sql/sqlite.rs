//! SQLite: a file of this machine, written to on a thread that may wait.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, TransactionBehavior,
    functions::{Aggregate, Context, FunctionFlags},
    params,
    types::ToSqlOutput,
};
use sayso_ledger::{
    deliver::of_line,
    sink::{Answer, Kept, Message},
};

use super::{
    config::Place,
    database::{Database, Part, Profile},
    failure::Failure,
    mirror::kept,
    plan::{Found, Plan, Version},
    statement::{Parameter, Run, split},
    tables::{Dialect, ddl},
};

pub(super) struct Sqlite(Arc<Mutex<Open>>);

struct Open {
    connection: Connection,
    profile: Profile,
}

impl Sqlite {
    pub(super) async fn connect(profile: Profile) -> Result<Self, Failure> {
        let opened = tokio::task::spawn_blocking(|| Open::new(profile)).await;
        let open = opened.map_err(|_| Failure::Unreachable)??;
        Ok(Self(Arc::new(Mutex::new(open))))
    }

    fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Open) -> Result<T, Failure> + Send + 'static,
    ) -> Answer<'_, Result<T, Failure>> {
        let open = Arc::clone(&self.0);
        Box::pin(async move {
            let acted = tokio::task::spawn_blocking(move || {
                act(&mut open.lock().unwrap_or_else(PoisonError::into_inner))
            });
            acted.await.unwrap_or(Err(Failure::Unreachable))
        })
    }
}

impl Open {
    fn new(profile: Profile) -> Result<Self, Failure> {
        let (Place::File(path) | Place::Socket(path)) = &profile.target.place else {
            return Err(Failure::Unreachable);
        };
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if profile.create_tables {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let connection = Connection::open_with_flags(path, flags).map_err(failure)?;
        connection.busy_timeout(profile.timeout / 2).map_err(failure)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failure)?;
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_aggregate_function("sayso_marks", 1, flags, Marks).map_err(failure)?;
        if profile.create_tables {
            for statement in ddl(Dialect::Sqlite, &profile.prefix) {
                connection.execute_batch(&statement).map_err(failure)?;
            }
        }
        Ok(Self { connection, profile })
    }

    fn apply(&mut self, messages: &[Message]) -> Result<Vec<u64>, Failure> {
        let Self { connection, profile } = self;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failure)?;
        own(&transaction, profile)?;
        let found = find(&transaction, profile, messages).map_err(failure)?;
        let plan = Plan::new(messages, &found, &profile.statements);
        if !plan.people.is_empty() {
            write(&transaction, profile, &plan).map_err(failure)?;
        }
        let mut changed = plan.filled.clone();
        for (runs, prepared) in plan.runs.iter().zip(profile.prepared.iter()) {
            let mut statement = transaction.prepare_cached(&prepared.sql).map_err(failure)?;
            for run in runs {
                let bound = prepared.parameters.iter().map(|own| own.bound(run));
                let count =
                    statement.execute(rusqlite::params_from_iter(bound)).map_err(failure)?;
                changed.get_mut(run.message).into_iter().for_each(|own| *own += count as u64);
            }
        }
        transaction.commit().map_err(failure)?;
        Ok(changed)
    }

    fn look(&self) -> Result<Option<Version>, Failure> {
        for table in ["people", "names", "permissions", "allowed"] {
            let select = self.profile.sql(&format!("select 1 from {{{table}}} where false"));
            self.connection.prepare(&select).map_err(failure)?;
        }
        for prepared in self.profile.prepared.iter() {
            self.connection.prepare(&prepared.sql).map_err(failure)?;
        }
        let select =
            self.profile.sql("select epoch, position, told_at_ms, id, recipient from {ledger}");
        let mut statement = self.connection.prepare(&select).map_err(failure)?;
        let mut rows = statement.query([]).map_err(failure)?;
        let Some(row) = rows.next().map_err(failure)? else { return Ok(None) };
        let owner: (String, String) = (row.get(3).map_err(failure)?, row.get(4).map_err(failure)?);
        self.profile.owns(&owner.0, &owner.1)?;
        version(row, 0).map(Some).map_err(failure)
    }
}

/// Looks whose the tables are.
fn own(connection: &Connection, profile: &Profile) -> Result<(), Failure> {
    let (ledger, recipient) = &profile.owner;
    let insert = profile.sql(
        "insert into {ledger} select ?1, ?2, 0, 0, 0 where not exists (select 1 from {ledger})",
    );
    connection.execute(&insert, [ledger, recipient]).map_err(failure)?;
    let mut select =
        connection.prepare(&profile.sql("select id, recipient from {ledger}")).map_err(failure)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failure)?;
    for row in rows {
        let (id, recipient): (String, String) = row.map_err(failure)?;
        profile.owns(&id, &recipient)?;
    }
    Ok(())
}

fn find(
    connection: &Connection,
    profile: &Profile,
    messages: &[Message],
) -> rusqlite::Result<Found> {
    let mut found = Found::default();
    let select = profile.sql("select epoch, position, told_at_ms from {people} where key = ?1");
    let mut person = connection.prepare_cached(&select)?;
    let select = profile.sql(
        "select coalesce(p.epoch, 0), coalesce(p.position, 0), coalesce(p.told_at_ms, 0), n.key
         from {names} n left join {people} p on p.key = n.key
         where n.namespace = ?1 and n.identifier = ?2",
    );
    let mut holder = connection.prepare_cached(&select)?;
    for message in messages {
        let mut rows = person.query([&message.key])?;
        if let Some(row) = rows.next()? {
            found.people.insert(message.key.clone(), version(row, 0)?);
        }
        for (namespace, value) in message.identifiers.iter().map(|name| split(name)) {
            let mut rows = holder.query([namespace, value])?;
            if let Some(row) = rows.next()? {
                let name = (namespace.to_owned(), value.to_owned());
                found.holders.insert(name, (row.get(3)?, version(row, 0)?));
            }
        }
    }
    Ok(found)
}

fn write(connection: &Connection, profile: &Profile, plan: &Plan<'_>) -> rusqlite::Result<()> {
    let prepare = |sql: &str| connection.prepare_cached(&profile.sql(sql));
    let mut permissions = prepare("delete from {permissions} where key = ?1")?;
    let mut names = prepare("delete from {names} where key = ?1")?;
    let mut upsert = prepare(
        "insert into {people} (key, epoch, position, told_at_ms, leaving)
         values (?1, ?2, ?3, ?4, ?5) on conflict (key) do update set epoch = excluded.epoch,
         position = excluded.position, told_at_ms = excluded.told_at_ms,
         leaving = excluded.leaving",
    )?;
    for (key, version, is_leaving) in &plan.people {
        let Version { epoch, number, told_at_ms } = version;
        permissions.execute([key])?;
        names.execute([key])?;
        upsert.execute(params![key, epoch, number, told_at_ms, is_leaving])?;
    }
    let mut release = prepare("delete from {names} where namespace = ?1 and identifier = ?2")?;
    for (namespace, value) in &plan.released {
        release.execute([namespace, value])?;
    }
    let mut insert =
        prepare("insert into {names} (namespace, identifier, key) values (?1, ?2, ?3)")?;
    for ((namespace, value), key) in &plan.names {
        insert.execute([namespace, value, key])?;
    }
    let mut insert = prepare(
        "insert into {permissions} (key, purpose, data, channel, nth, allow, until_ms, reason)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for row in &plan.permissions {
        let (purpose, data) = (row.permission.purpose.as_str(), row.permission.data.as_str());
        let (channel, until_ms) = (row.channel(), row.until_ms());
        let (allow, reason) = (row.permission.allow, row.reason());
        let values = params![row.key, purpose, data, channel, row.nth, allow, until_ms, reason];
        insert.execute(values)?;
    }
    let Version { epoch, number, told_at_ms } = plan.newest;
    let advance = profile.sql(
        "update {ledger} set epoch = ?1, position = ?2, told_at_ms = ?3
         where (epoch, position, told_at_ms) < (?1, ?2, ?3)",
    );
    connection.execute(&advance, params![epoch, number, told_at_ms]).map(drop)
}

/// Adds up marks: the sum of SQLite itself fails where it would not fit.
struct Marks;

impl Aggregate<u64, String> for Marks {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<u64> {
        Ok(0)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut u64) -> rusqlite::Result<()> {
        let line: String = context.get(0)?;
        *sum = sum.wrapping_add(of_line(&line));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<u64>) -> rusqlite::Result<String> {
        Ok(sum.unwrap_or_default().to_string())
    }
}

/// The line of a row, as `sayso_ledger::deliver::line` has it.
const LINE: &str = "key || '|' || purpose || '|' || data || '|' || channel || '|' || allow || '|' \
                    || coalesce(until_ms, '')";

impl Database for Sqlite {
    fn apply(&mut self, messages: Arc<[Message]>) -> Answer<'_, Result<Vec<u64>, Failure>> {
        self.with(move |open| open.apply(&messages))
    }

    fn look(&mut self) -> Answer<'_, Result<Option<Version>, Failure>> {
        self.with(|open| open.look())
    }

    fn sums(&mut self) -> Answer<'_, Result<Vec<Part>, Failure>> {
        self.with(|open| {
            let select = open.profile.sql(&format!(
                "select substr(key, 1, 3), count(*), 0, '0' from {{people}}
                 where not leaving group by 1
                 union all select substr(key, 1, 3), 0, count(*), '0' from {{names}} group by 1
                 union all select substr(key, 1, 3), 0, 0, sayso_marks({LINE}) from {{permissions}}
                 group by 1"
            ));
            let mut statement = open.connection.prepare(&select).map_err(failure)?;
            let part = |row: &rusqlite::Row<'_>| {
                Ok(Part {
                    begin: row.get(0)?,
                    people: row.get::<_, i64>(1)?.unsigned_abs(),
                    names: row.get::<_, i64>(2)?.unsigned_abs(),
                    marks: row.get::<_, String>(3)?.parse().unwrap_or_default(),
                })
            };
            let rows = statement.query_map([], part).map_err(failure)?;
            rows.collect::<Result<_, _>>().map_err(failure)
        })
    }

    fn people(&mut self, begin: String) -> Answer<'_, Result<Vec<Kept>, Failure>> {
        self.with(move |open| {
            let select = open.profile.sql(&format!(
                "select p.key, p.epoch, p.position,
                     (select count(*) from {{names}} n where n.key = p.key),
                     (select sayso_marks({LINE}) from {{permissions}} m where m.key = p.key)
                 from {{people}} p where not p.leaving and p.key >= ?1 and p.key < ?1 || 'g'"
            ));
            let mut statement = open.connection.prepare(&select).map_err(failure)?;
            let kept = |row: &rusqlite::Row<'_>| {
                let names = row.get::<_, i64>(3)?.unsigned_abs();
                let marks = row.get::<_, String>(4)?.parse().unwrap_or_default();
                Ok(kept(row.get(0)?, (row.get(1)?, row.get(2)?), names, marks))
            };
            let rows = statement.query_map([&begin], kept).map_err(failure)?;
            rows.collect::<Result<_, _>>().map_err(failure)
        })
    }

    fn contradicting(&mut self, begin: String) -> Answer<'_, Result<Vec<String>, Failure>> {
        self.with(move |open| {
            let mut keys = Vec::new();
            for check in open.profile.contradicting() {
                let select = format!("select c.key from ({check}) c where c.key like ?1 || '%'");
                let mut statement = open.connection.prepare(&select).map_err(failure)?;
                let rows = statement.query_map([&begin], |row| row.get(0)).map_err(failure)?;
                for key in rows {
                    keys.push(key.map_err(failure)?);
                }
            }
            Ok(keys)
        })
    }
}

impl Parameter {
    fn bound(self, run: &Run) -> ToSqlOutput<'_> {
        match self {
            Self::Identifier => run.identifier.as_str().into(),
            Self::Key => run.key.as_str().into(),
            Self::Allow => run.allow.into(),
        }
    }
}

fn version(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Version> {
    let (epoch, number) = (row.get(from)?, row.get(from + 1)?);
    Ok(Version { epoch, number, told_at_ms: row.get(from + 2)? })
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn failure(error: rusqlite::Error) -> Failure {
    let said = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            Failure::Values("constraint".into())
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Conflict,
        Some(ErrorCode::CannotOpen) => Failure::Unreachable,
        Some(
            ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => Failure::Credentials,
        Some(ErrorCode::Unknown)
            if said.contains("no such table") || said.contains("no such column") =>
        {
            Failure::Missing
        }
        Some(ErrorCode::DiskFull) => Failure::Other("disk_full".into()),
        _ => Failure::Other("error".into()),
    }
}
