//! Every command does what it says, says it to people and to machines, and says plainly what is
//! wrong. Here on a folder, without a server; with one in `cli_server`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{ANA, Said, done, finish, json, run, sayso};

/// A folder with a ledger in it that has Hearth's catalog.
pub(crate) async fn ledger() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    done(&dir, &["init"]).await;
    done(&dir, &["catalog", "apply", &file(&folder, "catalog.yaml", hearth::CATALOG)]).await;
    (folder, dir)
}

/// Writes a file beside the ledger, and gives its path.
pub(crate) fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A command that is refused: why.
pub(crate) async fn refused(dir: &Path, args: &[&str]) -> String {
    let Said { code, out, err } = run(dir, args).await;
    assert_eq!(code, 1, "{args:?}: {out} {err}");
    assert!(err.starts_with("error: ") && !err.contains("panicked"), "{args:?}: {err}");
    err
}

/// A command that is used wrongly: why.
async fn misused(dir: &Path, args: &[&str]) -> String {
    let said = run(dir, args).await;
    assert_eq!(said.code, 2, "{args:?}: {said:?}");
    said.err
}

/// The mailer's question about offers by e-mail.
pub(crate) const QUESTION: [&str; 9] = [
    "decide",
    "--recipient",
    "mailer",
    "--purpose",
    "marketing.offers",
    "--data",
    "contact.email",
    "--channel",
    "email",
];

/// May the mailer send somebody offers by e-mail?
pub(crate) async fn decide(dir: &Path, who: &str) -> Value {
    json(dir, &[&QUESTION[..], &["--subject", who]].concat()).await
}

#[tokio::test]
async fn a_ledger_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let missing = refused(&dir, &["subject", "find", ANA]).await;
    assert!(missing.contains("make a ledger with `sayso init`"), "{missing}");
    let made = json(&dir, &["init"]).await;
    assert_eq!(made["dir"], json!(dir));
    assert!(refused(&dir, &["init"]).await.contains("holds a ledger already"));
    std::fs::remove_file(dir.join("root.key")).unwrap();
    assert!(refused(&dir, &["init"]).await.contains("without its `root.key`"));
    assert!(misused(&dir, &["frobnicate"]).await.contains("unrecognized subcommand"));
    assert!(misused(&dir, &["--url", "http://127.0.0.1:1", "key", "list"]).await.contains("--key"));
}

#[tokio::test]
async fn a_catalog_is_checked_planned_applied_and_shown() {
    let (folder, dir) = ledger().await;
    let good = file(&folder, "good.yaml", hearth::CATALOG);
    assert!(done(&dir, &["catalog", "check", &good]).await.contains("no problems"));
    assert_eq!(json(&dir, &["catalog", "check", &good]).await, json!({"problems": []}));

    let wrong = hearth::CATALOG.replace("retention: 2 years", "retention: two years");
    let bad = file(&folder, "bad.yaml", &wrong);
    let line = wrong.lines().position(|line| line.contains("two years")).unwrap() + 1;
    let column = wrong.lines().nth(line - 1).unwrap().find("two").unwrap() + 1;
    let said = run(&dir, &["catalog", "check", &bad]).await;
    assert_eq!(said.code, 1);
    let place = format!("{bad}:{line}:{column}: `two years` is no length of time\n  hint: ");
    assert!(said.out.starts_with(&place), "{said:?}");
    let said = run(&dir, &["catalog", "check", &bad, "--json"]).await;
    let problem = &serde_json::from_str::<Value>(&said.out).unwrap()["problems"][0];
    assert_eq!((&problem["line"], &problem["column"]), (&json!(line), &json!(column)));
    let why = refused(&dir, &["catalog", "apply", &bad]).await;
    assert!(why.contains(&format!("  {line}:{column}: `two years` is no length of time")), "{why}");
    let nowhere = refused(&dir, &["catalog", "check", "nowhere.yaml"]).await;
    assert!(nowhere.contains("cannot read `nowhere.yaml`"), "{nowhere}");

    let text = hearth::CATALOG.replace("retention: 90 days", "retention: 60 days");
    let changed = file(&folder, "changed.yaml", &text);
    assert!(done(&dir, &["catalog", "plan", &good]).await.contains("Nothing would change"));
    let plan = done(&dir, &["catalog", "plan", &changed]).await;
    assert!(plan.starts_with("~ /activities/ads/retention"), "{plan}");
    let before = json(&dir, &["catalog", "show"]).await;
    let tried = json(&dir, &["catalog", "apply", &changed, "--dry-run"]).await;
    assert_eq!(tried["changes"][0]["path"], "/activities/ads/retention");
    assert_eq!(json(&dir, &["catalog", "show"]).await, before, "a plan changes nothing");
    assert_eq!(json(&dir, &["catalog", "apply", &changed]).await["is_new"], true);
    assert_eq!(json(&dir, &["catalog", "apply", &changed]).await["is_new"], false);
    assert_ne!(json(&dir, &["catalog", "show"]).await["position"], before["position"]);
    assert!(done(&dir, &["catalog", "show"]).await.contains("Hearth GmbH, in force since"));
    assert!(json(&dir, &["catalog", "schema"]).await["properties"]["activities"].is_object());
}

