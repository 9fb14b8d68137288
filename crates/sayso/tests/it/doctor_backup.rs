//! Backups while the ledger is written to, restoring one with what was withdrawn since, and the
//! doctor's findings.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    cli::{decide, file, ledger, refused},
    cli_server::{serve, stop},
    world::{ANA, Caller, done, free_port, json, run, sayso, until},
};

const OFFERS: [&str; 4] = ["--purpose", "marketing.offers", "--channel", "email"];

async fn choose(dir: &Path, who: &str, word: &str) {
    done(dir, &[&["choose", who, word][..], &OFFERS].concat()).await;
}

/// What the doctor found about one thing.
async fn found(dir: &Path, what: &str) -> (bool, String) {
    let said = run(dir, &["doctor", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    let is_ok = findings.iter().all(|finding| finding["ok"] == true);
    assert_eq!(said.code, i32::from(!is_ok), "{said:?}");
    let own = findings.iter().find(|finding| finding["what"] == what).unwrap();
    (own["ok"] == true, own["said"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_what_is_wrong() {
    let (folder, dir) = ledger().await;
    assert_eq!(run(&dir, &["doctor"]).await.code, 0);
    let (server, url) = serve(&dir).await;
    let (is_ok, said) = found(&dir, "server").await;
    assert!(is_ok && said.starts_with(&format!("runs at {url}")), "{said}");
    stop(server).await;
    assert!(!dir.join("running.json").exists(), "nothing runs any more");
    assert_eq!(found(&dir, "server").await, (true, "none runs".into()));

    let root = dir.join("root.key");
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (is_ok, said) = found(&dir, "root key").await;
    assert!(!is_ok && said.contains("chmod 600"), "{said}");
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o600)).unwrap();

    done(&dir, &["subject", "create", ANA]).await;
    choose(&dir, ANA, "deny").await;
    let journal = dir.join("withdrawals.journal");
    let line = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, line.replace("marketing", "Marketing")).unwrap();
    let (is_ok, said) = found(&dir, "journal").await;
    assert!(!is_ok && said.contains("1 unreadable"), "{said}");
    std::fs::write(&journal, line).unwrap();

    let ledger = dir.join("ledger.db");
    done(&dir, &["backup", folder.path().join("copy").to_str().unwrap()]).await;
    std::fs::write(&ledger, b"damaged").unwrap();
    assert!(!found(&dir, "ledger").await.0);
    assert!(refused(&dir, &["subject", "show", ANA]).await.contains("`sayso doctor` says more"));
    let nowhere = found(&folder.path().join("nowhere"), "folder").await;
    assert!(!nowhere.0 && nowhere.1.contains("run `sayso init`"), "{nowhere:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_whole_while_the_ledger_is_written_to() {
    let (folder, dir) = ledger().await;
    let (server, url) = serve(&dir).await;
    let key = std::fs::read_to_string(dir.join("admin.key")).unwrap();
    let caller = Caller::new(&url).with_key(&key);
    let (stop_writing, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut writers = JoinSet::new();
    for number in 0..8 {
        let made =
            json!({"identifiers": [format!("email:p{number}@example.org")], "is_active": true});
        let subject = caller.post("/v1/subjects", &made).await["subject"].clone();
        let (caller, written) = (caller.clone(), Arc::clone(&written));
        let stop_writing = Arc::clone(&stop_writing);
        writers.spawn(async move {
            let path = format!("/v1/subjects/{}/choices", subject.as_str().unwrap());
            for effect in ["grant", "denial"].into_iter().cycle() {
                if stop_writing.load(Ordering::Acquire) {
                    return;
                }
                let scope = json!({"purpose": "marketing.offers"});
                caller.post(&path, &json!({"choices": [{"effect": effect, "scope": scope}]})).await;
                written.fetch_add(1, Ordering::AcqRel);
            }
        });
    }
    for number in 0..4 {
        sleep(Duration::from_millis(150)).await;
        let copy = folder.path().join(format!("copy-{number}"));
        let acknowledged = written.load(Ordering::Acquire);
        let made = json(&dir, &["backup", copy.to_str().unwrap()]).await;
        let entries = made["entries"].as_u64().unwrap();
        assert!(entries >= acknowledged, "{entries} of {acknowledged}");
        let report = json(&dir, &["log", "verify", "--file", copy.to_str().unwrap()]).await;
        assert_eq!((&report["entries"], &report["problems"]), (&json!(entries), &json!([])));
        assert!(!folder.path().join(format!("copy-{number}-wal")).exists());
    }
    let before = written.load(Ordering::Acquire);
    assert!(before > 20, "too little was written meanwhile: {before}");
    stop_writing.store(true, Ordering::Release);
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    let again = folder.path().join("copy-0");
    let again = refused(&dir, &["backup", again.to_str().unwrap()]).await;
    assert!(again.contains("a backup never overwrites"), "{again}");
    let held = refused(&dir, &["restore", folder.path().join("copy-0").to_str().unwrap()]).await;
    assert!(held.contains("stop it first"), "{held}");
    stop(server).await;
    let empty = refused(folder.path(), &["backup", "nowhere"]).await;
    assert!(empty.contains("there is no ledger"), "{empty}");
}

/// A ledger of three people who allow offers, a copy of it, and what was said since: Ana
/// withdraws, Ben is erased, Cleo allows more.
async fn world() -> (tempfile::TempDir, std::path::PathBuf, String) {
    let (folder, dir) = ledger().await;
    for who in [ANA, "email:ben@example.org", "email:cleo@example.org"] {
        done(&dir, &["subject", "create", who]).await;
    }
    choose(&dir, ANA, "grant").await;
    choose(&dir, "email:ben@example.org", "grant").await;
    let copy = folder.path().join("copy").to_str().unwrap().to_owned();
    done(&dir, &["backup", &copy]).await;
    choose(&dir, ANA, "deny").await;
    done(&dir, &["subject", "erase", "email:ben@example.org"]).await;
    choose(&dir, "email:cleo@example.org", "grant").await;
    (folder, dir, copy)
}

/// What must be so after the copy was brought back.
async fn is_restored(dir: &Path) {
    assert_eq!(decide(dir, ANA).await["context"]["reason"], "withdrawn");
    // His erasure begins anew: the systems have to be told again before the last trace goes.
    let ben = json(dir, &["subject", "show", "email:ben@example.org"]).await;
    assert_eq!(ben["is_leaving"], true, "{ben}");
    assert_eq!(decide(dir, "email:ben@example.org").await["decision"], false);
    // What was granted since is lost, and has to be asked for again.
    assert_eq!(decide(dir, "email:cleo@example.org").await["context"]["reason"], "never_asked");
    assert!(done(dir, &["log", "verify"]).await.contains("Everything holds"));
}

#[tokio::test]
async fn a_restored_copy_knows_what_was_withdrawn_since() {
    let (_folder, dir, copy) = world().await;
    let tried = json(&dir, &["restore", &copy, "--dry-run"]).await;
    assert_eq!(tried["replayed"], 2, "{tried}");
    assert_eq!(decide(&dir, "email:cleo@example.org").await["decision"], true, "nothing was done");
    let restored = json(&dir, &["restore", &copy]).await;
    assert_eq!(restored["replayed"], 2, "{restored}");
    is_restored(&dir).await;
    assert!(Path::new(restored["aside"].as_str().unwrap()).join("ledger.db").exists());
    // The same copy once more: the journal still knows, and nothing is replayed twice.
    let again = json(&dir, &["restore", &copy]).await;
    assert_eq!(again["replayed"], 2, "{again}");
    is_restored(&dir).await;
}

#[tokio::test]
async fn a_copy_is_restored_into_another_folder_with_key_and_journal() {
    let (folder, dir, copy) = world().await;
    let other = folder.path().join("other");
    let [root, journal] = ["root.key", "withdrawals.journal"].map(|name| dir.join(name));
    let [root, journal] = [root, journal].map(|path| path.to_str().unwrap().to_owned());
    let without = refused(&other, &["restore", &copy]).await;
    assert!(without.contains("root.key"), "{without}");
    let args = ["restore", &copy, "--root-key", &root, "--journal", &journal];
    done(&other, &args).await;
    is_restored(&other).await;
    // The folder has a journal of its own now, which knows it all as well.
    done(&other, &["restore", &copy]).await;
    is_restored(&other).await;
    let mode = std::fs::metadata(&other).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "only its owner can look into a ledger's folder");
    let (_stranger_folder, stranger) = ledger().await;
    let mixed = refused(&stranger, &["restore", &copy, "--root-key", &root]).await;
    assert!(mixed.contains("another root key"), "{mixed}");
}

#[tokio::test]
async fn a_damaged_copy_changes_nothing() {
    let (folder, dir, copy) = world().await;
    let mut bytes = std::fs::read(&copy).unwrap();
    let place = bytes.windows(6).rposition(|window| window == b"sayso/").unwrap();
    bytes[place..place + 5].copy_from_slice(b"Sayso");
    std::fs::write(folder.path().join("forged"), &bytes).unwrap();
    let forged = folder.path().join("forged");
    let why = refused(&dir, &["restore", forged.to_str().unwrap()]).await;
    assert!(why.contains("nothing was changed"), "{why}");
    let prose = file(&folder, "prose", "Dear Sir or Madam,");
    refused(&dir, &["restore", &prose]).await;
    let nowhere = refused(&dir, &["restore", "nowhere"]).await;
    assert!(nowhere.contains("there is no `nowhere`"), "{nowhere}");
    assert_eq!(decide(&dir, "email:cleo@example.org").await["decision"], true);
    assert!(done(&dir, &["log", "verify"]).await.contains("Everything holds"));
}

/// A server's configuration with the journal in a folder of its own, as on another disk.
fn journal_elsewhere(folder: &tempfile::TempDir) -> (String, std::path::PathBuf) {
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let journal = disk.join("w.journal");
    let text = format!("[store]\njournal = {journal:?}\n");
    (file(folder, "sayso.toml", &text), journal)
}

async fn serve_with(dir: &Path, config: &str) -> (tokio::process::Child, String) {
    let url = format!("http://127.0.0.1:{}", free_port());
    let mut command = sayso(dir);
    command.args(["serve", "--config", config, "--listen", &url["http://".len()..]]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let caller = Caller::new(&url);
    until("the server answers", async || {
        caller.attempt(Method::GET, "/readyz", &[], "").await.filter(|answer| answer.status == 200)
    })
    .await;
    (child, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_on_another_disk_is_used_by_every_command() {
    let (folder, dir) = ledger().await;
    let (config, journal) = journal_elsewhere(&folder);
    for who in [ANA, "email:ben@example.org", "email:cleo@example.org"] {
        done(&dir, &["subject", "create", who]).await;
        choose(&dir, who, "grant").await;
    }
    let copy = folder.path().join("copy").to_str().unwrap().to_owned();
    done(&dir, &["backup", &copy]).await;
    // Before the journal was moved, while the server runs, and without a server.
    choose(&dir, ANA, "deny").await;
    let (server, _) = serve_with(&dir, &config).await;
    choose(&dir, "email:ben@example.org", "deny").await;
    stop(server).await;
    choose(&dir, "email:cleo@example.org", "deny").await;
    assert_eq!(std::fs::read_to_string(&journal).unwrap().lines().count(), 3);
    let (is_ok, said) = found(&dir, "journal").await;
    assert!(is_ok && said == format!("{}, 3 lines", journal.display()), "{said}");
    let aside = journal.with_extension("aside");
    std::fs::rename(&journal, &aside).unwrap();
    assert!(!found(&dir, "journal").await.0);
    for args in [&["restore", &copy][..], &["restore", &copy, "--dry-run"]] {
        let without = refused(&dir, args).await;
        assert!(without.contains("--without-journal"), "{without}");
    }
    std::fs::rename(&aside, &journal).unwrap();
    assert_eq!(json(&dir, &["restore", &copy]).await["replayed"], 3);
    for who in [ANA, "email:ben@example.org", "email:cleo@example.org"] {
        assert_eq!(decide(&dir, who).await["context"]["reason"], "withdrawn", "{who}");
    }
}

#[tokio::test]
async fn a_lost_journal_is_said_to_be_lost() {
    let (_folder, dir, copy) = world().await;
    std::fs::remove_file(dir.join("withdrawals.journal")).unwrap();
    refused(&dir, &["restore", &copy]).await;
    assert_eq!(decide(&dir, ANA).await["context"]["reason"], "withdrawn", "nothing was done");
    std::fs::remove_file(dir.join("withdrawals.journal")).unwrap();
    done(&dir, &["restore", &copy, "--without-journal"]).await;
    assert_eq!(decide(&dir, ANA).await["decision"], true);
}

/// An older file that is put in place by hand is found out by the journal.
#[tokio::test]
async fn a_ledger_that_was_taken_back_without_a_restore_knows_what_was_withdrawn_since() {
    let (_folder, dir, copy) = world().await;
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
    std::fs::copy(&copy, dir.join("ledger.db")).unwrap();
    is_restored(&dir).await;
}

/// Positions begin anew behind a restored copy: lines must not be told apart by them.
#[tokio::test]
async fn a_restore_of_a_later_copy_knows_what_was_withdrawn_on_the_branch_between() {
    let (folder, dir) = ledger().await;
    done(&dir, &["subject", "create", ANA]).await;
    choose(&dir, ANA, "grant").await;
    let [early, late] =
        ["early", "late"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    done(&dir, &["backup", &early]).await;
    for number in 0..20 {
        done(&dir, &["subject", "create", &format!("email:p{number}@example.org")]).await;
    }
    done(&dir, &["backup", &late]).await;
    done(&dir, &["restore", &early]).await;
    choose(&dir, ANA, "deny").await;
    done(&dir, &["restore", &late]).await;
    assert_eq!(decide(&dir, ANA).await["context"]["reason"], "withdrawn");
    // What was given since counts, whatever the journal holds from before.
    choose(&dir, ANA, "grant").await;
    let newest = folder.path().join("newest").to_str().unwrap().to_owned();
    done(&dir, &["backup", &newest]).await;
    done(&dir, &["restore", &newest]).await;
    assert_eq!(decide(&dir, ANA).await["decision"], true);
    // From before both, the journal still has it all.
    done(&dir, &["restore", &early]).await;
    assert_eq!(decide(&dir, ANA).await["context"]["reason"], "withdrawn");
}

#[tokio::test]
async fn a_restored_copy_knows_what_else_was_taken_away_since() {
    let (folder, dir) = ledger().await;
    done(&dir, &["subject", "create", ANA]).await;
    done(&dir, &["subject", "create", "email:ben@example.org"]).await;
    let made = json(&dir, &["key", "create", "--role", "administer", "--label", "leaked"]).await;
    let leaked = made["id"].as_str().unwrap();
    let copy = folder.path().join("copy").to_str().unwrap().to_owned();
    done(&dir, &["backup", &copy]).await;
    done(&dir, &["key", "revoke", leaked]).await;
    done(&dir, &["subject", "set", ANA, "--restricted", "true"]).await;
    done(&dir, &["subject", "set", "email:ben@example.org", "--active", "false"]).await;
    assert_eq!(json(&dir, &["restore", &copy]).await["replayed"], 3);
    let keys = done(&dir, &["key", "list"]).await;
    assert!(!keys.contains(leaked), "{keys}");
    assert_eq!(json(&dir, &["subject", "show", ANA]).await["is_restricted"], true);
    let ben = json(&dir, &["subject", "show", "email:ben@example.org"]).await;
    assert_eq!(ben["is_active"], false, "{ben}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_is_in_force_though_the_file_is_junk() {
    let (_folder, dir) = ledger().await;
    done(&dir, &["subject", "create", ANA]).await;
    choose(&dir, ANA, "grant").await;
    let (server, url) = serve(&dir).await;
    assert_eq!(decide(&dir, ANA).await["decision"], true);
    for name in ["ledger.db", "ledger.db-wal"] {
        let length = std::fs::metadata(dir.join(name)).unwrap().len() as usize;
        let mut file = std::fs::OpenOptions::new().write(true).open(dir.join(name)).unwrap();
        std::io::Write::write_all(&mut file, &vec![0x5a; length.max(8_192)]).unwrap();
    }
    let said = run(&dir, &[&["choose", ANA, "deny"][..], &OFFERS].concat()).await;
    assert!(said.code != 0 && said.err.contains("in force"), "{said:?}");
    assert_eq!(decide(&dir, ANA).await["context"]["reason"], "withdrawn");
    let ready = Caller::new(&url).attempt(Method::GET, "/readyz", &[], "").await.unwrap();
    assert_eq!(ready.status, 503);
    let mut server = server;
    server.kill().await.unwrap();
}

#[tokio::test]
async fn nobody_else_can_look_into_the_folder_or_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("open");
    std::fs::create_dir(&dir).unwrap();
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    done(&dir, &["init"]).await;
    let copy = folder.path().join("copy");
    done(&dir, &["backup", copy.to_str().unwrap()]).await;
    let own = || std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    for path in own().chain([copy.clone()]) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!(mode(&dir), 0o700);
    // What was made by an older program, or by hand, is mended when it is opened.
    for path in own() {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
    for what in ["folder", "root key", "admin key"] {
        let (is_ok, said) = found(&dir, what).await;
        assert!(!is_ok && said.contains("chmod"), "{what}: {said}");
    }
    done(&dir, &["key", "list"]).await;
    assert_eq!(mode(&dir), 0o700);
    for path in own() {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    for what in ["folder", "root key", "admin key"] {
        assert!(found(&dir, what).await.0, "{what}");
    }
}
