//! People of an older system are brought over from a file, again and again if need be.

use serde_json::Value;

use crate::{
    cli::{decide, file, ledger, refused},
    world::{done, json, run},
};

/// Three lines of NDJSON, the second of which cannot be taken.
const NDJSON: &str = r#"{"identifiers":{"email":"ana@example.org","crm":"1"},"is_active":true,"choices":[{"effect":"grant","scope":{"purpose":"marketing.offers","channel":"email"},"notice":{"id":"offers","version":2}}]}
{"identifiers":{"fax":"1"}}
{"identifiers":{"email":"ben@example.org"},"choices":[{"effect":"denial","scope":{"purpose":"marketing.offers"}}]}
"#;

/// The same two people as CSV, and a line with a field too few.
const CSV: &str = "email,crm,effect,purpose,channel,notice,notice_version
ana@example.org,1,grant,marketing.offers,email,offers,2
cleo@example.org
ben@example.org,,denial,marketing.offers,,,
";

/// Runs an import of which some lines are refused, and gives what it counted.
async fn partly(dir: &std::path::Path, args: &[&str]) -> Value {
    let said = run(dir, &[args, &["--json"]].concat()).await;
    assert_eq!(said.code, 1, "a program that calls it must see that lines were refused: {said:?}");
    serde_json::from_str(&said.out).unwrap()
}

async fn entries(dir: &std::path::Path) -> usize {
    done(dir, &["follow", "--until-head"]).await.lines().count()
}

#[tokio::test]
async fn lines_are_recorded_once_and_refused_ones_are_reported() {
    for (name, text, line) in [("people.ndjson", NDJSON, "2"), ("people.csv", CSV, "3")] {
        let (folder, dir) = ledger().await;
        let people = file(&folder, name, text);
        let before = entries(&dir).await;
        let tried = json(&dir, &["subject", "import", &people, "--dry-run"]).await;
        assert_eq!((&tried["recorded"], &tried["dry_run"]), (&3.into(), &true.into()));
        assert_eq!(entries(&dir).await, before, "a dry run records nothing");

        let total = partly(&dir, &["subject", "import", &people]).await;
        assert_eq!((&total["recorded"], &total["refused"]), (&2.into(), &1.into()), "{total}");
        let report = format!("{people}.refused.csv");
        assert_eq!(total["report"], Value::from(report.as_str()));
        let reported = std::fs::read_to_string(&report).unwrap();
        let lines: Vec<&str> = reported.lines().collect();
        assert_eq!(lines[0], "line,code,reason");
        assert!(lines.len() == 2 && lines[1].starts_with(&format!("{line},")), "{reported}");
        assert!(!reported.contains("cleo"), "a report says nothing about people: {reported}");
        assert_eq!(decide(&dir, "email:ana@example.org").await["decision"], true);
        assert_eq!(decide(&dir, "email:ben@example.org").await["decision"], false);

        let after = entries(&dir).await;
        let elsewhere = folder.path().join("report.csv");
        let again = ["subject", "import", &people, "--report", elsewhere.to_str().unwrap()];
        let said = run(&dir, &again).await;
        assert!(said.code == 1 && said.out.contains("1 refused: see"), "{said:?}");
        assert!(elsewhere.exists());
        assert_eq!(entries(&dir).await, after, "run again it records nothing twice");
        // In another cut the lines are other requests, and their people are known all the same.
        let longer = text.replacen('\n', "\n\n", 1);
        let moved = partly(&dir, &["subject", "import", &file(&folder, name, &longer)]).await;
        assert_eq!(entries(&dir).await, after, "{moved}");
    }
}

/// The sample files and what the documentation shows can be imported as they are.
#[tokio::test]
async fn the_examples_are_taken() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    let page = std::fs::read_to_string(format!("{root}docs/reference/import.md")).unwrap();
    let ndjson = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let csv = std::fs::read_to_string(format!("{root}examples/hearth/customers.csv")).unwrap();
    for (name, text, count) in [("page.ndjson", ndjson, 2), ("customers.csv", &csv, 3)] {
        let (folder, dir) = ledger().await;
        let total = json(&dir, &["subject", "import", &file(&folder, name, text)]).await;
        assert_eq!((&total["recorded"], &total["refused"]), (&count.into(), &0.into()), "{total}");
        assert_eq!(decide(&dir, "email:ada@example.org").await["decision"], true, "{name}");
        assert_eq!(decide(&dir, "email:ben@example.org").await["decision"], false, "{name}");
    }
    let (folder, dir) = ledger().await;
    let help = done(&dir, &["subject", "import", "--help"]).await;
    let lines = help.lines().map(str::trim).filter(|line| line.matches(',').count() == 6);
    let example: String = lines.map(|line| format!("{line}\n")).collect();
    let total = json(&dir, &["subject", "import", &file(&folder, "help.csv", &example)]).await;
    assert_eq!(total["recorded"], 2, "{help}");
}

#[tokio::test]
async fn an_import_never_outranks_what_a_person_said() {
    let (folder, dir) = ledger().await;
    let people = file(&folder, "people.ndjson", NDJSON);
    partly(&dir, &["subject", "import", &people]).await;
    let offers = ["--purpose", "marketing.offers", "--channel", "email"];
    let ana = "email:ana@example.org";
    done(&dir, &[&["choose", ana, "deny"][..], &offers].concat()).await;
    let again = NDJSON.replace("\"is_active\":true,", "");
    partly(&dir, &["subject", "import", &file(&folder, "again.ndjson", &again)]).await;
    assert_eq!(decide(&dir, ana).await["decision"], false);
}

#[tokio::test]
async fn a_file_that_is_no_import_is_said_to_be_none() {
    let (folder, dir) = ledger().await;
    let missing = refused(&dir, &["subject", "import", "nowhere.csv"]).await;
    assert!(missing.contains("cannot read `nowhere.csv`"), "{missing}");
    let twice = file(&folder, "twice.csv", "email,email\na@example.org,b@example.org\n");
    let why = refused(&dir, &["subject", "import", &twice]).await;
    assert!(why.contains("have the same name"), "{why}");
    let empty = file(&folder, "empty.ndjson", "");
    assert_eq!(json(&dir, &["subject", "import", &empty]).await["recorded"], 0);
    let unread = NDJSON.replace(r#","notice":{"id":"offers","version":2}"#, "");
    let unread = file(&folder, "unread.ndjson", &unread);
    partly(&dir, &["subject", "import", &unread]).await;
    let report = std::fs::read_to_string(format!("{unread}.refused.csv")).unwrap();
    assert!(report.contains("\n1,notice_required,"), "nobody knows what was agreed to: {report}");
    let prose = file(&folder, "prose.ndjson", "Dear Sir or Madam,\n");
    let total = partly(&dir, &["subject", "import", &prose]).await;
    assert_eq!(total["refused"], 1, "{total}");
}
