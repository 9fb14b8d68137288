//! What holds for every request.

use axum::{
    body::Body,
    http::{Method, Request},
};

use super::world::{Answer, World};

/// Sends a request and holds the answer to what every answer promises: it is no error of the
/// server, a refusal is a problem document and records nothing, and a question records nothing.
pub(crate) fn ask(world: &World, request: Request<Body>) -> Answer {
    let what = format!("{} {}", request.method(), request.uri());
    let path = request.uri().path();
    let is_question = request.method() == Method::GET
        || path.starts_with("/access/")
        || ["/v1/catalog/plan", "/v1/subjects/find"].contains(&path);
    let is_import = path == "/v1/imports";
    let before = world.head();
    let answer = world.send(request);
    let has_written = world.head() != before;

    assert!(
        answer.status < 500 || is_too_early(&answer),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    if answer.status >= 400 {
        is_problem(&what, &answer);
        assert!(!has_written, "{what}: {} and yet it was recorded", answer.text());
    }
    assert!(!(is_question && has_written), "{what}: a question was recorded");
    if is_import && answer.status == 200 {
        let recorded = answer.json()["recorded"].as_u64();
        assert_eq!(
            recorded.is_some_and(|lines| lines > 0),
            has_written,
            "{what}: {}",
            answer.text()
        );
    }
    answer
}

/// A token from the future is the one thing that a good request may be put off for.
fn is_too_early(answer: &Answer) -> bool {
    answer.status == 503 && answer.text().contains("at_least_as_fresh")
}

/// RFC 9457, with a stable code.
fn is_problem(what: &str, answer: &Answer) {
    let media_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
    assert_eq!(media_type, Some("application/problem+json"), "{what}: {}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["status"].as_u64(), Some(u64::from(answer.status)), "{what}: {problem}");
    let code = problem["code"].as_str().unwrap_or_default();
    let is_code = !code.is_empty()
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    assert!(is_code, "{what}: {problem}");
    assert_eq!(
        problem["type"].as_str(),
        Some(format!("urn:sayso:problem:{code}").as_str()),
        "{what}: {problem}"
    );
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}: {problem}");
}
