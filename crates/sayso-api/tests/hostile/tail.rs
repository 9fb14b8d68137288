//! What a replica is sent, and to whom nothing is sent.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use super::property::world::{Answer, EMAIL, World};

fn key(world: &World, role: &str) -> String {
    let body = json!({"roles": [role]}).to_string();
    let request = Request::post("/v1/keys").header("content-type", "application/json");
    let made = world.send(request.body(body.into()).unwrap()).json();
    made["key"].as_str().unwrap().to_owned()
}

fn tail(world: &World, key: &str, query: &str) -> Answer {
    get(world, key, &format!("/v1/log/tail{query}"))
}

fn get(world: &World, key: &str, path: &str) -> Answer {
    let request = Request::get(path);
    let request = request.header("authorization", format!("Bearer {key}"));
    world.send_as_stranger(request.body(Body::empty()).unwrap())
}

/// The question that goes on from an answer.
fn next(tail: &Value) -> String {
    let part = |name: &str| tail[name].as_str().unwrap().to_owned();
    let (after, chain) = (part("through"), part("chain"));
    format!("?after={after}&chain={chain}&epoch={}&told={}", part("epoch"), part("told"))
}

#[test]
fn only_a_key_that_may_follow_is_sent_the_ledger() {
    let world = World::new();
    for (role, status) in
        [("decide", 403), ("record", 403), ("report", 403), ("follow", 200), ("administer", 200)]
    {
        assert_eq!(tail(&world, &key(&world, role), "").status, status, "{role}");
    }
    assert_eq!(tail(&world, "sayso_nobody", "").status, 401);
}

/// A ledger in memory is saved nowhere; whoever may ask is told that, and nobody else.
#[test]
fn only_a_key_that_may_follow_is_told_whether_anything_is_saved() {
    let world = World::new();
    let path = format!("/v1/log/snapshot?form={}", sayso_ledger::image::form());
    for (role, status) in
        [("decide", 403), ("record", 403), ("report", 403), ("follow", 404), ("administer", 404)]
    {
        assert_eq!(get(&world, &key(&world, role), &path).status, status, "{role}");
    }
    assert_eq!(get(&world, "sayso_nobody", &path).status, 401);
    let follow = key(&world, "follow");
    for (query, status) in [("", 400), ("?form=0-xe", 404), ("?form=", 404), ("?other=1", 400)] {
        let answer = get(&world, &follow, &format!("/v1/log/snapshot{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
}

#[test]
fn a_replica_is_sent_every_entry_once_and_no_identifier() {
    let world = World::new();
    let follow = key(&world, "follow");
    let first = tail(&world, &follow, "");
    assert!(!first.text().contains(EMAIL), "{}", first.text());
    let first = first.json();
    assert_eq!(first["entries"].as_array().unwrap().len(), 3);
    assert_eq!((&first["through"], &first["head"]), (&json!("0-3"), &json!("0-3")));
    assert!(first["lookup_key"].is_string());
    let second = tail(&world, &follow, &next(&first)).json();
    assert_eq!((&second["entries"], &second["lookup_key"]), (&json!([]), &Value::Null));
    key(&world, "decide");
    let third = tail(&world, &follow, &next(&second)).json();
    assert_eq!(third["entries"][0]["position"], "0-4", "{third}");
}

#[test]
fn whoever_followed_another_history_is_told_to_start_anew() {
    let world = World::new();
    let follow = key(&world, "follow");
    let chain = tail(&world, &follow, "").json()["chain"].as_str().unwrap().to_owned();
    let other = "00".repeat(32);
    for (query, status) in [
        (format!("?after=0-3&chain={chain}"), 200),
        (format!("?after=0-3&chain={chain}&told=0-18446744073709551615"), 200),
        (format!("?after=0-2&chain={chain}"), 409),
        (format!("?after=0-4&chain={chain}"), 409),
        (format!("?after=1-3&chain={chain}"), 409),
        (format!("?after=0-3&chain={other}"), 409),
        ("?after=0-3".to_owned(), 409),
        ("?after=0-18446744073709551615".to_owned(), 409),
        ("?after=0-3&chain=00".to_owned(), 400),
        ("?after=x".to_owned(), 400),
    ] {
        let answer = tail(&world, &follow, &query);
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
}
