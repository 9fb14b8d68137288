//! Files of people: filtered, and written.

use serde_json::json;

use crate::{
    cli::{file, ledger, refused},
    world::{ANA, done, json},
};

#[tokio::test]
async fn a_file_keeps_what_may_be_used_and_says_what_was_withheld() {
    let (folder, dir) = ledger().await;
    let said =
        format!("{}\n", serde_json::to_string(&hearth::people(1, 1).next().unwrap()).unwrap());
    done(&dir, &["subject", "import", &file(&folder, "ana.ndjson", &said)]).await;
    let text = "customer,mail\n4711,ana@example.org\n9,ben@example.org\n";
    let people = file(&folder, "people.csv", text);
    let output = folder.path().join("out.csv").to_str().unwrap().to_owned();
    let filter = [
        "filter",
        "--purpose",
        "marketing.offers",
        "--recipient",
        "mailer",
        "--channel",
        "email",
        "--id",
        "customer=crm",
        "--column",
        "mail=contact.email",
        &people,
        "-o",
        &output,
    ];
    let report = json(&dir, &filter).await;
    assert_eq!(
        std::fs::read_to_string(&output).unwrap(),
        "customer,mail\n4711,ana@example.org\n,\n"
    );
    assert_eq!(
        (&report["rows"], &report["unknown"], &report["emptied"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(report["columns"][0]["reasons"], json!({"granted": 1, "never_asked": 1}));
    std::fs::remove_file(&output).unwrap();
    let shown = done(&dir, &[&filter[..], &["--dry-run"]].concat()).await;
    assert!(shown.contains("never_asked 1") && !std::path::Path::new(&output).exists(), "{shown}");
    // A no is in force in the next file.
    done(&dir, &["choose", ANA, "deny", "--purpose", "marketing.offers"]).await;
    json(&dir, &[&filter[..], &["--drop-rows"]].concat()).await;
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "customer,mail\n");
    let mut wrong = filter;
    wrong[10] = "mail=contact.emial";
    wrong[8] = "customer=nowhere";
    assert!(refused(&dir, &wrong).await.contains("namespace"));
}

#[tokio::test]
async fn an_audience_goes_on_where_it_was_interrupted() {
    let (folder, dir) = ledger().await;
    let people: String = hearth::people(1, 60)
        .map(|person| format!("{}\n", serde_json::to_string(&person).unwrap()))
        .collect();
    done(&dir, &["subject", "import", &file(&folder, "people.ndjson", &people)]).await;
    let audience = [
        "audience",
        "--purpose",
        "marketing.offers",
        "--recipient",
        "mailer",
        "--data",
        "contact.email",
        "--channel",
        "email",
    ];
    let ids = done(&dir, &audience).await;
    let count = done(&dir, &[&audience[..], &["--count"]].concat()).await;
    assert_eq!(count.trim(), ids.lines().count().to_string());
    let path = folder.path().join("offers.csv");
    let output = path.to_str().unwrap();
    // What an interruption leaves: whole lines, and a torn one.
    let lines = done(&dir, &[&audience[..], &["--json"]].concat()).await;
    std::fs::write(format!("{output}.partial"), &lines[..lines.len() / 2]).unwrap();
    let export = [&audience[..], &["-o", output, "--resume"]].concat();
    let said = json(&dir, &export).await;
    assert_eq!(said["lines"].to_string(), count.trim());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("id\n{ids}"));
    assert!(!folder.path().join("offers.csv.partial").exists());
    let table = folder.path().join("offers.parquet");
    done(&dir, &[&audience[..], &["-o", table.to_str().unwrap()]].concat()).await;
    assert!(std::fs::read(&table).unwrap().starts_with(b"PAR1"));
}
