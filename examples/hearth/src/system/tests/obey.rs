//! What a system does with what it is told.

use super::*;

#[tokio::test]
async fn a_permission_becomes_a_flag_and_is_reported() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;

    assert_eq!(system.tell(&message("0-5", ANA, true)).await, StatusCode::NO_CONTENT);
    let (position, flag, permissions) = system.row(ANA).unwrap();
    assert_eq!((position, flag), (5, Some(true)));
    assert_eq!(permissions, message("0-5", ANA, true)["data"]["permissions"]);
    assert_eq!(system.tell(&message("0-9", ANA, false)).await, StatusCode::NO_CONTENT);
    assert_eq!(system.flag(ANA), Some(false));

    let told = sayso.told_eventually(2).await;
    let effect = |position: &str| (ANA.to_owned(), position.to_owned(), "1 row".to_owned());
    assert_eq!(told, [effect("0-5"), effect("0-9")]);
    eventually(|| system.count("SELECT count(*) FROM outbox") == 0).await;
    system.end().await;
}

#[tokio::test]
async fn an_older_message_changes_nothing_and_is_reported_all_the_same() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    for (position, allow, then) in [
        ("0-9", false, (9, Some(false))),
        ("0-5", true, (9, Some(false))),
        ("0-9", false, (9, Some(false))),
        ("0-10", true, (10, Some(true))),
        ("0-9", false, (10, Some(true))),
    ] {
        assert_eq!(system.tell(&message(position, ANA, allow)).await, StatusCode::NO_CONTENT);
        let (number, flag, _) = system.row(ANA).unwrap();
        assert_eq!((number, flag), then, "{position}");
    }
    let told = sayso.told_eventually(5).await;
    let details: Vec<_> =
        told.iter().map(|(_, position, detail)| (&**position, &**detail)).collect();
    let newer = "0 rows, newer applied";
    assert_eq!(
        details,
        [("0-9", "1 row"), ("0-5", newer), ("0-9", "1 row"), ("0-10", "1 row"), ("0-9", newer)]
    );
    system.end().await;
}

#[tokio::test]
async fn who_leaves_is_deleted_and_does_not_come_back_by_a_late_message() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("mailer.db");
    let system = Running::start(&database, &url).await;
    let other = "email:p1@example.net";
    system.tell(&message("0-1", other, true)).await;
    system.tell(&message("0-2", ANA, true)).await;
    assert_eq!(system.tell(&leaving("0-7", ANA)).await, StatusCode::NO_CONTENT);
    assert_eq!(system.row(ANA), None);
    system.tell(&message("0-2", ANA, true)).await;
    assert_eq!(system.row(ANA), None, "an old message brought her back");
    assert_eq!(system.flag(other), Some(true), "somebody else was deleted too");
    let told = sayso.told_eventually(4).await;
    assert_eq!(told[2].2, "1 row deleted");
    assert_eq!(told[3].2, "0 rows, left since");
    eventually(|| system.count("SELECT count(*) FROM outbox") == 0).await;
    system.end().await;
    assert!(!contains(&database, "ana@example.org"), "her address is still in the file");

    // Known again, much later, as a new customer.
    let system = Running::start(&database, &url).await;
    system.tell(&message("0-2", ANA, true)).await;
    assert_eq!(system.row(ANA), None, "forgotten over a restart");
    system.tell(&message("0-20", ANA, true)).await;
    assert_eq!(system.flag(ANA), Some(true));
    assert_eq!(system.tell(&leaving("0-7", ANA)).await, StatusCode::NO_CONTENT);
    assert_eq!(system.flag(ANA), Some(true), "a late farewell deleted the new customer");
    assert_eq!(system.count("SELECT count(*) FROM departed"), 0);
    let told = sayso.told_eventually(7).await;
    assert_eq!(told[6].2, "0 rows, newer applied");
    system.end().await;
}

