//! What a key may learn, and that it may nothing once it is withdrawn.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody},
    http::Request,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::property::world::{ANA, EMAIL, World};

fn request(method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.header("content-type", "application/json");
    request.body(body.map_or_else(Body::empty, |body| body.to_string().into())).unwrap()
}

/// The public name of a fresh key, and the key.
fn key(world: &World, roles: &Value, recipient: Option<&str>) -> (String, String) {
    let body = json!({"roles": roles, "recipient": recipient});
    let made = world.send(request("POST", "/v1/keys", None, Some(&body))).json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn report(world: &World, key: &str, identifier: &str, position: &str) -> Value {
    let effect = json!({"identifier": identifier, "position": position, "state": "applied"});
    let body = json!({"effects": [effect]});
    world.send_as_stranger(request("POST", "/v1/effects", Some(key), Some(&body))).json()["results"]
        [0]
    .clone()
}

#[test]
fn a_system_does_not_learn_by_reports_who_is_known() {
    let world = World::new();
    let (_, mailer) = key(&world, &json!(["report"]), Some("mailer"));
    let ana = format!("email:{EMAIL}");
    let head = world.head().to_string();
    assert_eq!(report(&world, &mailer, &ana, "0-2")["status"], "recorded");
    let nothing = json!({"status": "nothing_owed"});
    for position in ["0-1", "0-2", &head, "0-999999"] {
        for who in [&ana, "email:nobody@example.org", "crm:1", &ANA.to_string(), "x"] {
            assert_eq!(report(&world, &mailer, who, position), nothing, "{who} {position}");
        }
    }
}

#[test]
fn a_system_says_that_it_has_forgotten_a_name_by_that_name() {
    let world = World::new();
    let (_, mailer) = key(&world, &json!(["report"]), Some("mailer"));
    let (ana, path) = (format!("email:{EMAIL}"), format!("/v1/subjects/{ANA}"));
    let removal = format!("{path}/identifiers/remove");
    let body = json!({"identifier": ana});
    let removed = world.send(request("POST", &removal, None, Some(&body))).json();
    let asked = world.send(request("DELETE", &path, None, None));
    assert_eq!(asked.status, 200);
    assert_eq!(world.send(request("GET", &path, None, None)).status, 200, "the mailer holds her");
    let position = removed["position"].as_str().unwrap();
    assert_eq!(report(&world, &mailer, &ana, position)["status"], "recorded");
    assert_eq!(world.send(request("GET", &path, None, None)).status, 404);
}

/// An operator reports for a system that is gone for good, with the subject id and all at once.
#[test]
fn an_operator_ends_an_erasure_that_nobody_else_can() {
    let world = World::new();
    let path = format!("/v1/subjects/{ANA}");
    let body = json!({"identifier": format!("email:{EMAIL}")});
    let removal = format!("{path}/identifiers/remove");
    world.send(request("POST", &removal, None, Some(&body)));
    let asked = world.send(request("DELETE", &path, None, None)).json();
    let effect =
        json!({"identifier": ANA.to_string(), "position": asked["position"], "state": "applied"});
    let body = json!({"recipient": "mailer", "effects": [effect]});
    let answer = world.send(request("POST", "/v1/effects", None, Some(&body))).json();
    assert_eq!(answer["results"][0]["status"], "recorded", "{answer}");
    assert_eq!(world.send(request("GET", &path, None, None)).status, 404);
}

#[test]
fn a_stream_ends_when_its_key_is_withdrawn() {
    let world = World::new();
    let (id, admin) = key(&world, &json!(["administer"]), None);
    let (router, runtime) = world.parts();
    let send = async |request: Request<Body>| router.clone().oneshot(request).await.unwrap();
    runtime.block_on(async {
        let follow = request("GET", "/v1/log/entries?follow=true", Some(&admin), None);
        let mut stream = send(follow).await.into_body();
        let first = stream.frame().await.unwrap().unwrap();
        assert!(first.into_data().unwrap().starts_with(b"{"));
        let mut revoke = request("DELETE", &format!("/v1/keys/{id}"), None, None);
        revoke.extensions_mut().insert(sayso_api::INTERNAL);
        assert_eq!(send(revoke).await.status(), 200);
        let rest = tokio::time::timeout(Duration::from_secs(60), stream.collect()).await;
        let rest = rest.expect("it ends").unwrap().to_bytes();
        assert_eq!(String::from_utf8_lossy(rest.trim_ascii()), "", "nothing came after it");

        let audience = "/v1/audience?recipient=mailer&purpose=marketing.offers\
                        &data=contact.email&channel=email";
        let refused = send(request("GET", audience, Some(&admin), None)).await;
        assert_eq!((refused.status().as_u16(), refused.body().is_end_stream()), (401, false));
    });
}

#[test]
fn grants_that_differ_are_bounded_and_denials_are_not() {
    let world = World::new();
    let path = format!("/v1/subjects/{ANA}/choices");
    let choose = |effect: &str, minutes: std::ops::Range<u32>| {
        let choice = |minute: u32| {
            let until = format!(
                "2027-01-{:02}T{:02}:{:02}:00Z",
                28 - minute / 1440,
                23 - minute / 60 % 24,
                59 - minute % 60
            );
            json!({"effect": effect, "scope": {"purpose": "marketing.offers"}, "until": until})
        };
        let choices: Vec<Value> = minutes.map(choice).collect();
        world.send(request("POST", &path, None, Some(&json!({"choices": choices}))))
    };
    assert_eq!(choose("grant", 0..499).status, 200);
    assert_eq!(choose("grant", 499..500).status, 200);
    let refused = choose("grant", 500..501);
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("too_many_grants")));
    assert_eq!(choose("denial", 501..502).status, 200);
    let forever =
        json!({"choices": [{"effect": "grant", "scope": {"purpose": "marketing.offers"}}]});
    let answer = world.send(request("POST", &path, None, Some(&forever)));
    assert_eq!(answer.status, 200, "it takes the place of all that end: {}", answer.text());
    assert_eq!(choose("grant", 502..503).status, 200);
}

