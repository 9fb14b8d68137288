//! A database server as a receiving system.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use sayso_consent::id::Position;
use sayso_ledger::{
    deliver::of_line,
    sink::{Answer, Kept, Message, Sink},
};
use sayso_testkit::servers::{Kind, MariaDb, Postgres, Server, Tap};
use serde_json::json;

use super::{shared, sink};
use crate::{
    conformance::rig::{Able, Hands, Rig},
    sql::{Dialect, ddl},
};

/// A server that can be asked by hand. Rows are lines, and columns are parted by `|`.
pub(super) trait Hand: Kind {
    const DIALECT: Dialect;
    const SCHEME: &'static str;
    fn ask(server: &Server<Self>, sql: &str) -> io::Result<String>;
}

impl Hand for Postgres {
    const DIALECT: Dialect = Dialect::Postgres;
    const SCHEME: &'static str = "postgres";

    fn ask(server: &Server<Self>, sql: &str) -> io::Result<String> {
        server.query("sayso", &format!("set role sayso; {}", sql.replace('`', "")))
    }
}

impl Hand for MariaDb {
    const DIALECT: Dialect = Dialect::Mariadb;
    const SCHEME: &'static str = "mariadb";

    fn ask(server: &Server<Self>, sql: &str) -> io::Result<String> {
        Ok(server.query("sayso", sql)?.replace('\t', "|"))
    }
}

/// A server, with the tables and a table of the company's own.
pub(super) struct Room<K: Hand> {
    pub(super) server: Server<K>,
    tap: Tap,
}

/// A table of the company's that does not take every address.
const LETTERS: &str = "create table letters (
    address varchar(300) not null primary key check (address not like 'poison%'), allow boolean)";

impl<K: Hand> Room<K> {
    /// None if the server is not installed.
    pub(super) fn new() -> Option<Self> {
        let server = Server::<K>::start().unwrap()?;
        let tap = Tap::before(server.address()).unwrap();
        let room = Self { server, tap };
        for statement in ddl(K::DIALECT, "sayso_") {
            room.ask(&statement);
        }
        room.ask(LETTERS);
        Some(room)
    }

    pub(super) fn ask(&self, sql: &str) -> String {
        K::ask(&self.server, sql).unwrap()
    }

    pub(super) fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let columns = |line: &str| line.split('|').map(str::to_owned).collect();
        self.ask(sql).lines().map(columns).collect()
    }

    pub(super) fn url(&self) -> String {
        format!("{}://sayso@{}/sayso", K::SCHEME, self.tap.address())
    }

    fn sink(&self, password: &str) -> Arc<dyn Sink> {
        let letter = json!({
            "when": "always",
            "sql": match K::DIALECT {
                Dialect::Mariadb => "insert into letters values (:identifier, :allow)
                    on duplicate key update allow = :allow",
                _ => "insert into letters values (:identifier, :allow)
                    on conflict (address) do update set allow = excluded.allow",
            },
        });
        let settings = json!({ "url": self.url(), "statements": [letter] });
        shared(sink(&settings, Some(password)))
    }

    fn kept(&self) -> Vec<Kept> {
        let mut names: BTreeMap<String, u64> = BTreeMap::new();
        for row in self.rows("select `key` from sayso_names") {
            *names.entry(row[0].clone()).or_default() += 1;
        }
        let mut marks: BTreeMap<String, u64> = BTreeMap::new();
        let select = "select `key`, purpose, data, channel, case when allow then 1 else 0 end,
            coalesce(until_ms, 0) from sayso_permissions";
        for row in self.rows(select) {
            let line = row.join("|");
            let line = line.strip_suffix("|0").map_or(line.clone(), |line| format!("{line}|"));
            let sum = marks.entry(row[0].clone()).or_default();
            *sum = sum.wrapping_add(of_line(&line));
        }
        let people = self.rows("select `key`, epoch, position from sayso_people where not leaving");
        let kept = |row: Vec<String>| Kept {
            position: Some(Position {
                partition: row[1].parse().unwrap(),
                number: row[2].parse().unwrap(),
            }),
            names: names.get(&row[0]).copied().unwrap_or_default(),
            marks: marks.get(&row[0]).copied().unwrap_or_default(),
            key: row[0].clone(),
        };
        people.into_iter().map(kept).collect()
    }
}

impl<K: Hand> Rig for Room<K> {
    fn open(&self) -> Arc<dyn Sink> {
        self.sink(&self.server.place().login.password)
    }

    fn hands(&self) -> &dyn Hands {
        &self.server
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        Box::pin(async { self.kept() })
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        Box::pin(async {
            let tables = ["people", "names", "permissions"];
            let rows = tables.map(|table| self.ask(&format!("select * from sayso_{table}")));
            rows.iter().flat_map(|rows| rows.lines()).map(|row| row.as_bytes().to_vec()).collect()
        })
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Ok(self.tap.sent())
    }

    fn poison(&self, good: Message) -> Able<Message> {
        Ok(Message { identifiers: vec![format!("email:poison-{}", good.key)], ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Ok(self.sink("a password of nobody"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        Box::pin(async {
            self.ask("alter table sayso_people rename to away");
            Ok(())
        })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        Box::pin(async {
            self.ask("alter table away rename to sayso_people");
        })
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        Box::pin(async move {
            for table in ["people", "names", "permissions"] {
                self.ask(&format!("delete from sayso_{table} where `key` = '{key}'"));
            }
            Ok(())
        })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }
}
