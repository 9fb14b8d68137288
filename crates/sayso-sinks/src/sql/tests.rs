mod drift;
mod exact;
mod mariadb;
mod names;
mod pace;
mod postgres;
mod rig;
mod settings;
mod sqlite;
mod statements;
mod tls;

use std::sync::Arc;

use sayso_ledger::sink::{Message, Outcome, Sink, Told};
use serde_json::{Value, json};

use super::*;
use crate::conformance::people::{LEDGER, recipient};

pub(super) fn told() -> Told {
    Told { recipient: recipient(), ledger: LEDGER.into() }
}

/// A sink with these settings, over a short patience.
pub(super) fn sink(settings: &Value, password: Option<&str>) -> Sql {
    let mut all =
        json!({ "tls": false, "allow_private": true, "timeout_ms": 1_500, "batch_max": 500 });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let settings = Settings::deserialize(&all).unwrap();
    Sql::new(&settings, password.map(|password| password.to_owned().into()), &told()).unwrap()
}

use serde::Deserialize;

/// A database of a test, in a file.
pub(super) struct File {
    folder: tempfile::TempDir,
}

impl File {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn url(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("own.db").display())
    }

    /// Runs statements by hand.
    pub(super) fn hand(&self, sql: &str) {
        self.connection().execute_batch(sql).unwrap();
    }

    /// What a query says, row by row.
    pub(super) fn rows(&self, sql: &str) -> Vec<String> {
        let connection = self.connection();
        let mut statement = connection.prepare(sql).unwrap();
        let count = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let shown = (0..count).map(|place| match row.get_ref(place).unwrap() {
                rusqlite::types::ValueRef::Null => String::new(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                other => other.as_str().unwrap().to_owned(),
            });
            Ok(shown.collect::<Vec<_>>().join("|"))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    fn connection(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("own.db")).unwrap()
    }

    /// A sink that makes its tables.
    pub(super) fn sink(&self, statements: &Value) -> Sql {
        let settings =
            json!({ "url": self.url(), "create_tables": true, "statements": statements });
        sink(&settings, None)
    }
}

pub(super) async fn deliver(sink: &Sql, messages: &[Message]) -> Vec<Outcome> {
    sink.deliver(messages.into()).await
}

/// Delivers what has to be applied, and says how many rows each changed.
pub(super) async fn apply(sink: &Sql, messages: &[Message]) -> Vec<String> {
    let detail = |outcome| match outcome {
        Outcome::Applied { detail } => detail.unwrap(),
        other => panic!("{other:?}"),
    };
    deliver(sink, messages).await.into_iter().map(detail).collect()
}

pub(super) fn shared(sink: Sql) -> Arc<dyn Sink> {
    Arc::new(sink)
}