#[tokio::test]
async fn people_are_made_known_found_changed_and_erased() {
    let (_folder, dir) = ledger().await;
    let made = json(&dir, &["subject", "create", ANA, "crm:4711"]).await;
    let ana = made["subject"].as_str().unwrap();
    assert_eq!(done(&dir, &["subject", "find", "email:ANA@example.org"]).await.trim(), ana);
    assert_eq!(json(&dir, &["subject", "find", "crm:4711"]).await["subject"], ana);
    let taken = refused(&dir, &["subject", "create", ANA]).await;
    assert!(taken.contains("already belongs to another subject"), "{taken}");
    assert!(!taken.contains("ana@"), "errors say nothing about people: {taken}");
    let unknown = refused(&dir, &["subject", "show", "email:nobody@example.org"]).await;
    assert!(unknown.contains("nobody can be found by this identifier"), "{unknown}");
    assert!(refused(&dir, &["subject", "find", "nonsense"]).await.contains("namespace:value"));
    assert!(
        refused(&dir, &["subject", "create", "fax:1"]).await.contains("no namespace of this name")
    );
    let problem = run(&dir, &["subject", "show", "email:nobody@example.org", "--json"]).await;
    let problem: Value = serde_json::from_str(&problem.err).unwrap();
    assert_eq!(problem["status"], 404);

    json(&dir, &["subject", "identify", ana, "svc:sc-1"]).await;
    let shown = json(&dir, &["subject", "show", "svc:sc-1"]).await;
    assert_eq!(shown["identifiers"], json!([ANA, "crm:4711", "svc:sc-1"]));
    json(&dir, &["subject", "set", ana, "--active", "false"]).await;
    json(&dir, &["subject", "set", ana, "--restricted", "true"]).await;
    json(&dir, &["subject", "set", ana, "--minor-until", "2040-01-01"]).await;
    let shown = json(&dir, &["subject", "show", ana]).await;
    assert_eq!((&shown["is_active"], &shown["is_restricted"]), (&json!(false), &json!(true)));
    assert!(shown["minor_until"].is_string());
    let both = ["subject", "set", ana, "--active", "true", "--restricted", "true"];
    assert!(refused(&dir, &both).await.contains("exactly one"));

    let ben = json(&dir, &["subject", "create", "email:ben@example.org"]).await;
    let ben = ben["subject"].as_str().unwrap();
    json(&dir, &["subject", "guardian", ana, ben]).await;
    assert_eq!(json(&dir, &["subject", "show", ana]).await["guardians"], json!([ben]));
    json(&dir, &["subject", "guardian", ana, ben, "--end"]).await;
    assert_eq!(json(&dir, &["subject", "show", ana]).await["guardians"], json!([]));
    json(&dir, &["subject", "device", ana, "assistant/7", "--member", ben]).await;
    let devices = json(&dir, &["subject", "show", ana]).await;
    assert!(devices["devices"].to_string().contains("assistant/7"), "{devices}");
    json(&dir, &["subject", "device", ben, "assistant/7", "--from", ana]).await;
    assert_eq!(json(&dir, &["subject", "show", ana]).await["devices"], json!([]));

    let history = json(&dir, &["subject", "history", ana]).await;
    assert!(history["entries"].as_array().unwrap().len() >= 8, "{history}");
    assert!(done(&dir, &["subject", "history", ana]).await.contains("subject_created"));
    let link = refused(&dir, &["subject", "link", ana]).await;
    assert!(link.contains("start one with `sayso serve`"), "{link}");
    let at_once = refused(&dir, &["subject", "erase", ana, "--at-once"]).await;
    assert!(at_once.contains("still held by `"), "{at_once}");
    let asked = json(&dir, &["subject", "erase", ana]).await;
    let through = asked["position"].as_str().unwrap();
    let effects = json(&dir, &["subject", "effects", ana]).await;
    let effects = effects["effects"].as_array().unwrap().iter();
    for effect in effects.filter(|effect| effect["deadline"].is_string()) {
        let recipient = effect["recipient"].as_str().unwrap();
        let report = ["subject", "report", ana, "--recipient", recipient, "--through", through];
        json(&dir, &report).await;
    }
    assert!(refused(&dir, &["subject", "show", ANA]).await.contains("nobody can be found"));
    assert!(done(&dir, &["log", "verify"]).await.contains("Everything holds"));
}