fn contains(file: &Path, text: &str) -> bool {
    let bytes = std::fs::read(file).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn another_ledger_counts_anew() {
    let (_sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    system.tell(&message("0-900", ANA, true)).await;
    system.tell(&leaving("0-950", "email:p1@example.net")).await;
    for identifier in [ANA, "email:p1@example.net"] {
        let mut first = message("0-3", identifier, false);
        first["source"] = "urn:sayso:two".into();
        assert_eq!(system.tell(&first).await, StatusCode::NO_CONTENT);
        assert_eq!(system.flag(identifier), Some(false), "{identifier}: the new no was ignored");
    }
    system.end().await;
}

#[tokio::test]
async fn flags_follow_their_own_use_only() {
    let (_sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    let permission = |purpose: &str, data: &str, channel: Option<&str>, allow: bool| {
        json!({"purpose": purpose, "data": data, "channel": channel, "allow": allow,
               "reason": "granted", "until": null, "grant": null})
    };
    let mut told = message("0-1", ANA, true);
    told["data"]["permissions"] = json!([
        permission("marketing.offers", "contact.email", Some("email"), true),
        permission("marketing.offers", "contact.postal", Some("email"), false),
        permission("marketing.offers", "device.usage", Some("email"), false),
        permission("marketing.offers", "contact", Some("call"), true),
        permission("marketing.offers", "contact.phone", Some("call"), false),
        permission("marketing", "contact", Some("post"), true),
        permission("improvement.speech", "voice.recording", None, false),
    ]);
    system.tell(&told).await;
    let flags = "SELECT may_email_offers IS 1, may_sms_offers IS NULL, may_call_offers IS 0,
                        may_post_offers IS 1, may_hear_recordings IS 0 FROM customers";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<[bool; 5]> {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?])
    };
    let flags = system.open().query_row(flags, [], read).unwrap();
    assert_eq!(flags, [true; 5], "e-mail, text, call, post, recordings");
    system.end().await;
}

#[tokio::test]
async fn the_view_knows_when_a_yes_ends() {
    let (_sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    let hour = jiff::SignedDuration::from_hours(1);
    for (position, until, count) in [
        ("0-1", Value::Null, 1),
        ("0-2", (now() + hour).to_string().into(), 1),
        ("0-3", (now() - hour).to_string().into(), 0),
        ("0-4", "some day".into(), 0),
    ] {
        let mut told = message(position, ANA, true);
        told["data"]["permissions"][0]["until"] = until;
        system.tell(&told).await;
        let may =
            "SELECT count(*) FROM may WHERE purpose = 'marketing.offers' AND channel = 'email'";
        assert_eq!(system.count(may), count, "{position}");
    }
    system.end().await;
}

#[tokio::test]
async fn what_is_forged_misdirected_or_malformed_changes_nothing() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    let with = |pointer: &str, value: Value| {
        let mut message = message("0-1", ANA, true);
        *message.pointer_mut(pointer).unwrap() = value;
        message
    };
    for (message, status) in [
        (with("/data/recipient", "crm".into()), 403),
        (with("/type", "sayso.other.v1".into()), 400),
        (with("/specversion", "2.0".into()), 400),
        (with("/data/position", "17".into()), 400),
        (with("/data/position", "0-x".into()), 400),
        (with("/data/position", "0--1".into()), 400),
        (with("/data/position", "0-99999999999999999999".into()), 400),
        (with("/data/identifiers", json!([])), 400),
        (with("/data/identifiers", json!(["ana"])), 400),
        (with("/data/permissions", json!([{"purpose": "x"}])), 400),
        (with("/data", Value::Null), 400),
    ] {
        assert_eq!(system.tell(&message).await, status, "{message}");
    }
    let body = message("0-1", ANA, true).to_string();
    let (now, stale) = (now().as_second().to_string(), (now().as_second() - 301).to_string());
    let signature = v1a(&format!("m.{now}.{body}"));
    let stale_signature = v1a(&format!("m.{stale}.{body}"));
    for (headers, body, status) in [
        (vec![], &body, 401),
        (vec![("id", "m"), ("timestamp", &now), ("signature", "v1,AAAA")], &body, 401),
        (
            vec![("id", "m"), ("timestamp", &*now), ("signature", &*signature)],
            &format!("{body} "),
            401,
        ),
        (vec![("id", "m"), ("timestamp", &*stale), ("signature", &*stale_signature)], &body, 401),
        (vec![("timestamp", &*now), ("signature", &*signature)], &body, 401),
    ] {
        let (got, problem) = send(&system.client, &system.url, &headers, body.clone()).await;
        assert_eq!((got.as_u16(), &problem["status"]), (status, &json!(status)), "{headers:?}");
        assert!(!problem.to_string().contains("ana@"), "{problem}");
    }
    let (status, _) = send(&system.client, &system.url, &[], "x".repeat(2 << 20)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(system.count("SELECT count(*) FROM customers"), 0);
    system.end().await;
    assert_eq!(sayso.told(), []);
}

#[tokio::test]
async fn the_status_shows_figures_and_nobody() {
    let (sayso, url) = Sayso::start().await;
    let dir = tempfile::tempdir().unwrap();
    let system = Running::start(&dir.path().join("mailer.db"), &url).await;
    system.tell(&message("0-12", ANA, true)).await;
    system.tell(&message("0-11", "email:p1@example.net", false)).await;
    sayso.told_eventually(2).await;
    eventually(|| system.count("SELECT count(*) FROM outbox") == 0).await;
    let get = async |accept: &str| {
        let request = Request::get(&system.url).header("accept", accept).body(Full::default());
        let answer = system.client.request(request.unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-security-policy"], "default-src 'none'");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let status: Value = serde_json::from_str(&get("*/*").await).unwrap();
    assert_eq!(status["name"], "mailer");
    assert_eq!(status["rows"], 2);
    assert_eq!(status["newest_position"], "0-12");
    assert_eq!(status["flags"]["may_email_offers"], 1);
    assert_eq!(status["reports_waiting"], 0);
    assert_eq!(status["reporting"], "ok");
    let page = get("text/html").await;
    assert!(page.contains("<dd>0-12</dd>") && page.contains("<h1>mailer</h1>"), "{page}");
    assert!(!page.contains("example"), "{page}");
    system.end().await;
}
