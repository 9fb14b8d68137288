//! The company of the crash test: a ledger, its customers, and four systems that are told of every
//! choice, each a process with a table of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Child;

use crate::world::{Caller, done, free_port, json, sayso, until};

/// The systems, and the namespace that each knows people by.
const SYSTEMS: [(&str, &str); 4] =
    [("mailer", "email"), ("crm", "crm"), ("ad-partner", "ad"), ("service-cloud", "svc")];

/// A company with a ledger in a folder of its own.
pub(crate) struct Company {
    folder: TempDir,
    port: u16,
    /// Records choices and asks for decisions.
    pub(crate) caller: Caller,
    /// The subject ids of the customers, by number.
    pub(crate) people: Vec<String>,
    systems: Vec<System>,
}

/// A downstream system.
struct System {
    name: &'static str,
    namespace: &'static str,
    told: PathBuf,
    database: PathBuf,
    child: Option<Child>,
}

/// The name that a system knows a customer by.
pub(crate) fn identifier(namespace: &str, number: usize) -> String {
    match namespace {
        "email" => format!("p{number}@example.org"),
        _ => format!("{namespace}-{number}"),
    }
}

impl Company {
    /// Makes the ledger, imports customers, starts the systems, but not the server.
    pub(crate) async fn found(people: usize) -> Self {
        let mut company = Self::alone(people).await;
        let url = format!("http://127.0.0.1:{}", company.port);
        company.start_systems(&url).await;
        company
    }

    /// The same without systems.
    pub(crate) async fn alone(people: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let dir = folder.path().join("ledger");
        let catalog = folder.path().join("catalog.yaml");
        std::fs::write(&catalog, hearth::CATALOG).unwrap();
        done(&dir, &["init"]).await;
        done(&dir, &["catalog", "apply", catalog.to_str().unwrap()]).await;
        let people = import(&dir, people).await;
        let made = json(&dir, &["key", "create", "--role", "record", "--role", "decide"]).await;
        let url = format!("http://127.0.0.1:{port}");
        let caller = Caller::new(&url).with_key(made["key"].as_str().unwrap());
        let company = Self { folder, port, caller, people, systems: Vec::new() };
        // Saved all the time, so that a crash meets it and starts begin from what was saved.
        std::fs::write(company.file("sayso.toml"), "[store]\nsave_seconds = 1\n").unwrap();
        company
    }