#[tokio::test]
async fn a_choice_is_in_force_when_the_command_returns() {
    let (folder, dir) = ledger().await;
    done(&dir, &["subject", "create", ANA, "crm:4711"]).await;
    assert_eq!(decide(&dir, ANA).await["context"]["reason"], "never_asked");
    let offers = ["--purpose", "marketing.offers", "--channel", "email"];
    let choose = |word: &'static str| [&["choose", ANA, word][..], &offers].concat();
    assert!(done(&dir, &choose("grant")).await.starts_with("In force now. Position 0-"));
    assert_eq!(json(&dir, &choose("grant")).await["is_new"], false);
    assert_eq!(decide(&dir, ANA).await["decision"], true);
    let said = done(&dir, &[&QUESTION[..], &["--subject", ANA]].concat()).await;
    assert!(said.starts_with("ALLOW  granted"), "{said}");

    let denied = json(&dir, &choose("deny")).await;
    let token = denied["position"].as_str().unwrap();
    let fresh = [&QUESTION[..], &["--subject", ANA, "--at-least-as-fresh", token]].concat();
    let answer = json(&dir, &fresh).await;
    assert_eq!(
        (&answer["decision"], &answer["context"]["reason"]),
        (&json!(false), &json!("withdrawn"))
    );
    let said =
        done(&dir, &[&QUESTION[..], &["--subject", "email:nobody@example.org"]].concat()).await;
    assert!(said.starts_with("DENY  never_asked"), "nobody learns who is known: {said}");

    let weak = [&choose("grant")[..], &["--weak"]].concat();
    assert!(refused(&dir, &weak).await.contains("a weak credential may narrow"));
    let ben = "email:ben@example.org";
    done(&dir, &["subject", "create", ben]).await;
    let until = [&["choose", ben, "grant", "--until", "2000-01-01"][..], &offers].concat();
    json(&dir, &until).await;
    assert_eq!(decide(&dir, ben).await["context"]["reason"], "expired");
    let notice = [&choose("grant")[..], &["--notice", "offers"]].concat();
    assert!(refused(&dir, &notice).await.contains("`id@version`"));
    let by = [&choose("grant")[..], &["--by", "a friend"]].concat();
    assert!(refused(&dir, &by).await.contains("`--by` is self"));
    assert!(misused(&dir, &["choose", ANA]).await.contains("WORD"));

    let many = json!({"choices": [
        {"effect": "grant", "scope": {"purpose": "marketing.offers", "channel": "email"}},
        {"effect": "denial", "scope": {"purpose": "marketing.ads"}},
    ]});
    let many = file(&folder, "choices.json", &many.to_string());
    json(&dir, &["choose", ANA, "--file", &many]).await;
    assert_eq!(decide(&dir, ANA).await["decision"], true);
    let shown = json(&dir, &["subject", "choices", ANA]).await;
    assert!(shown["choices"].as_array().unwrap().len() >= 2, "{shown}");
    assert!(done(&dir, &["subject", "choices", ANA]).await.contains("purpose=marketing.ads"));
    done(&dir, &["choose", ANA, "deny", "--purpose", "marketing"]).await;
    let listed = done(&dir, &["subject", "choices", ANA]).await;
    assert!(listed.contains("no more"), "a no took the grant back: {listed}");
    json(&dir, &["choose", ANA, "--file", &many]).await;
    assert!(!done(&dir, &["subject", "choices", ANA]).await.contains("no more"));
    let effects = json(&dir, &["subject", "effects", ANA]).await;
    assert_eq!(effects["is_settled"], false, "nobody was told yet: {effects}");
    assert!(done(&dir, &["subject", "effects", ANA]).await.contains("mailer"));
    let broken = file(&folder, "broken.json", "{");
    assert!(refused(&dir, &["choose", ANA, "--file", &broken]).await.contains("is not JSON"));

    let audience = [&["audience"], &QUESTION[1..]].concat();
    let ana = json(&dir, &["subject", "find", ANA]).await;
    assert_eq!(done(&dir, &audience).await.trim(), ana["subject"]);
    assert_eq!(done(&dir, &[&audience[..], &["--count"]].concat()).await, "1\n");
    let line = json(&dir, &audience).await;
    assert_eq!(line["id"], ana["subject"]);
    let unknown = ["audience", "--recipient", "Not An Id", "--purpose", "x", "--data", "y"];
    refused(&dir, &unknown).await;
}

