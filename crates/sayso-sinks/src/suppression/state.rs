//! The newest state of everybody, as far as lists speak of it.
//!
//! A row is dirty until a list has it, and open until a list that has it was taken and that was
//! reported. Something told again that says the same needs no new list.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sayso_consent::{
    Timestamp,
    id::{Lookup, Position, SubjectId},
};
use sayso_ledger::sink::{About, Message};
use sha2::{Digest, Sha256};

use super::config::Settings;

const SCHEMA: &str = "
create table if not exists people (
  key text primary key,
  epoch integer not null,
  position integer not null,
  told_at_ms integer not null,
  leaving integer not null,
  subject blob not null,
  former blob,
  content blob not null,
  list integer not null,     -- the number of the first list that has it
  reported integer not null  -- whether that it was applied was said
) strict, without rowid;
create index if not exists people_open on people (list) where not reported;
create table if not exists names (
  key text not null, name text not null, primary key (name, key)
) strict, without rowid;
create index if not exists names_key on names (key);
create table if not exists denied (
  key text not null, purpose text not null, data text not null, channel text not null,
  primary key (key, purpose, data, channel)
) strict, without rowid;
create table if not exists lists (
  number integer primary key,
  at_ms integer not null,
  state text not null  -- waiting, taken, or replaced by a newer one
) strict;
";

/// The state, in a file.
pub(super) struct State {
    connection: Connection,
}

/// What is to be reported: the row, and what the ledger knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    key: String,
    told_at_ms: i64,
    pub(super) about: About,
    pub(super) position: Position,
}

/// A list that was written and not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) at: Timestamp,
}

impl State {
    /// Opens or makes it, for the owner alone.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let connection = Connection::open(folder.join("state.db")).map_err(io::Error::other)?;
        let begin = || {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "secure_delete", "ON")?;
            connection.execute_batch(SCHEMA)
        };
        begin().map_err(io::Error::other)?;
        Ok(Self { connection })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Takes in what is new of these messages.
    pub(super) fn take(
        &mut self,
        messages: &[Message],
        settings: &Settings,
    ) -> rusqlite::Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let next: i64 =
            transaction.query_row("select coalesce(max(number), 0) + 1 from lists", [], |row| {
                row.get(0)
            })?;
        for message in messages {
            take_one(&transaction, message, settings, next)?;
        }
        transaction.commit()
    }

    /// Whether something is in no list yet.
    pub(super) fn is_dirty(&self) -> rusqlite::Result<bool> {
        let select = "select exists (select 1 from people
            where list > (select coalesce(max(number), 0) from lists) and not reported)";
        self.connection.query_row(select, [], |row| row.get(0))
    }

    /// The newest list.
    pub(super) fn newest(&self) -> rusqlite::Result<Option<Waiting>> {
        let select = "select number, at_ms from lists order by number desc limit 1";
        self.connection.query_row(select, [], waiting).optional()
    }

    /// Lists that wait to be taken, oldest first.
    pub(super) fn waiting(&self) -> rusqlite::Result<Vec<Waiting>> {
        let select = "select number, at_ms from lists where state = 'waiting' order by number";
        self.connection.prepare_cached(select)?.query_map([], waiting)?.collect()
    }

    /// When the first list was written after the last one that was taken.
    pub(super) fn untaken_since(&self) -> rusqlite::Result<Option<Timestamp>> {
        let select = "select min(at_ms) from lists where number >
            (select coalesce(max(number), 0) from lists where state = 'taken')";
        self.connection
            .query_row(select, [], |row| Ok(row.get::<_, Option<i64>>(0)?.map(Timestamp)))
    }

    /// The newest position that was taken in.
    pub(super) fn position(&self) -> rusqlite::Result<Option<Position>> {
        let select =
            "select epoch, position from people order by epoch desc, position desc limit 1";
        let position = |row: &rusqlite::Row<'_>| {
            Ok(Position { partition: row.get(0)?, number: row.get::<_, i64>(1)?.unsigned_abs() })
        };
        self.connection.query_row(select, [], position).optional()
    }

    /// Notes a list that was written.
    pub(super) fn written(&self, list: Waiting) -> rusqlite::Result<()> {
        let insert = "insert into lists values (?1, ?2, 'waiting')";
        let number = i64::try_from(list.number).unwrap_or(i64::MAX);
        self.connection.execute(insert, params![number, list.at.0]).map(drop)
    }

    /// Notes that a list was taken, or replaced.
    pub(super) fn ended(&self, number: u64, is_taken: bool) -> rusqlite::Result<()> {
        let update = "update lists set state = ?2 where number = ?1";
        let state = if is_taken { "taken" } else { "replaced" };
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.connection.execute(update, params![number, state]).map(drop)
    }

    /// What lists that were taken had, and was not reported.
    pub(super) fn applied(&self, most: usize) -> rusqlite::Result<Vec<Applied>> {
        let select = "select key, told_at_ms, subject, former, epoch, position from people
            where not reported
            and list <= (select coalesce(max(number), 0) from lists where state = 'taken')
            limit ?1";
        let applied = |row: &rusqlite::Row<'_>| {
            let former: Option<[u8; 16]> = row.get(3)?;
            Ok(Applied {
                key: row.get(0)?,
                told_at_ms: row.get(1)?,
                about: About {
                    subject: SubjectId(u128::from_be_bytes(row.get(2)?)),
                    former: former.map(Lookup),
                },
                position: Position {
                    partition: row.get(4)?,
                    number: row.get::<_, i64>(5)?.unsigned_abs(),
                },
            })
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.connection.prepare_cached(select)?.query_map([most], applied)?.collect()
    }

    /// Notes that these were reported, and forgets the names of those who left.
    pub(super) fn reported(&mut self, applied: &[Applied]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for Applied { key, told_at_ms, .. } in applied {
            let update = "update people set reported = 1 where key = ?1 and told_at_ms = ?2";
            let same = transaction.prepare_cached(update)?.execute(params![key, told_at_ms])?;
            let delete = "delete from names where ?2 and key = ?1
                and exists (select 1 from people p where p.key = ?1 and p.leaving)";
            transaction.prepare_cached(delete)?.execute(params![key, same > 0])?;
        }
        transaction.commit()
    }
}

