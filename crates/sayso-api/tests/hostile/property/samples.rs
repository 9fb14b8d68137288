//! A request to each endpoint that takes a body, as somebody would send it.

use axum::{body::Body, http::Request};

use super::world::{ANA, EMAIL};

/// A good request.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) method: &'static str,
    /// `{ana}` stands for her subject id.
    pub(crate) path: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) body: String,
}

/// Decisions: these never write.
pub(crate) const ACCESS: [(&str, &str); 5] = [
    (
        "/access/v1/evaluation",
        r#"{"subject":{"type":"recipient","id":"mailer"},"action":{"name":"marketing.offers"},"resource":{"type":"contact.email","id":"email:EMAIL","properties":{"device":"oven/4711"}},"context":{"channel":"email","at_least_as_fresh":"0-1"}}"#,
    ),
    (
        "/access/v1/evaluations",
        r#"{"subject":{"type":"recipient","id":"mailer"},"context":{"channel":"email"},"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{"action":{"name":"marketing.offers"},"resource":{"type":"contact.email","id":"email:EMAIL"}},{"action":{"name":"safety.recall"},"resource":{"type":"device","id":"ANA"}}]}"#,
    ),
    (
        "/access/v1/search/subject",
        r#"{"subject":{"type":"recipient"},"action":{"name":"marketing.offers"},"resource":{"type":"contact.email","id":"email:EMAIL"},"context":{"channel":"email"},"page":{"token":"","limit":2}}"#,
    ),
    (
        "/access/v1/search/action",
        r#"{"subject":{"type":"recipient","id":"mailer"},"resource":{"type":"contact.email","id":"email:EMAIL"},"context":{"channel":"email"}}"#,
    ),
    (
        "/access/v1/search/resource",
        r#"{"subject":{"type":"recipient","id":"mailer"},"action":{"name":"marketing.offers"},"resource":{"type":"contact.email"},"page":{"limit":10}}"#,
    ),
];

/// Everything else that takes JSON.
const WRITES: [(&str, &str, &str); 9] = [
    (
        "POST",
        "/v1/subjects",
        r#"{"identifiers":["crm:4711"],"is_active":true,"minor_until":"2030-01-01","choices":[{"effect":"denial","scope":{"purpose":"marketing"}}]}"#,
    ),
    ("POST", "/v1/subjects/find", r#"{"identifier":"email:EMAIL"}"#),
    ("PATCH", "/v1/subjects/{ana}", r#"{"is_restricted":false}"#),
    ("POST", "/v1/subjects/{ana}/identifiers", r#"{"identifier":"phone:+49 30 901820"}"#),
    ("POST", "/v1/subjects/{ana}/identifiers/remove", r#"{"identifier":"phone:+49 30 901820"}"#),
    ("PUT", "/v1/subjects/{ana}/devices/oven/4711", r#"{"members":[]}"#),
    (
        "POST",
        "/v1/subjects/{ana}/choices",
        r#"{"choices":[{"effect":"grant","scope":{"purpose":"marketing.offers","data":"contact.email","recipient":"mailer","channel":"email"},"not_before":"2026-01-01T00:00:00Z","until":"2031-01-01","notice":{"id":"offers","version":2,"language":"en"},"method":"paper","actor":{"kind":"agent","id":"17"},"evidence":{"reference":"form 12","occurred_at":"2025-12-31T10:00:00Z"}}],"authority":"strong"}"#,
    ),
    (
        "POST",
        "/v1/effects",
        r#"{"recipient":"mailer","effects":[{"identifier":"email:EMAIL","position":"0-2","state":"received","applied_at":"2026-02-01T18:30:00Z","detail":"1 row"}]}"#,
    ),
    ("POST", "/v1/keys", r#"{"roles":["decide","report"],"recipient":"mailer","label":"mailer"}"#),
];

/// Imports, by media type.
pub(crate) const IMPORTS: [(&str, &str); 2] = [
    (
        "application/x-ndjson",
        "{\"identifiers\":{\"email\":\"ben@example.org\",\"crm\":\"12\"},\"is_active\":true,\"choices\":[{\"effect\":\"denial\",\"scope\":{\"purpose\":\"marketing\"}}]}\n{\"identifiers\":{\"email\":\"EMAIL\"}}\n",
    ),
    (
        "text/csv",
        "email,crm,effect,purpose,channel,notice,notice_version,occurred_at\nben@example.org,12,denial,marketing,,,,2020-01-01\n\"EMAIL\",,grant,marketing.offers,email,offers,2,\n",
    ),
];

/// Every sample whose body is JSON.
pub(crate) fn json() -> Vec<Sample> {
    let access = ACCESS.iter().map(|(path, body)| ("POST", *path, *body));
    access
        .chain(WRITES)
        .map(|(method, path, body)| Sample::new(method, path, "application/json", body))
        .collect()
}

/// Every sample.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = json();
    let import = |(media_type, body): &(&'static str, &str)| {
        Sample::new("POST", "/v1/imports", media_type, body)
    };
    samples.extend(IMPORTS.iter().map(import));
    samples.push(Sample::new("POST", "/v1/catalog/plan", "application/yaml", hearth::CATALOG));
    samples
}

impl Sample {
    fn new(method: &'static str, path: &'static str, media_type: &'static str, body: &str) -> Self {
        let body = body.replace("EMAIL", EMAIL).replace("ANA", &ANA.to_string());
        Self { method, path, media_type, body }
    }

    /// The request.
    pub(crate) fn request(&self) -> Request<Body> {
        self.with(self.body.clone())
    }

    /// The request with another body.
    pub(crate) fn with(&self, body: impl Into<Body>) -> Request<Body> {
        self.typed(self.media_type, body)
    }

    /// The request with another media type and body.
    pub(crate) fn typed(&self, media_type: &str, body: impl Into<Body>) -> Request<Body> {
        let path = self.path.replace("{ana}", &ANA.to_string());
        let request =
            Request::builder().method(self.method).uri(path).header("content-type", media_type);
        request.body(body.into()).unwrap()
    }
}
