//! Headers that somebody thought of.

use axum::{
    body::Body,
    http::{HeaderValue, Request},
};

use super::property::{
    ask::ask,
    samples::{self, Sample},
    world::World,
};

fn choose() -> Sample {
    samples::all().into_iter().find(|sample| sample.path.ends_with("/choices")).unwrap()
}

fn with(sample: &Sample, name: &'static str, value: &[u8]) -> Request<Body> {
    let mut request = sample.request();
    request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    request
}

#[test]
fn idempotency_keys_are_visible_and_short() {
    let world = World::new();
    let sample = choose();
    for (key, status) in [
        (b"".to_vec(), 400),
        (b"\xff\xfe".to_vec(), 400),
        (vec![b'k'; 256], 400),
        (vec![b'k'; 10_000], 400),
        (vec![b'k'; 255], 200),
    ] {
        let answer = ask(&world, with(&sample, "idempotency-key", &key));
        assert_eq!(answer.status, status, "{} bytes: {}", key.len(), answer.text());
    }
}

#[test]
fn an_idempotency_key_says_one_thing_once() {
    let world = World::new();
    let sample = choose();
    let first = ask(&world, with(&sample, "idempotency-key", b"k"));
    let head = world.head();
    let again = ask(&world, with(&sample, "idempotency-key", b"k"));
    assert_eq!((first.status, first.body), (again.status, again.body));
    assert_eq!(world.head(), head);
    let other = Sample { body: sample.body.replace("grant", "denial"), ..sample };
    assert_eq!(ask(&world, with(&other, "idempotency-key", b"k")).status, 422);
}

#[test]
fn two_idempotency_keys_are_one_too_many() {
    let world = World::new();
    let mut request = with(&choose(), "idempotency-key", b"one");
    request.headers_mut().append("idempotency-key", HeaderValue::from_static("two"));
    assert_eq!(ask(&world, request).status, 400);
}

#[test]
fn request_ids_come_back_or_are_left_out() {
    let world = World::new();
    for (id, comes_back) in [
        (b"a-1".to_vec(), true),
        (vec![b'i'; 255], true),
        (vec![b'i'; 256], false),
        (vec![b'i'; 100_000], false),
        (b"\xfftext".to_vec(), true),
    ] {
        let answer = ask(&world, with(&choose(), "x-request-id", &id));
        let back = answer.headers.get("x-request-id").map(HeaderValue::as_bytes);
        assert_eq!(back, comes_back.then_some(id.as_slice()));
    }
}

#[test]
fn odd_headers_change_nothing() {
    let world = World::new();
    for (name, value) in [
        ("host", b"\xff".as_slice()),
        ("x-forwarded-host", b"evil.example"),
        ("x-http-method-override", b"DELETE"),
        ("accept", b"text/html"),
        ("accept-encoding", b"gzip;q=bogus"),
        ("range", b"bytes=-1"),
        ("if-match", b"\"\""),
        ("expect", b"200-maybe"),
        ("sayso-internal", b"1"),
        ("cookie", &[b'c'; 60_000]),
    ] {
        let answer = ask(&world, with(&choose(), name, value));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    let mut many = choose().request();
    for number in 0..1_000 {
        many.headers_mut().append("x-many", HeaderValue::from(number));
    }
    assert_eq!(ask(&world, many).status, 200);
}

#[test]
fn no_key_is_no_answer() {
    let world = World::new();
    let head = world.head();
    for sample in samples::all() {
        for key in
            ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "bearer sayso_", "Bearer \u{e9}"]
        {
            let mut request = sample.request();
            let value = HeaderValue::from_bytes(key.as_bytes()).unwrap();
            request.headers_mut().insert("authorization", value);
            let answer = world.send_as_stranger(request);
            assert_eq!(answer.status, 401, "`{key}` to {}: {}", sample.path, answer.text());
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
    assert_eq!(world.head(), head);
}
