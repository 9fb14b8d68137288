//! A secret that is being changed, the ping, and what an operator writes.

use std::collections::BTreeMap;

use sayso_consent::Timestamp;
use sayso_ledger::sink::{Sink, Told};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{receiver::Receiver, *};

const PREVIOUS: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn told() -> Told {
    Told { recipient: "mailer".parse().unwrap(), ledger: "c0ffee".into() }
}

fn secrets() -> BTreeMap<String, Zeroizing<String>> {
    let all = [("secret", SECRET), ("previous_secret", PREVIOUS), ("signing_key", SIGNING_KEY)];
    all.map(|(name, secret)| (name.to_owned(), secret.to_owned().into())).into()
}

#[tokio::test]
async fn while_they_overlap_both_secrets_sign() {
    for (until, both) in [(AT * 1000 + 1_000, true), (AT * 1000, false)] {
        let receiver = Receiver::status(200).await;
        let previous = Some((PREVIOUS.parse().unwrap(), Timestamp(until)));
        let options = Options { previous, ..Options::default() };
        let webhook = Webhook::new(local(&receiver.url())).unwrap().with(options).unwrap();
        assert_eq!(send(&webhook).await, Sent::Delivered);
        let request = &receiver.heard()[0];
        let message = Message { id: ID, timestamp: "1614265330", body: BODY };
        let is_believed = |secret: &str| {
            let verifier = Verifier { secrets: vec![secret.parse().unwrap()], keys: vec![] };
            verifier.verify(&message, request.header("webhook-signature"), AT).is_ok()
        };
        assert!(is_believed(SECRET));
        assert_eq!(is_believed(PREVIOUS), both, "{until}");
    }
}

#[tokio::test]
async fn a_check_is_a_signed_ping_about_nobody() {
    for (batch_max, kind) in [(1, "cloudevents+json"), (2, "cloudevents-batch+json")] {
        let receiver = Receiver::status(200).await;
        let settings = json!({
            "url": receiver.url(), "allow_private": true, "batch_max": batch_max,
            "at_once": 3, "per_second": 7,
        });
        let sink = (KIND.open)(&settings, &secrets(), &told()).unwrap();
        let pace = sink.pace();
        assert_eq!((pace.batch_max, pace.at_once, pace.per_second), (batch_max, 3, Some(7)));
        assert_eq!(sink.check().await.unwrap(), ["took a signed ping"]);
        let request = &receiver.heard()[0];
        assert!(request.header("content-type").contains(kind));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let event = if batch_max > 1 { &body[0] } else { &body };
        assert_eq!(event["type"], "sayso.ping.v1");
        assert_eq!(event["source"], "urn:sayso:c0ffee");
        assert_eq!(event["data"], json!({ "recipient": "mailer" }));
        let timestamp = request.header("webhook-timestamp");
        let message = Message { id: request.header("webhook-id"), timestamp, body: &request.body };
        let at = timestamp.parse().unwrap();
        let verifier = Verifier { secrets: vec![], keys: vec![PUBLIC_KEY.parse().unwrap()] };
        assert!(verifier.verify(&message, request.header("webhook-signature"), at).is_ok());
    }
}

#[tokio::test]
async fn a_check_names_the_class_of_trouble() {
    for (status, class) in
        [(401, "credentials"), (403, "credentials"), (404, "http_404"), (302, "redirect")]
    {
        let receiver = Receiver::status(status).await;
        let webhook = Webhook::new(local(&receiver.url())).unwrap();
        assert_eq!(webhook.check().await.unwrap_err().0, class);
    }
    assert_eq!(
        Webhook::new(strict("https://127.0.0.1/")).unwrap().check().await.unwrap_err().0,
        "forbidden_address"
    );
}

#[test]
fn what_an_operator_writes_is_checked() {
    for (settings, needle) in [
        (json!({}), "url"),
        (json!({ "url": "https://hooks.example", "secret": "geheim" }), "no setting"),
        (json!({ "url": "http://hooks.example" }), "https://"),
        (
            json!({ "url": "https://hooks.example", "read_back_url": "http://x.example" }),
            "https://",
        ),
        (json!({ "url": "https://hooks.example", "batch_max": 0 }), "batch_max"),
        (json!({ "url": "https://hooks.example", "batch_max": 1_001 }), "batch_max"),
        (json!({ "url": "https://hooks.example", "at_once": 0 }), "at_once"),
        (json!({ "url": "https://hooks.example", "per_second": 0 }), "per_second"),
        (json!({ "url": "https://hooks.example", "previous_until": "geheim" }), ""),
    ] {
        let error = (KIND.open)(&settings, &secrets(), &told()).err().unwrap().to_string();
        assert!(error.contains(needle) && !error.is_empty(), "{settings}: {error}");
    }
    for missing in ["secret", "signing_key", "previous_secret"] {
        let mut secrets = secrets();
        secrets.remove(missing);
        let settings = json!({
            "url": "https://hooks.example", "previous_until": "2026-12-01T00:00:00Z",
        });
        let error = (KIND.open)(&settings, &secrets, &told()).err().unwrap().to_string();
        assert_eq!(error, format!("the secret `{missing}` is missing"));
        secrets.insert(missing.to_owned(), "geheim".to_owned().into());
        let error = (KIND.open)(&settings, &secrets, &told()).err().unwrap().to_string();
        assert!(error.contains(missing) && !error.contains("geheim"), "{error}");
    }
}
