//! The same commands while a server holds the ledger, keys, and what proves the ledger.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::process::Child;

use crate::{
    cli::{file, ledger, refused},
    world::{
        ANA, Caller, done, ended, finish, free_port, json as json_of, run, sayso, signal, until,
    },
};

/// Starts a server on a folder and waits until it answers; second, where it is.
pub(crate) async fn serve(dir: &Path) -> (Child, String) {
    serve_to(dir, Stdio::null()).await
}

/// The same with its log kept.
async fn serve_to(dir: &Path, log: Stdio) -> (Child, String) {
    serve_with(dir, &[], log).await
}

/// The same with more arguments.
pub(crate) async fn serve_with(dir: &Path, more: &[&str], log: Stdio) -> (Child, String) {
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut command = sayso(dir);
    command.args(["serve", "--listen", &listen]).args(more).stdout(Stdio::null()).stderr(log);
    let child = command.spawn().unwrap();
    let url = format!("http://{listen}");
    let caller = Caller::new(&url);
    until("the server answers", async || {
        caller.attempt(hyper::Method::GET, "/readyz", &[], "").await
    })
    .await;
    (child, url)
}

/// A recipient with a deadline and no sink is told nothing and is denied all the same: everything
/// that an operator looks at says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_nobody_tells_is_seen_to_be_late() {
    let (folder, dir) = ledger().await;
    let hasty = hearth::CATALOG.replace("effect_deadline: 15 seconds", "effect_deadline: 1 second");
    done(&dir, &["catalog", "apply", &file(&folder, "hasty.yaml", &hasty)]).await;
    assert!(refused(&dir, &["overview"]).await.contains("start one with `sayso serve`"));
    let log = folder.path().join("log");
    let (server, url) = serve_to(&dir, std::fs::File::create(&log).unwrap().into()).await;
    done(&dir, &["subject", "create", ANA]).await;
    let admin =
        Caller::new(&url).with_key(&std::fs::read_to_string(dir.join("admin.key")).unwrap());
    let late = until("the mailer is late", async || {
        let systems = admin.get("/v1/systems").await;
        let own = systems.as_array().unwrap().iter().find(|own| own["recipient"] == "mailer");
        own.filter(|own| own["overdue"] == 1).cloned()
    })
    .await;
    assert_eq!((&late["is_connected"], &late["unapplied"]), (&json!(false), &json!(1)));
    let metrics = admin.send(hyper::Method::GET, "/metrics", &[], "").await.text;
    assert!(metrics.contains("sayso_system_overdue{recipient=\"mailer\"} 1"), "{metrics}");
    let said = std::fs::read_to_string(&log).unwrap();
    let warned = "mailer has an effect_deadline but no sink: its use will be denied";
    assert!(said.contains(warned), "{said}");
    assert!(said.lines().any(|line| line.contains("ERROR") && line.contains("mailer")), "{said}");
    let doctor = run(&dir, &["doctor"]).await;
    assert!(
        doctor.code == 1 && doctor.out.contains("no sink for") && doctor.out.contains("mailer"),
        "{doctor:?}"
    );

    let link = done(&dir, &["overview"]).await;
    let path = link.trim().strip_prefix(&url).unwrap();
    let headers = [("sec-fetch-mode", "navigate"), ("accept-language", "en")];
    let browser = Caller::new(&url);
    let opened = browser.send(hyper::Method::GET, path, &headers, "").await;
    let cookie = opened.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let headers = [("cookie", cookie), ("accept-language", "en")];
    let page = browser.send(hyper::Method::GET, "/overview", &headers, "").await.text;
    assert!(page.contains("not connected") && page.contains("is late for 1 person"), "{page}");
    assert!(!page.contains("Every system is in step"), "{page}");
    stop(server).await;
}