    /// The folder of the ledger.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// A file beside the ledger.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn start_systems(&mut self, url: &str) {
        for (name, namespace) in SYSTEMS {
            let port = free_port();
            let roles = ["--role", "decide", "--role", "report", "--recipient", name];
            let key = json(&self.dir(), &[&["key", "create"][..], &roles].concat()).await;
            let sink = json(&self.dir(), &["key", "sink", name]).await;
            let database = self.file(&format!("{name}.db"));
            let told = json!({
                "name": name, "way": "hook", "port": port, "database": database, "sayso_url": url,
                "public_key": sink["public_key"], "secret": sink["secret"], "key": key["key"],
            });
            let path = self.file(&format!("{name}.json"));
            std::fs::write(&path, told.to_string()).unwrap();
            let mut system = System { name, namespace, told: path, database, child: None };
            system.start(&self.dir());
            self.systems.push(system);
            let url = format!("url=http://127.0.0.1:{port}/hook");
            let settings = ["--set", &url, "--set", "allow_private=true", "--unchecked"];
            let add = ["sink", "add", name, "webhook"];
            json(&self.dir(), &[&add[..], &settings].concat()).await;
        }
    }

    /// Starts the server; it may not answer yet.
    pub(crate) fn serve(&self) -> Child {
        let log = self.file("server.log");
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let config = self.file("sayso.toml");
        let listen = format!("127.0.0.1:{}", self.port);
        let mut command = sayso(&self.dir());
        command.args(["serve", "--listen", &listen, "--config"]).arg(config);
        command.stderr(log).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Waits until the server answers.
    pub(crate) async fn is_ready(&self, server: &mut Child) {
        until("the server is ready", async || {
            let ended = server.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {}", self.log());
            let answer = self.caller.attempt(hyper::Method::GET, "/readyz", &[], "").await?;
            answer.status.is_success().then_some(())
        })
        .await;
    }

    /// The last lines that the server wrote.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.file("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Ends a system in the middle of whatever it does.
    pub(crate) async fn kill_system(&mut self, which: usize) {
        let system = &mut self.systems[which % SYSTEMS.len()];
        if let Some(mut child) = system.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Starts the systems that do not run.
    pub(crate) fn revive_systems(&mut self) {
        let dir = self.dir();
        self.systems.iter_mut().for_each(|system| system.start(&dir));
    }

    /// Waits until every system says that it has applied everything about everybody.
    pub(crate) async fn settle(&self) {
        for subject in &self.people {
            let path = format!("/v1/subjects/{subject}/effects");
            let is_settled =
                async || (self.caller.get(&path).await["is_settled"] == true).then_some(());
            until("every system has applied everything", is_settled).await;
        }
    }

    /// Holds each system's own table against what Sayso says. `grants` tells for each customer
    /// what they said last, as the one who sent it remembers.
    pub(crate) async fn compare_tables(&self, grants: &[bool]) {
        for system in &self.systems {
            let rows = system.rows();
            assert_eq!(rows.len(), self.people.len(), "{}: a row for each customer", system.name);
            for (number, grant) in grants.iter().enumerate() {
                let name = format!("{}:{}", system.namespace, identifier(system.namespace, number));
                let row =
                    rows.get(&name).unwrap_or_else(|| panic!("{}: no row {name}", system.name));
                if matches!(system.name, "mailer" | "crm") {
                    assert_eq!(row.may_email_offers, Some(*grant), "{}: {name}", system.name);
                }
                self.compare_row(system.name, &self.people[number], &row.permissions).await;
            }
        }
    }

    async fn compare_row(&self, system: &str, subject: &str, permissions: &[Value]) {
        assert!(!permissions.is_empty(), "{system} was told nothing");
        let question = |permission: &Value| {
            let mut context = json!({});
            if permission["channel"].is_string() {
                context["channel"] = permission["channel"].clone();
            }
            json!({
                "action": {"name": permission["purpose"]},
                "resource": {"type": permission["data"], "id": subject},
                "context": context,
            })
        };
        let questions: Vec<Value> = permissions.iter().map(question).collect();
        let body =
            json!({"subject": {"type": "recipient", "id": system}, "evaluations": questions});
        let answer = self.caller.post("/access/v1/evaluations", &body).await;
        let answers = answer["evaluations"].as_array().unwrap();
        assert_eq!(answers.len(), permissions.len());
        for (permission, answer) in permissions.iter().zip(answers) {
            // At night nobody is called, whatever they allowed; a table does not know that.
            if answer["context"]["reason"] != "quiet_hours" {
                assert_eq!(
                    permission["allow"], answer["decision"],
                    "{system}: {permission} {answer}"
                );
            }
        }
    }
}

/// What a system keeps of one customer.
struct Row {
    permissions: Vec<Value>,
    may_email_offers: Option<bool>,
}

impl System {
    fn start(&mut self, dir: &Path) {
        if self.child.is_none() {
            let mut command = sayso(dir);
            // It ends when its standard input does, which is when this test ends.
            command.arg("demo-system").arg(&self.told).stdin(Stdio::piped()).stdout(Stdio::null());
            self.child = Some(command.spawn().unwrap());
        }
    }

    fn rows(&self) -> BTreeMap<String, Row> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let table = Connection::open_with_flags(&self.database, flags).unwrap();
        let sql = "SELECT identifier, permissions, may_email_offers FROM customers";
        let mut rows = table.prepare(sql).unwrap();
        let read = |row: &rusqlite::Row| {
            let permissions: String = row.get(1)?;
            let permissions = serde_json::from_str(&permissions).unwrap();
            Ok((row.get(0)?, Row { permissions, may_email_offers: row.get(2)? }))
        };
        rows.query_map([], read).unwrap().map(Result::unwrap).collect()
    }
}

/// Imports customers without choices, and says their subject ids.
async fn import(dir: &Path, count: usize) -> Vec<String> {
    let mut lines = String::new();
    for number in 0..count {
        let names = SYSTEMS.map(|(_, namespace)| (namespace, json!(identifier(namespace, number))));
        let names: serde_json::Map<String, Value> =
            names.into_iter().map(|(namespace, name)| (namespace.to_owned(), name)).collect();
        lines += &format!("{}\n", json!({"identifiers": names, "is_active": true}));
    }
    let file = dir.with_file_name("people.ndjson");
    std::fs::write(&file, lines).unwrap();
    done(dir, &["subject", "import", file.to_str().unwrap()]).await;
    let mut people = Vec::new();
    let entries = done(dir, &["follow", "--until-head"]).await;
    for entry in entries.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let is_new = entry["events"][0]["type"] == "subject_created";
        people.extend(entry["subject"].as_str().filter(|_| is_new).map(str::to_owned));
    }
    assert_eq!(people.len(), count, "{entries}");
    people
}
