//! The published schemas, held against what really leaves.

use sayso_ledger::{Secrets, sink::Sink};
use serde_json::{Value, json};

use super::{receiver::Receiver, *};
use crate::conformance::people::Person;

fn schema(kind: &str) -> jsonschema::Validator {
    let path =
        format!("{}/../../docs/reference/events/{kind}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let read: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::meta::validate(&read).unwrap();
    jsonschema::validator_for(&read).unwrap()
}

fn permissions() -> Value {
    let secrets = Secrets::generate().unwrap();
    serde_json::from_slice(&Person::new(&secrets, 1).told(17, true).body).unwrap()
}

#[tokio::test]
async fn what_is_told_is_as_the_schemas_say() {
    let told = schema("sayso.permissions.v1");
    let secrets = Secrets::generate().unwrap();
    let ana = Person::new(&secrets, 1);
    for message in [ana.told(1, true), ana.told(2, false), ana.leaving(3), ana.parting(&secrets, 4)]
    {
        let body = serde_json::from_slice(&message.body).unwrap();
        told.validate(&body).unwrap_or_else(|error| panic!("{error}"));
    }
    let receiver = Receiver::status(200).await;
    Webhook::new(local(&receiver.url())).unwrap().check().await.unwrap();
    let ping = serde_json::from_slice(&receiver.heard()[0].body).unwrap();
    schema("sayso.ping.v1").validate(&ping).unwrap_or_else(|error| panic!("{error}"));
    assert!(!told.is_valid(&ping), "each is of its own type");
}

/// Nothing leaves that the schema does not speak of, so that the page is whole.
#[test]
fn every_field_is_in_the_schema() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/events/sayso.permissions.v1.schema.json"
    );
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let event = permissions();
    let defined = |place: &str| &schema["$defs"][place]["properties"];
    for (found, said) in [
        (&event, &schema["properties"]),
        (&event["data"], defined("data")),
        (&event["data"]["permissions"][0], defined("permission")),
    ] {
        let found: Vec<&String> = found.as_object().unwrap().keys().collect();
        let mut said: Vec<&String> = said.as_object().unwrap().keys().collect();
        said.sort();
        assert_eq!(
            {
                let mut found = found;
                found.sort();
                found
            },
            said
        );
    }
}

#[test]
fn what_is_wrong_is_found() {
    let told = schema("sayso.permissions.v1");
    assert!(told.is_valid(&permissions()));
    for (pointer, bad) in [
        ("/specversion", json!("0.3")),
        ("/type", json!("sayso.permissions.v2")),
        ("/id", json!("a.b")),
        ("/time", json!("2026-02-01")),
        ("/source", json!("mailer")),
        ("/data/key", json!("0123")),
        ("/data/position", json!(17)),
        ("/data/position", json!("17")),
        ("/data/identifiers", json!([])),
        ("/data/identifiers", json!(["ana@example.org"])),
        ("/data/leaving", json!(0)),
        ("/data/permissions/0/allow", json!("yes")),
        ("/data/permissions/0/channel", json!("")),
        ("/data/permissions/0/until", json!(5)),
        ("/data/permissions/0/purpose", Value::Null),
    ] {
        let mut event = permissions();
        *event.pointer_mut(pointer).unwrap() = bad;
        assert!(!told.is_valid(&event), "{pointer}");
    }
}