/// Ends a server as an operator does.
pub(crate) async fn stop(mut server: Child) {
    signal(&server, "TERM").await;
    assert!(ended(&mut server).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_reach_a_server_that_holds_the_ledger() {
    let (folder, dir) = ledger().await;
    let (server, url) = serve(&dir).await;
    let ana = json_of(&dir, &["subject", "create", ANA]).await;
    let link = done(&dir, &["subject", "link", ANA]).await;
    assert!(link.starts_with(&format!("{url}/open/")), "{link}");
    let weak = json_of(&dir, &["subject", "link", ANA, "--weak"]).await;
    assert!(weak["link"].is_string() && weak["expires"].is_string());

    let key = std::fs::read_to_string(dir.join("admin.key")).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let remote = |key: &'static str| ["subject", "find", ANA, "--url", key];
    let mut command = sayso(&elsewhere);
    let found = finish(
        command.args(["subject", "find", ANA]).env("SAYSO_URL", &url).env("SAYSO_KEY", &key),
    )
    .await;
    assert_eq!(json!(found.out.trim()), ana["subject"], "{found:?}");
    let mut command = sayso(&elsewhere);
    let strange =
        finish(command.args(["key", "list"]).env("SAYSO_URL", &url).env("SAYSO_KEY", "sayso_no"))
            .await;
    assert_eq!(strange.code, 1);
    assert!(strange.err.contains("a valid API key is needed"), "{strange:?}");
    let gone = [&remote("http://127.0.0.1:1")[..], &["--key", "x"]].concat();
    assert!(refused(&elsewhere, &gone).await.contains("cannot reach http://127.0.0.1:1"));

    let second = refused(&dir, &["serve", "--listen", "127.0.0.1:0"]).await;
    assert!(second.contains("another process holds the ledger"), "{second}");
    let taken = url.strip_prefix("http://").unwrap();
    let taken = refused(&elsewhere, &["serve", "--listen", taken]).await;
    assert!(taken.contains("is it taken?"), "{taken}");
    let config = file(&folder, "bad.toml", "[server]\nlisten_on = 1\n");
    let config = refused(&dir, &["serve", "--config", &config]).await;
    assert!(config.contains("listen_on") && config.contains("cannot be read"), "{config}");
    assert!(
        done(&dir, &["log", "verify"]).await.contains("Everything holds"),
        "while it is in use"
    );
    stop(server).await;
    assert_eq!(json_of(&dir, &["subject", "find", ANA]).await, json!({"subject": ana["subject"]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_used_listed_and_withdrawn() {
    let (_folder, dir) = ledger().await;
    let (server, url) = serve(&dir).await;
    let roles = ["key", "create", "--role", "decide", "--role", "report"];
    let made =
        json_of(&dir, &[&roles[..], &["--recipient", "mailer", "--label", "the mailer"]].concat())
            .await;
    let (id, secret) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let mailer = Caller::new(&url).with_key(secret);
    let question = |recipient: &str| {
        json!({
            "subject": {"type": "recipient", "id": recipient},
            "action": {"name": "marketing.offers"},
            "resource": {"type": "contact.email", "id": ANA},
            "context": {"channel": "email"},
        })
        .to_string()
    };
    let headers = [("content-type", "application/json")];
    let ask = async |recipient: &str| {
        let path = "/access/v1/evaluation";
        mailer.send(hyper::Method::POST, path, &headers, question(recipient)).await.status
    };
    assert_eq!(ask("mailer").await, 200);
    assert_eq!(ask("crm").await, 403, "it speaks for one recipient only");
    let listed = done(&dir, &["key", "list"]).await;
    assert!(listed.contains(id) && listed.contains("the mailer") && !listed.contains(secret));
    let all = json_of(&dir, &["key", "list"]).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    done(&dir, &["key", "revoke", id]).await;
    assert_eq!(ask("mailer").await, 401, "withdrawn at once");
    refused(&dir, &["key", "revoke", "key_of_nobody"]).await;
    let strange = refused(&dir, &[&roles[..], &["--recipient", "mailr"]].concat()).await;
    assert!(strange.contains("did you mean `mailer`?"), "{strange}");
    let strange = refused(&dir, &["key", "sink", "mailr"]).await;
    assert!(strange.contains("no recipient `mailr`; did you mean `mailer`?"), "{strange}");
    assert_eq!(run(&dir, &["key", "create", "--role", "rule"]).await.code, 2);
    let sink = json_of(&dir, &["key", "sink", "mailer"]).await;
    assert!(sink["secret"].as_str().unwrap().starts_with("whsec_"));
    assert!(sink["public_key"].as_str().unwrap().starts_with("whpk_"));
    assert_ne!(sink["secret"], json_of(&dir, &["key", "sink", "crm"]).await["secret"]);
    stop(server).await;
}

#[tokio::test]
async fn the_ledger_and_its_receipts_are_proven() {
    let (folder, dir) = ledger().await;
    let kept = file(&folder, "checkpoint", &done(&dir, &["log", "checkpoint"]).await);
    done(&dir, &["subject", "create", ANA]).await;
    let written = json_of(&dir, &["choose", ANA, "deny", "--purpose", "marketing"]).await;
    let position = written["position"].as_str().unwrap();
    let key = done(&dir, &["log", "public-key"]).await;
    let key = key.trim();

    let report = json_of(&dir, &["log", "verify", "--checkpoint", &kept]).await;
    assert_eq!((&report["entries"], &report["problems"]), (&json!(4), &json!([])), "{report}");
    let sealed = ["log", "verify", "--sealed", "--public-key", key];
    assert!(done(&dir, &sealed).await.contains("0 opened"));
    let other = "00".repeat(31) + "01";
    let said = run(&dir, &["log", "verify", "--sealed", "--public-key", &other]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let said = refused(&dir, &["log", "verify", "--public-key", "short"]).await;
    assert!(said.contains("64 hexadecimal digits"), "{said}");
    let (_other_folder, stranger) = ledger().await;
    let strange = file(&folder, "strange", &done(&stranger, &["log", "checkpoint"]).await);
    let said = run(&dir, &["log", "verify", "--checkpoint", &strange]).await;
    assert_eq!(said.code, 1, "another ledger's head: {said:?}");

    let receipt = done(&dir, &["log", "receipt", position]).await;
    let whole = file(&folder, "receipt.json", &receipt);
    assert!(done(&dir, &["log", "verify-receipt", &whole]).await.contains("the receipt holds"));
    let offline = ["log", "verify-receipt", &whole, "--public-key", key];
    assert_eq!(json_of(folder.path(), &offline).await["holds"], true, "without a ledger");
    let keyless = refused(folder.path(), &["log", "verify-receipt", &whole]).await;
    assert!(keyless.contains("give its key with `--public-key`"), "{keyless}");
    let mut forged: Value = serde_json::from_str(&receipt).unwrap();
    forged["entry"]["events"][0]["effect"] = json!("grant");
    let forged = file(&folder, "forged.json", &forged.to_string());
    refused(&dir, &["log", "verify-receipt", &forged]).await;
    refused(&stranger, &["log", "verify-receipt", &whole]).await;
    let prose = file(&folder, "prose.json", "{}");
    assert!(
        refused(&dir, &["log", "verify-receipt", &prose]).await.contains("receipt is malformed")
    );
    refused(&dir, &["log", "receipt", "0-99"]).await;
    let nowhere = refused(folder.path(), &["log", "verify", "--public-key", key]).await;
    assert!(nowhere.contains("there is no"), "{nowhere}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_does_not_keep_a_server_from_ending() {
    let (folder, dir) = ledger().await;
    let (server, _) = serve(&dir).await;
    let printed = folder.path().join("followed");
    let mut following = sayso(&dir);
    following.arg("follow").stdout(std::fs::File::create(&printed).unwrap());
    let following = following.stderr(Stdio::piped()).spawn().unwrap();
    done(&dir, &["subject", "create", ANA]).await;
    until("it is told of the new entry", async || {
        std::fs::read_to_string(&printed).unwrap().contains("subject_created").then_some(())
    })
    .await;
    let begun = std::time::Instant::now();
    stop(server).await;
    assert!(begun.elapsed().as_secs() < 20, "that took {:?}", begun.elapsed());
    let ended = following.wait_with_output().await.unwrap();
    let why = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(why.contains("the server ended; go on with `--after`"), "{why}");
}

/// Whoever opens more connections than the process may have files, and says nothing on any, keeps
/// nobody from an answer for longer than a silent connection may last.
#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_do_not_keep_others_from_an_answer() {
    let (_folder, dir) = ledger().await;
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut shell = tokio::process::Command::new("sh");
    let program =
        format!("ulimit -n 96; exec {} serve --listen {listen}", env!("CARGO_BIN_EXE_sayso"));
    shell.args(["-c", &program]).env("SAYSO_DIR", &dir).kill_on_drop(true);
    let server = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let caller = Caller::new(&format!("http://{listen}"));
    let ready = async || caller.attempt(hyper::Method::GET, "/readyz", &[], "").await;
    until("the server answers", ready).await;
    let mut silent = Vec::new();
    for _ in 0..120 {
        silent.push(tokio::net::TcpStream::connect(&listen).await.unwrap());
    }
    let other = Caller::new(&format!("http://{listen}"));
    let answer = other.send(hyper::Method::GET, "/readyz", &[], "").await;
    assert_eq!(answer.status, 200);
    drop(silent);
    stop(server).await;
}

/// A body of which no more comes is not waited for without end.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_body_that_never_ends_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (_folder, dir) = ledger().await;
    let (server, url) = serve(&dir).await;
    let listen = url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(listen).await.unwrap();
    let head = "POST /open HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 100\r\n\r\ntoken=";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = tokio::time::timeout(2 * crate::world::PATIENCE, stream.read_exact(&mut answer));
    read.await.expect("it is given up").unwrap();
    assert_eq!(&answer[..10], b"HTTP/1.1 4");
    stop(server).await;
}

/// A link that a stolen key made is worth nothing once the key is withdrawn, used or not.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_opened_is_shut_when_it_is_withdrawn() {
    let (_folder, dir) = ledger().await;
    let (server, url) = serve(&dir).await;
    let made = json_of(&dir, &["key", "create", "--role", "administer"]).await;
    let caller = Caller::new(&url).with_key(made["key"].as_str().unwrap());
    let mut links = Vec::new();
    for _ in 0..2 {
        let link = caller.post("/v1/operator-links", &json!({})).await;
        links.push(link["link"].as_str().unwrap().strip_prefix(&url).unwrap().to_owned());
    }
    let browser = Caller::new(&url);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let enter = async |link: &str| {
        let token = format!("token={}", link.rsplit_once('/').unwrap().1);
        browser.send(hyper::Method::POST, "/open", &form, token).await
    };
    let entered = enter(&links[0]).await;
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let overview = async || {
        let headers = [("cookie", cookie.as_str())];
        browser.send(hyper::Method::GET, "/overview", &headers, "").await.status
    };
    assert_eq!(overview().await, 200);
    done(&dir, &["key", "revoke", made["id"].as_str().unwrap()]).await;
    assert_eq!(overview().await, 410);
    assert_eq!(enter(&links[1]).await.status, 410);
    stop(server).await;
}
