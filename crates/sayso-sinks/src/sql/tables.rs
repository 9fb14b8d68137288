//! The tables, in each dialect.
//!
//! | table | holds |
//! |---|---|
//! | `people` | everybody who was told of, and through which entry |
//! | `names` | by which names they are known; none of whoever is leaving |
//! | `permissions` | what may be done and what may not |
//! | `ledger` | whose tables these are, and how far they have come: one row |
//! | `allowed` | a view of what may be done now, for joining with |
//!
//! The range of a person is the beginning of the key, and the mark of a permission follows from its
//! other columns: neither is kept, so that neither can disagree.

/// A way of writing SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL, from version 11 on.
    Postgres,
    /// MariaDB, from version 10.2 on.
    Mariadb,
    /// SQLite 3.
    Sqlite,
}

impl Dialect {
    pub(super) fn placeholder(self, place: usize) -> String {
        match self {
            Self::Postgres => format!("${place}"),
            Self::Mariadb | Self::Sqlite => "?".into(),
        }
    }
}

/// What creates the tables, statement by statement. Running it again changes nothing.
pub fn ddl(dialect: Dialect, prefix: &str) -> Vec<String> {
    let all = match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::Mariadb => MARIADB,
        Dialect::Sqlite => SQLITE,
    };
    all.split(";\n").map(|one| named(one.trim(), prefix)).filter(|one| !one.is_empty()).collect()
}

/// A statement with the real names of the tables, which are written `{people}` in it.
pub(super) fn named(sql: &str, prefix: &str) -> String {
    sql.replace('{', prefix).replace('}', "")
}

const POSTGRES: &str = r#"
create table if not exists {ledger} (
  id text primary key,
  recipient text not null,
  epoch integer not null,
  position bigint not null,
  told_at_ms bigint not null
);
create table if not exists {people} (
  key text collate "C" primary key,
  epoch integer not null,
  position bigint not null,
  told_at_ms bigint not null,
  leaving boolean not null
);
create table if not exists {names} (
  identifier text not null,
  namespace text not null,
  key text collate "C" not null,
  primary key (identifier, namespace)
);
create index if not exists {names}_key on {names} (key);
create table if not exists {permissions} (
  key text collate "C" not null,
  purpose text not null,
  data text not null,
  channel text not null,
  nth smallint not null,
  allow boolean not null,
  until_ms bigint,
  reason text not null,
  primary key (key, purpose, data, channel, nth)
);
create or replace view {allowed} as
select n.identifier, p.purpose, p.data, p.channel, p.until_ms
from {names} n join {permissions} p on p.key = n.key
where p.allow and p.nth = 0
  and (p.until_ms is null or p.until_ms > extract(epoch from clock_timestamp()) * 1000);
"#;

// Texts are compared byte by byte, without the padding that would take `ana` and `ana ` for one.
const MARIADB: &str = "
create table if not exists {ledger} (
  id varchar(64) not null primary key,
  recipient varchar(128) not null,
  epoch integer not null,
  position bigint not null,
  told_at_ms bigint not null
) engine=InnoDB character set utf8mb4 collate utf8mb4_nopad_bin;
create table if not exists {people} (
  `key` char(32) character set ascii collate ascii_bin not null primary key,
  epoch integer not null,
  position bigint not null,
  told_at_ms bigint not null,
  leaving boolean not null
) engine=InnoDB character set utf8mb4 collate utf8mb4_nopad_bin;
create table if not exists {names} (
  identifier varchar(256) not null,
  namespace varchar(128) not null,
  `key` char(32) character set ascii collate ascii_bin not null,
  primary key (identifier, namespace),
  index (`key`)
) engine=InnoDB character set utf8mb4 collate utf8mb4_nopad_bin;
create table if not exists {permissions} (
  `key` char(32) character set ascii collate ascii_bin not null,
  purpose varchar(128) character set ascii collate ascii_bin not null,
  data varchar(128) character set ascii collate ascii_bin not null,
  channel varchar(128) character set ascii collate ascii_bin not null,
  nth smallint not null,
  allow boolean not null,
  until_ms bigint,
  reason varchar(64) character set ascii collate ascii_bin not null,
  primary key (`key`, purpose, data, channel, nth)
) engine=InnoDB character set utf8mb4 collate utf8mb4_nopad_bin;
create or replace view {allowed} as
select n.identifier, p.purpose, p.data, p.channel, p.until_ms
from {names} n join {permissions} p on p.`key` = n.`key`
where p.allow and p.nth = 0
  and (p.until_ms is null or p.until_ms > unix_timestamp(now(3)) * 1000);
";

const SQLITE: &str = "
create table if not exists {ledger} (
  id text primary key,
  recipient text not null,
  epoch integer not null,
  position integer not null,
  told_at_ms integer not null
) strict;
create table if not exists {people} (
  key text primary key,
  epoch integer not null,
  position integer not null,
  told_at_ms integer not null,
  leaving integer not null
) strict, without rowid;
create table if not exists {names} (
  identifier text not null,
  namespace text not null,
  key text not null,
  primary key (identifier, namespace)
) strict, without rowid;
create index if not exists {names}_key on {names} (key);
create table if not exists {permissions} (
  key text not null,
  purpose text not null,
  data text not null,
  channel text not null,
  nth integer not null,
  allow integer not null,
  until_ms integer,
  reason text not null,
  primary key (key, purpose, data, channel, nth)
) strict, without rowid;
create view if not exists {allowed} as
select n.identifier, p.purpose, p.data, p.channel, p.until_ms
from {names} n join {permissions} p on p.key = n.key
where p.allow and p.nth = 0
  and (p.until_ms is null or p.until_ms > unixepoch('now', 'subsec') * 1000);
";