fn waiting(row: &rusqlite::Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting { number: row.get::<_, i64>(0)?.unsigned_abs(), at: Timestamp(row.get(1)?) })
}

fn take_one(
    transaction: &Transaction<'_>,
    message: &Message,
    settings: &Settings,
    next: i64,
) -> rusqlite::Result<()> {
    let epoch = i64::from(message.position.partition);
    let number = i64::try_from(message.position.number).unwrap_or(i64::MAX);
    let version = (epoch, number, message.at.0);
    let select = "select epoch, position, told_at_ms, content, list from people where key = ?1";
    let known = transaction.prepare_cached(select)?.query_row([&message.key], |row| {
        let version: (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((version, row.get::<_, [u8; 32]>(3)?, row.get::<_, i64>(4)?))
    });
    let known = known.optional()?;
    if known.as_ref().is_some_and(|(known, ..)| *known >= version) {
        return Ok(());
    }
    let content = content(message, settings);
    let same = known.filter(|(_, known, _)| *known == content).map(|(.., list)| list);
    if same.is_none() {
        put_content(transaction, message, settings)?;
    }
    let upsert = "insert into people values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)
        on conflict (key) do update set epoch = excluded.epoch, position = excluded.position,
        told_at_ms = excluded.told_at_ms, leaving = excluded.leaving, content = excluded.content,
        list = excluded.list, reported = 0";
    transaction.prepare_cached(upsert)?.execute(params![
        message.key,
        epoch,
        number,
        message.at.0,
        message.leaving,
        message.about.subject.0.to_be_bytes(),
        message.about.former.map(|former| former.0),
        content,
        same.unwrap_or(next),
    ])?;
    Ok(())
}

fn put_content(
    transaction: &Transaction<'_>,
    message: &Message,
    settings: &Settings,
) -> rusqlite::Result<()> {
    for table in ["names", "denied"] {
        let delete = format!("delete from {table} where key = ?1");
        transaction.prepare_cached(&delete)?.execute([&message.key])?;
    }
    let insert = "insert or ignore into names (key, name) values (?1, ?2)";
    for name in &message.identifiers {
        transaction.prepare_cached(insert)?.execute([&message.key, name])?;
    }
    let insert = "insert or ignore into denied values (?1, ?2, ?3, ?4)";
    for [purpose, data, channel] in denied(message, settings) {
        transaction.prepare_cached(insert)?.execute([&message.key, purpose, data, channel])?;
    }
    Ok(())
}

/// What must not be done, as purpose, data and channel. In one list for a purpose that is a single
/// row of nothing: what is not declared, and anything of which a part is denied, is denied.
fn denied<'a>(message: &'a Message, settings: &'a Settings) -> Vec<[&'a str; 3]> {
    let mut own = message.permissions.iter().filter(|own| settings.is_about(own)).peekable();
    if settings.purpose.is_some() {
        let is_allowed =
            !message.leaving && own.peek().is_some() && own.all(|permission| permission.allow);
        return if is_allowed { Vec::new() } else { vec![["", "", ""]] };
    }
    if message.leaving {
        return vec![["", "", ""]];
    }
    let denied = own.filter(|permission| !permission.allow);
    let row = denied.map(|permission| {
        let channel = permission.channel.as_ref().map_or("", |channel| channel.as_str());
        [permission.purpose.as_str(), permission.data.as_str(), channel]
    });
    row.collect()
}

/// What a list would say of somebody, in short.
fn content(message: &Message, settings: &Settings) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update([u8::from(message.leaving)]);
    let names = message.identifiers.iter().map(String::as_str);
    for part in names.chain(["\0"]).chain(denied(message, settings).into_iter().flatten()) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