/// Two systems that compare what they were given find nothing that both have.
#[test]
fn a_system_goes_on_in_its_lists_without_learning_a_subject_id() {
    let world = World::new();
    let body = json!({"choices": [{"effect": "grant", "scope": {"purpose": "marketing.offers"}}]});
    world.send(request("POST", &format!("/v1/subjects/{ANA}/choices"), None, Some(&body)));
    let (_, mailer) = key(&world, &json!(["decide"]), Some("mailer"));
    let (_, crm) = key(&world, &json!(["decide"]), Some("crm"));
    let path = "/v1/audience?purpose=marketing.offers&data=contact.email&channel=email";
    let lines = |key: &str, after: &str| {
        let path = format!("{path}&after={after}");
        let path = path.trim_end_matches("&after=");
        world.send_as_stranger(request("GET", path, Some(key), None))
    };
    let answer = lines(&mailer, "");
    let line: Value = serde_json::from_str(answer.text().lines().next().unwrap()).unwrap();
    let place = line["resume"].as_str().unwrap();
    assert!(!answer.text().contains(&ANA.to_string()), "{}", answer.text());
    assert_eq!((lines(&mailer, place).status, lines(&mailer, place).text()), (200, String::new()));
    assert_eq!(lines(&crm, place).status, 400, "a place of another's list");
    assert_eq!(lines(&mailer, &ANA.to_string()).status, 400, "a subject id is no place");
    let search = json!({
        "subject": {"type": "recipient", "id": "mailer"}, "action": {"name": "marketing.offers"},
        "resource": {"type": "contact.email"}, "context": {"channel": "email"},
        "page": {"token": ANA.to_string()},
    });
    let search = request("POST", "/access/v1/search/resource", Some(&mailer), Some(&search));
    assert_eq!(world.send_as_stranger(search).status, 400);
}
