//! Bodies that somebody thought of.

use serde_json::Value;

use super::property::{
    ask::ask,
    samples::{self, Sample},
    world::World,
};

#[test]
fn every_sample_is_good() {
    let world = World::new();
    for sample in samples::all() {
        let answer = ask(&world, sample.request());
        assert!(answer.status < 300, "{} {}: {}", sample.method, sample.path, answer.text());
    }
}

#[test]
fn what_is_no_object_of_the_right_form_is_refused() {
    let world = World::new();
    let nested = |piece: &str| piece.repeat(50_000).into_bytes();
    let bodies: [(&str, Vec<u8>); 16] = [
        ("empty", Vec::new()),
        ("white space", b" \n".to_vec()),
        ("null", b"null".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a text", b"\"a\"".to_vec()),
        ("a number", b"1e999".to_vec()),
        ("cut off", b"{\"subject\":".to_vec()),
        ("two objects", b"{}{}".to_vec()),
        ("not UTF-8", b"{\"\xff\xfe\":1}".to_vec()),
        ("NUL", b"{\0}".to_vec()),
        ("half a surrogate", b"{\"subject\":\"\\ud800\"}".to_vec()),
        ("UTF-16", b"{\0\"\0a\0\"\0:\x001\0}\0".to_vec()),
        ("deep lists", nested("[")),
        ("deep objects", nested("{\"a\":")),
        ("a comma too many", b"{\"a\":1,}".to_vec()),
        ("a comment", b"{/* a */}".to_vec()),
    ];
    for sample in samples::json() {
        for (name, body) in &bodies {
            let answer = ask(&world, sample.with(body.clone()));
            assert_eq!(answer.status, 400, "{name} to {}: {}", sample.path, answer.text());
        }
    }
}

#[test]
fn ten_megabytes_are_too_many() {
    let world = World::new();
    for sample in samples::all() {
        let mut body = sample.body.clone().into_bytes();
        body.resize(10 << 20, b' ');
        assert_eq!(ask(&world, sample.with(body)).status, 413, "{}", sample.path);
    }
}

#[test]
fn another_media_type_is_refused() {
    let world = World::new();
    for sample in samples::all() {
        for media_type in [
            "",
            "text/html",
            "application/xml",
            "application/jsonp",
            "json",
            "multipart/form-data; boundary=a",
        ] {
            let answer = ask(&world, sample.typed(media_type, sample.body.clone()));
            assert_eq!(answer.status, 415, "`{media_type}` to {}: {}", sample.path, answer.text());
        }
        let mut bare = sample.request();
        bare.headers_mut().remove("content-type");
        assert_eq!(ask(&world, bare).status, 415, "{}", sample.path);
    }
}

/// Of two equal keys a reader keeps the first and another the last: what was meant is not known.
#[test]
fn a_key_that_stands_twice_is_refused() {
    let world = World::new();
    for sample in samples::json() {
        let value: Value = serde_json::from_str(&sample.body).unwrap();
        let mut doubled = 0;
        while let Some((name, body)) = with_double(&value, doubled) {
            let answer = ask(&world, sample.with(body));
            assert_eq!(answer.status, 400, "`{name}` twice to {}: {}", sample.path, answer.text());
            doubled += 1;
        }
        assert!(doubled > 0, "{}", sample.path);
    }
}

/// The JSON of a value with its n-th key written twice; none if there are fewer.
fn with_double(value: &Value, n: usize) -> Option<(String, String)> {
    let mut left = n;
    let mut name = None;
    let body = write(value, &mut left, &mut name);
    name.map(|name| (name, body))
}

