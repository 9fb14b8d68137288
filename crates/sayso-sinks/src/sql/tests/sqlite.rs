use std::{sync::Arc, time::Duration};

use sayso_consent::id::Position;
use sayso_ledger::{
    deliver::of_line,
    sink::{Answer, Kept, Message, Sink},
};
use serde_json::json;

use super::{File, shared, sink};
use crate::{
    conformance::{
        self,
        rig::{Able, Cannot, Hands, Rig},
    },
    sql::{Dialect, ddl},
};

/// A file as a receiving system.
struct Room {
    file: File,
    held: std::sync::Mutex<Option<rusqlite::Connection>>,
}

impl Room {
    fn new() -> Self {
        let file = File::new();
        for statement in ddl(Dialect::Sqlite, "sayso_") {
            file.hand(&statement);
        }
        file.hand("create table letters (address text primary key check (address not like 'poison%'), allow)");
        Self { file, held: Default::default() }
    }
}

impl Hands for Room {
    fn break_off(&self) -> Answer<'_, Able> {
        Box::pin(async { Err(Cannot("a file is there")) })
    }

    fn stall(&self) -> Answer<'_, Able> {
        // Somebody else writes to the file, and does not come to an end.
        let other = self.file.connection();
        other.execute_batch("begin exclusive").unwrap();
        *self.held.lock().unwrap() = Some(other);
        Box::pin(async { Ok(()) })
    }

    fn wake(&self) -> Answer<'_, ()> {
        *self.held.lock().unwrap() = None;
        Box::pin(async {})
    }

    fn revoke(&self) -> Answer<'_, Able> {
        Box::pin(async { Err(Cannot("a file asks nobody who they are")) })
    }
}

impl Rig for Room {
    fn open(&self) -> Arc<dyn Sink> {
        let letter =
            json!({ "when": "always", "sql": "replace into letters values (:identifier, :allow)" });
        shared(sink(&json!({ "url": self.file.url(), "statements": [letter] }), None))
    }

    fn hands(&self) -> &dyn Hands {
        self
    }

    fn held(&self) -> Answer<'_, Vec<Kept>> {
        let people =
            self.file.rows("select key, epoch, position from sayso_people where not leaving");
        let names = self.file.rows("select key from sayso_names");
        let permissions = self
            .file
            .rows("select key, purpose, data, channel, allow, until_ms from sayso_permissions");
        let kept = |row: &String| {
            let row: Vec<&str> = row.split('|').collect();
            let own = permissions.iter().filter(|line| line.starts_with(row[0]));
            Kept {
                key: row[0].to_owned(),
                position: Some(Position {
                    partition: row[1].parse().unwrap(),
                    number: row[2].parse().unwrap(),
                }),
                names: names.iter().filter(|key| *key == row[0]).count() as u64,
                marks: own.map(|line| of_line(line)).fold(0, u64::wrapping_add),
            }
        };
        let kept = people.iter().map(kept).collect();
        Box::pin(std::future::ready(kept))
    }

    fn heard(&self) -> Answer<'_, Vec<Vec<u8>>> {
        let rows = ["people", "names", "permissions"]
            .map(|table| self.file.rows(&format!("select * from sayso_{table}")));
        let rows = rows.into_iter().flatten().map(String::into_bytes).collect();
        Box::pin(std::future::ready(rows))
    }

    fn wire(&self) -> Able<Vec<u8>> {
        Err(Cannot("nothing leaves the machine"))
    }

    fn backfill(&self) -> usize {
        1_000
    }

    fn poison(&self, good: Message) -> Able<Message> {
        Ok(Message { identifiers: vec![format!("email:poison-{}", good.key)], ..good })
    }

    fn stranger(&self) -> Able<Arc<dyn Sink>> {
        Err(Cannot("a file asks nobody who they are"))
    }

    fn dismantle(&self) -> Answer<'_, Able> {
        self.file.hand("drop view sayso_allowed; alter table sayso_people rename to away");
        Box::pin(async { Ok(()) })
    }

    fn assemble(&self) -> Answer<'_, ()> {
        self.file.hand("alter table away rename to sayso_people");
        for statement in ddl(Dialect::Sqlite, "sayso_") {
            self.file.hand(&statement);
        }
        Box::pin(async {})
    }

    fn lose<'a>(&'a self, key: &'a str) -> Answer<'a, Able> {
        for table in ["people", "names", "permissions"] {
            self.file.hand(&format!("delete from sayso_{table} where key = '{key}'"));
        }
        Box::pin(async { Ok(()) })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_every_rule() {
    conformance::run::run(&Room::new()).await;
}
