//! The demo's story from its first line to Ctrl-C, over HTTP as a browser without scripts.

use std::{
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use hyper::{Method, StatusCode};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use crate::world::{
    ANA, Answer, Browser, Caller, PATIENCE, done, ended, finish, processes_on, run, sayso, signal,
    until,
};

/// Its systems.
const SYSTEMS: [&str; 4] = ["mailer", "crm", "ad-partner", "service-cloud"];
/// The box of the page that the story is about.
const BOX: &str = "offers~email~";

/// A demo that runs.
pub(crate) struct Demo {
    pub(crate) child: Child,
    pub(crate) ready: Value,
}

impl Demo {
    /// Starts a demo and waits for the line that says that it is ready.
    pub(crate) async fn start(dir: &Path) -> Self {
        let mut command = sayso(dir);
        command.args(["demo", "--json", "--port", "0", "--people", "300"]);
        let log = std::fs::File::create(dir.with_extension("log")).unwrap();
        command.stdout(std::process::Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(2 * PATIENCE, lines.next_line())
            .await
            .expect("it is ready in time");
        let line = line.unwrap().unwrap_or_else(|| {
            panic!("it ended: {}", std::fs::read_to_string(dir.with_extension("log")).unwrap())
        });
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn text(&self, pointer: &str) -> &str {
        self.ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {pointer}"))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        self.text("/url")
    }

    fn caller(&self) -> Caller {
        Caller::new(self.url())
    }

    fn admin(&self) -> Caller {
        self.caller().with_key(self.text("/admin_key"))
    }

    /// May the mailer send Ana offers by e-mail? Asked with the mailer's own key.
    async fn decision(&self) -> Value {
        let question = json!({
            "subject": {"type": "recipient", "id": "mailer"},
            "action": {"name": "marketing.offers"},
            "resource": {"type": "contact.email", "id": ANA},
            "context": {"channel": "email"},
        });
        let mailer = self.caller().with_key(self.text("/recipient_keys/mailer"));
        mailer.post("/access/v1/evaluation", &question).await
    }

    async fn effects(&self) -> Value {
        let subject = self.text("/sample/subject");
        self.admin().get(&format!("/v1/subjects/{subject}/effects")).await
    }

    /// Ends it as Ctrl-C does, and sees that nothing of it is left.
    pub(crate) async fn interrupt(mut self, dir: &Path) {
        signal(&self.child, "INT").await;
        assert!(ended(&mut self.child).await.success());
        until("no process is left", async || processes_on(dir).is_empty().then_some(())).await;
    }
}

/// Whether a system's own table says that Ana may be sent offers by e-mail.
fn flag(dir: &Path, system: &str) -> Option<bool> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let table = Connection::open_with_flags(dir.join(format!("{system}.db")), flags).unwrap();
    let ana = match system {
        "mailer" => ANA,
        "crm" => {
            let sql = "SELECT may_email_offers FROM contacts WHERE crm_id = '4711'";
            return table.query_row(sql, [], |row| row.get(0)).ok();
        }
        "ad-partner" => {
            let sql = "SELECT count(*) = 0 FROM suppressed
                       WHERE sha256 = ?1 AND purpose = 'marketing.offers' AND channel = 'email'";
            let name = hex::encode(Sha256::digest("ad-5a1c0f2e9b7d4836"));
            return table.query_row(sql, [name], |row| row.get(0)).ok();
        }
        _ => "svc:sc-0004711",
    };
    let sql = "SELECT permissions FROM customers WHERE identifier = ?1";
    let permissions: String = table.query_row(sql, [ana], |row| row.get(0)).unwrap();
    let permissions: Vec<Value> = serde_json::from_str(&permissions).unwrap();
    let is_by_mail =
        |one: &&Value| one["purpose"] == "marketing.offers" && one["channel"] == "email";
    let mut by_mail = permissions.iter().filter(is_by_mail);
    by_mail.next().map(|first| first["allow"] == true || by_mail.any(|one| one["allow"] == true))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_is_unticked_and_every_system_follows() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let demo = Demo::start(&dir).await;
    assert_eq!(demo.text("/sample/identifier"), ANA);
    for system in SYSTEMS {
        assert!(demo.text(&format!("/recipient_keys/{system}")).starts_with("sayso_"));
    }
    assert_eq!(demo.text("/admin_key"), std::fs::read_to_string(dir.join("admin.key")).unwrap());
    assert_eq!(demo.decision().await["decision"], true);
    assert_eq!(flag(&dir, "mailer"), Some(true));

    let link = demo.text("/sample/link").to_owned();
    let (browser, page) = Browser::open(demo.url(), &link).await;
    let (status, page) = untick(&demo, &browser, &page).await;
    settle(&demo, &browser, &status).await;
    for system in SYSTEMS {
        assert_ne!(flag(&dir, system), Some(true), "{system}");
    }
    assert_eq!(flag(&dir, "mailer"), Some(false));
    let again =
        demo.caller().send(Method::GET, link.strip_prefix(demo.url()).unwrap(), &[], "").await;
    assert_eq!(again.status, StatusCode::GONE, "a link opens once");

    late(&demo, &browser, &page, &dir).await;

    let subject = demo.text("/sample/subject").to_owned();
    let before = demo.admin().get(&format!("/v1/subjects/{subject}/choices")).await;
    demo.interrupt(&dir).await;
    assert!(!dir.join("running.json").exists());

    let demo = Demo::start(&dir).await;
    assert_eq!(demo.text("/sample/subject"), subject, "it goes on with the same people");
    let after = demo.admin().get(&format!("/v1/subjects/{subject}/choices")).await;
    assert_eq!(after["choices"], before["choices"]);
    assert_eq!(demo.decision().await["decision"], true);
    demo.interrupt(&dir).await;
}

/// Unticks "Offers by e-mail": in force at once, and denied at once.
async fn untick(demo: &Demo, browser: &Browser, page: &Answer) -> (String, Answer) {
    assert!(page.text.contains("Offers by e-mail"), "{}", page.text);
    let (status, page) = browser.save(page, BOX, false).await;
    assert!(!status.contains('#'), "told to load {status} again, a browser would only scroll");
    let denied = demo.decision().await;
    assert!(page.text.contains("In force now"), "{}", page.text);
    assert_eq!(denied["decision"], false, "{denied}");
    assert_eq!(denied["context"]["reason"], "withdrawn");
    (status, page)
}

/// Waits for the page that loads itself again to say that every system has applied the choice.
async fn settle(demo: &Demo, browser: &Browser, status: &str) {
    let begun = Instant::now();
    until("the page says that all have applied it", async || {
        let page = browser.get(status).await;
        let is_settled = page.text.contains("Every system has applied your choice.");
        assert_eq!(page.headers.contains_key("refresh"), !is_settled, "it loads itself until then");
        is_settled.then_some(())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(20), "that took {:?}", begun.elapsed());
    assert_eq!(demo.effects().await["is_settled"], true);
}

/// A system that is down is late at its deadline and cut off, and catches up when it is back.
async fn late(demo: &Demo, browser: &Browser, page: &Answer, dir: &Path) {
    assert!(run(dir, &["demo", "stop", "mailer"]).await.err.contains("is being stopped"));
    assert!(run(dir, &["demo", "stop", "mailer"]).await.err.contains("is stopped already"));
    until("the mailer is down", async || {
        let lines = processes_on(dir);
        (lines.iter().filter(|line| line.contains("demo-system")).count() == 3).then_some(())
    })
    .await;
    let (status, _) = browser.save(page, BOX, true).await;
    assert_eq!(demo.decision().await["decision"], true, "until its deadline it may go on");
    let late = until("the page says that the mailer is late", async || {
        let page = browser.get(&status).await;
        page.text.contains("Late since").then_some(page)
    })
    .await;
    assert!(late.text.contains("Until it answers, it may not use your data, except where"));
    let denied = demo.decision().await;
    assert_eq!(denied["decision"], false, "{denied}");
    assert_eq!(denied["context"]["reason"], "overdue");
    assert_eq!(flag(dir, "mailer"), Some(false), "it was not told");
    let started = run(dir, &["demo", "start", "mailer"]).await;
    assert!(started.err.contains("catches up within half a minute"), "{started:?}");
    settle(demo, browser, &status).await;
    assert_eq!(demo.decision().await["decision"], true);
    assert_eq!(flag(dir, "mailer"), Some(true));
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = run(&dir, &["demo", "--port", &port]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains(&format!("cannot listen on 127.0.0.1:{port}; is it taken?")),
        "{said:?}"
    );

    let said = run(&dir, &["demo", "stop", "mailer"]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no demo runs in"), "{said:?}");
    let said = run(&dir, &["demo", "stop", "toaster"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("possible values: mailer, crm, ad-partner, service-cloud"),
        "{said:?}"
    );

    done(&dir, &["init"]).await;
    damaged(&dir, "root.key", "root.key").await;
    damaged(&dir, "ledger.db", "cannot be opened; `sayso doctor` says more").await;
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = finish(sayso(&file).args(["demo", "--port", "0"])).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("cannot make"), "{said:?}");
}

/// With one of its files damaged the demo does not start, says so, and leaves the file alone.
async fn damaged(dir: &Path, name: &str, word: &str) {
    let path = dir.join(name);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, "damaged").unwrap();
    let said = run(dir, &["demo", "--port", "0"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(word) && said.err.starts_with("error: "), "{said:?}");
    assert!(!said.err.contains("panicked"), "{said:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
    std::fs::write(&path, whole).unwrap();
}
