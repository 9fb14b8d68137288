//! The life of a sink by the command line, the API and the operators' page.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::{
    cli::{ledger, refused},
    cli_server::serve,
    world::{ANA, Browser, Caller, done, json as json_of, run, until},
};

/// What one recipient's sink looks like.
async fn shown(dir: &std::path::Path) -> Value {
    let sinks = json_of(dir, &["sink", "list"]).await;
    sinks.as_array().unwrap().first().cloned().unwrap_or_default()
}

/// What a database's own administrator runs makes all that the sink looks for, and needs no server.
#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_a_database_are_written_down() {
    let (folder, dir) = ledger().await;
    let alone = tempfile::tempdir().unwrap();
    let sql = done(alone.path(), &["sink", "tables", "sqlite", "--prefix", "own_"]).await;
    let file = folder.path().join("crm.db");
    rusqlite::Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
    let url = format!("url=sqlite:{}", file.display());
    let add = ["sink", "add", "crm", "sql", "--dry-run", "--set", &url, "--set"];
    let said = done(&dir, &[&add[..], &["prefix=own_"]].concat()).await;
    assert!(said.contains("Nothing was recorded"), "{said}");
    let said = refused(&dir, &[&add[..], &["prefix=sayso_"]].concat()).await;
    assert!(said.contains("the system cannot be used as it is"), "{said}");
    let said = run(alone.path(), &["sink", "tables", "sqlite", "--prefix", "a;b"]).await;
    assert!(said.code == 2 && said.err.contains("small letters"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_is_added_paused_rotated_and_removed() {
    let (folder, dir) = ledger().await;
    let drop = folder.path().join("drop");
    let set = format!("folder={}", drop.display());
    let add = ["sink", "add", "mailer", "file", "--set", &set];
    let said = refused(&dir, &add).await;
    assert!(said.contains("the system cannot be used as it is"), "{said}");
    std::fs::create_dir(&drop).unwrap();
    let tried = done(&dir, &[&add[..], &["--dry-run"]].concat()).await;
    assert!(tried.contains("Nothing was recorded"), "{tried}");
    assert_eq!(shown(&dir).await, Value::Null);
    let said = refused(&dir, &["sink", "add", "mailr", "file", "--set", &set]).await;
    assert!(said.contains("mailr"), "{said}");
    let said = refused(&dir, &["sink", "add", "mailer", "file", "--set", "foldr=/x"]).await;
    assert!(said.contains("`foldr` is no setting of this kind"), "{said}");
    done(&dir, &add).await;
    assert_eq!(shown(&dir).await["kind"], "file");
    let said = refused(&dir, &["sink", "pause", "mailer", "--reason", " "]).await;
    assert!(said.contains("reason"), "{said}");
    done(&dir, &["sink", "pause", "mailer", "--reason", "they move"]).await;
    let own = shown(&dir).await;
    assert_eq!((&own["mode"], &own["reason"]), (&json!("paused"), &json!("they move")));
    done(&dir, &["sink", "resume", "mailer"]).await;
    assert_eq!(shown(&dir).await["mode"], "running");
    let said = refused(&dir, &["sink", "rotate", "mailer"]).await;
    assert!(said.contains("declaring the sink anew"), "{said}");
    done(&dir, &["sink", "remove", "mailer", "--reason", "another house does it"]).await;
    assert_eq!(shown(&dir).await, Value::Null);
    let kinds = done(&dir, &["sink", "kinds"]).await;
    for kind in ["webhook", "nats", "kafka", "mqtt", "amqp", "redis", "sql", "file", "exec"] {
        assert!(kinds.contains(kind), "{kind}: {kinds}");
    }
}

/// What is secret goes in, is sealed, and comes out nowhere: not in lists, not in the clear ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_never_shown_again() {
    let (folder, dir) = ledger().await;
    let secret = format!("whsec_{}", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=");
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let from = format!("secret={}", file.display());
    let add = ["sink", "add", "mailer", "webhook", "--set", "url=https://mailer.example/hook"];
    done(&dir, &[&add[..], &["--secret-file", &from, "--unchecked"]].concat()).await;
    let own = shown(&dir).await;
    assert_eq!(own["secrets"], json!(["secret"]));
    let rotated = json_of(&dir, &["sink", "rotate", "mailer", "--overlap", "2"]).await;
    let fresh = rotated["secret"].as_str().unwrap().to_owned();
    assert!(fresh.starts_with("whsec_") && fresh != secret);
    let own = shown(&dir).await;
    assert!(own["settings"]["previous_until"].is_string(), "{own}");
    let all = format!("{own} {}", done(&dir, &["sink", "list"]).await);
    assert!(!all.contains(&secret) && !all.contains(&fresh));
    for entry in std::fs::read_dir(&dir).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let has = |text: &str| bytes.windows(text.len()).any(|at| at == text.as_bytes());
        assert!(!has(&secret) && !has(&fresh));
    }
}

/// An operator pauses a system on the page: only from the page itself, and it is on the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_gives_orders_on_the_page() {
    let (folder, dir) = ledger().await;
    let drop = folder.path().join("drop");
    std::fs::create_dir(&drop).unwrap();
    let (mut server, url) = serve(&dir).await;
    done(&dir, &["subject", "create", ANA]).await;
    let link = done(&dir, &["overview"]).await;
    let (browser, page) = Browser::open(&url, link.trim()).await;
    assert!(page.text.contains("not connected"), "{}", page.text);
    let still = browser.get("/overview?watch=off").await;
    let token = still.text.split("name=\"csrf\" value=\"").nth(2).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    let form = |fields: &[(&str, &str)]| {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", encode(value));
        fields.iter().map(pair).collect::<Vec<_>>().join("&")
    };
    let settings = json!({"folder": drop}).to_string();
    let add = [
        ("order", "add"),
        ("recipient", "mailer"),
        ("kind", "file"),
        ("settings", &settings),
        ("secrets", "{}"),
    ];
    let refused = browser.form("/overview/sinks", &form(&add)).await;
    assert!(!refused.status.is_success(), "without the token of the page: {refused:?}");
    let add = [&add[..], &[("csrf", &*token)]].concat();
    let added = browser.form("/overview/sinks", &form(&add)).await;
    assert_eq!(added.status, StatusCode::OK, "{added:?}");
    assert!(added.text.contains("It is on the ledger at"), "{}", added.text);
    let lines = || {
        let files = std::fs::read_dir(&drop).unwrap().flatten();
        let mut texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        texts.any(|text| text.contains("ana@example.org")).then_some(())
    };
    until("she is told of", async || lines()).await;
    let order =
        [("csrf", &*token), ("order", "pause"), ("recipient", "mailer"), ("reason", "they move")];
    let paused = browser.form("/overview/sinks", &form(&order)).await;
    assert!(paused.text.contains("is sent only what takes something away: they move"));
    let admin = std::fs::read_to_string(dir.join("admin.key")).unwrap();
    let sinks = Caller::new(&url).with_key(&admin).get("/v1/sinks").await;
    assert_eq!(sinks[0]["mode"], "paused");
    server.kill().await.unwrap();
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}