#[tokio::test]
async fn the_ledger_is_followed_to_its_head() {
    let (_folder, dir) = ledger().await;
    done(&dir, &["subject", "create", ANA]).await;
    let all = done(&dir, &["follow", "--until-head"]).await;
    let entries: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let positions: Vec<&str> =
        entries.iter().map(|entry| entry["position"].as_str().unwrap()).collect();
    assert_eq!(positions, ["0-1", "0-2", "0-3"]);
    assert!(!all.contains("ana@example.org"), "identifiers are blank");
    let tail = done(&dir, &["follow", "--until-head", "--after", "0-2"]).await;
    assert_eq!(tail.lines().count(), 1);
    assert_eq!(done(&dir, &["follow", "--until-head", "--after", "0-3"]).await, "");
    misused(&dir, &["follow", "--after", "yesterday"]).await;
}

#[tokio::test]
async fn it_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(done(folder.path(), &["completions", shell]).await.contains("audience"), "{shell}");
    }
    let man = done(folder.path(), &["man"]).await;
    assert!(man.contains(".TH sayso") && man.contains("doctor"), "{man}");
    assert!(done(folder.path(), &["--version"]).await.starts_with("sayso "));
    let help = done(folder.path(), &["--help"]).await;
    assert!(help.contains("sayso init") && help.contains("sayso demo"), "{help}");
    let config = done(folder.path(), &["serve", "--print-config"]).await;
    assert!(
        config.parse::<toml::Table>().is_ok_and(|table| table.contains_key("server")),
        "{config}"
    );
    let none = finish(&mut sayso(folder.path())).await;
    assert_eq!(none.code, 2, "without a command it shows its help: {none:?}");
}