fn write(value: &Value, left: &mut usize, doubled: &mut Option<String>) -> String {
    match value {
        Value::Object(fields) => {
            let mut parts = Vec::new();
            for (name, value) in fields {
                let is_doubled = doubled.is_none() && *left == 0;
                if is_doubled {
                    *doubled = Some(name.clone());
                }
                *left = left.saturating_sub(1);
                let part = format!("\"{name}\":{}", write(value, left, doubled));
                parts.extend(std::iter::repeat_n(part, 1 + usize::from(is_doubled)));
            }
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| write(item, left, doubled)).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// Bodies hold personal data, and answers are logged by whoever asks: a complaint names the place
/// and never what stood there.
#[test]
fn a_complaint_never_repeats_a_value() {
    const SECRET: &str = "secret.person@example.org";
    let world = World::new();
    for sample in samples::json() {
        let value: Value = serde_json::from_str(&sample.body).unwrap();
        for pointer in leaves(&value, String::new()) {
            for wrong in
                [Value::from(SECRET), Value::from(vec![SECRET]), serde_json::json!({ "a": SECRET })]
            {
                let mut body = value.clone();
                *body.pointer_mut(&pointer).unwrap() = wrong;
                let answer = ask(&world, sample.with(body.to_string()));
                let is_refused = answer.status >= 400;
                let repeats = answer.text().contains(SECRET);
                assert!(
                    !(is_refused && repeats),
                    "{pointer} to {}: {}",
                    sample.path,
                    answer.text()
                );
            }
        }
    }
}

/// Where the values without a structure are.
fn leaves(value: &Value, at: String) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| leaves(value, format!("{at}/{name}"))).collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, item)| leaves(item, format!("{at}/{index}")))
            .collect(),
        _ => vec![at],
    }
}

#[test]
fn names_of_nothing_are_refused_and_never_an_error() {
    let world = World::new();
    let nobody = "0123456789abcdef0123456789abcdef";
    for (method, path, status) in [
        ("GET", format!("/v1/subjects/{nobody}"), 404),
        ("GET", "/v1/subjects/ana".into(), 404),
        ("GET", "/v1/subjects/%FF".into(), 404),
        ("GET", "/v1/subjects/..%2F..%2Fkeys".into(), 404),
        ("GET", format!("/v1/subjects/{}", "a".repeat(10_000)), 404),
        ("GET", format!("/v1/subjects/{nobody}/history?limit=-1"), 400),
        ("GET", format!("/v1/subjects/{nobody}/history?before=x"), 404),
        ("DELETE", format!("/v1/subjects/{nobody}"), 404),
        ("DELETE", format!("/v1/subjects/{nobody}?at_once=maybe"), 400),
        ("PUT", format!("/v1/subjects/{nobody}/guardians/{nobody}"), 404),
        ("GET", "/v1/receipts/0-99".into(), 404),
        ("GET", "/v1/receipts/0-0".into(), 404),
        ("GET", "/v1/receipts/99999999999999999999".into(), 404),
        ("GET", "/v1/receipts/7-1".into(), 404),
        ("GET", "/v1/log/entries?after=x".into(), 400),
        ("GET", "/v1/audience".into(), 400),
        ("GET", "/v1/audience?purpose=A&data=b&recipient=c".into(), 400),
        ("GET", "/v1/audience?purpose=a&data=%00&recipient=c".into(), 400),
        ("DELETE", "/v1/keys/nothing".into(), 404),
        ("GET", "/v2".into(), 404),
        ("TRACE", "/v1/keys".into(), 405),
        ("BREW", "/v1/keys".into(), 405),
    ] {
        let request = axum::http::Request::builder().method(method).uri(&path);
        let answer = ask(&world, request.body(axum::body::Body::empty()).unwrap());
        let shown: String = path.chars().take(80).collect();
        assert_eq!(answer.status, status, "{method} {shown}: {}", answer.text());
    }
}

/// A request that asks for two things has both or neither.
#[test]
fn a_device_is_not_recorded_by_half() {
    let world = World::new();
    let put = Sample {
        method: "PUT",
        path: "/v1/subjects/{ana}/devices/oven/815",
        media_type: "application/json",
        body: r#"{"members":["0123456789abcdef0123456789abcdef"]}"#.into(),
    };
    assert!(ask(&world, put.request()).status >= 400);
}
