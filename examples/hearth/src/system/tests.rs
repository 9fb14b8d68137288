//! A system as Sayso meets it: over HTTP, with a Sayso that only records what it is told.

mod crash;
mod obey;
mod report;
mod verify;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{System, SystemConfig, SystemError, now};

const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";
const API_KEY: &str = "sk_mailer_test";
const ANA: &str = "email:ana@example.org";

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn public_key() -> String {
    format!("whpk_{}", BASE64_STANDARD.encode(signing_key().verifying_key().as_bytes()))
}

fn secret() -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(SECRET))
}

fn v1a(content: &str) -> String {
    format!("v1a,{}", BASE64_STANDARD.encode(signing_key().sign(content.as_bytes()).to_bytes()))
}

fn v1(content: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(content.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// Records effects, and fails or refuses as told.
#[derive(Default)]
struct Sayso {
    effects: Mutex<Vec<Value>>,
    requests: AtomicUsize,
    failures_left: AtomicUsize,
    refused: Mutex<HashSet<String>>,
}

impl Sayso {
    async fn start() -> (Arc<Self>, String) {
        let sayso = Arc::new(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/v1/effects", post(record)).with_state(Arc::clone(&sayso));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (sayso, url)
    }

    /// (identifier, position, detail) of each effect accepted so far.
    fn told(&self) -> Vec<(String, String, String)> {
        let text = |effect: &Value, name: &str| effect[name].as_str().unwrap().to_owned();
        let effects = self.effects.lock().unwrap();
        let read =
            |effect| (text(effect, "identifier"), text(effect, "position"), text(effect, "detail"));
        effects.iter().map(read).collect()
    }

    async fn told_eventually(&self, count: usize) -> Vec<(String, String, String)> {
        eventually(|| self.effects.lock().unwrap().len() >= count).await;
        self.told()
    }
}

async fn record(
    State(sayso): State<Arc<Sayso>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    sayso.requests.fetch_add(1, Ordering::SeqCst);
    let fewer = |left: usize| left.checked_sub(1);
    if sayso.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    assert_eq!(headers["authorization"], format!("Bearer {API_KEY}"));
    let effects = body["effects"].as_array().unwrap();
    assert!((1..=200).contains(&effects.len()), "{} effects in a request", effects.len());
    for effect in effects {
        assert_eq!(effect["state"], "applied");
        effect["applied_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        if sayso.refused.lock().unwrap().contains(effect["identifier"].as_str().unwrap()) {
            return StatusCode::UNPROCESSABLE_ENTITY;
        }
    }
    sayso.effects.lock().unwrap().extend(effects.iter().cloned());
    StatusCode::OK
}

async fn eventually(mut is_so: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within ten seconds");
}

fn config(database: &Path, sayso_url: &str) -> SystemConfig {
    SystemConfig {
        name: "mailer".to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        database: database.to_owned(),
        public_key: public_key(),
        secret: secret(),
        sayso_url: sayso_url.to_owned(),
        key: API_KEY.to_owned(),
        stream: None,
    }
}

/// A running system and what is needed to speak to it.
struct Running {
    url: String,
    database: PathBuf,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), SystemError>>,
}

impl Running {
    async fn start(database: &Path, sayso_url: &str) -> Self {
        let system = System::bind(config(database, sayso_url)).await.unwrap();
        let url = format!("http://{}", system.address());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(system.run(async move { stopped.await.unwrap() }));
        Self { url, database: database.to_owned(), client: client(), stop, task }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    async fn tell(&self, message: &Value) -> StatusCode {
        tell(&self.client, &self.url, message).await
    }

    /// Position, flag and permissions of a row.
    fn row(&self, identifier: &str) -> Option<(i64, Option<bool>, Value)> {
        let sql =
            "SELECT position, may_email_offers, permissions FROM customers WHERE identifier = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            let permissions: String = row.get(2)?;
            Ok((row.get(0)?, row.get(1)?, serde_json::from_str(&permissions).unwrap()))
        };
        self.open().query_row(sql, [identifier], read).optional().unwrap()
    }

    fn flag(&self, identifier: &str) -> Option<bool> {
        self.row(identifier).unwrap().1
    }

    fn count(&self, sql: &str) -> i64 {
        self.open().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn open(&self) -> Connection {
        Connection::open(&self.database).unwrap()
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn message(position: &str, identifier: &str, allow: bool) -> Value {
    json!({
        "specversion": "1.0", "id": format!("msg-{position}"), "source": "urn:sayso:one",
        "type": "sayso.permissions.v1", "time": "2026-01-10T10:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "recipient": "mailer", "position": position, "identifiers": [identifier],
            "leaving": false,
            "permissions": [
                {"purpose": "marketing.offers", "data": "contact", "channel": "email",
                 "allow": allow, "reason": if allow { "granted" } else { "withdrawn" },
                 "until": null, "grant": allow.then_some("0-1")},
                {"purpose": "marketing.offers", "data": "identity.birthday", "channel": "email",
                 "allow": false, "reason": "never_asked", "until": null, "grant": null},
            ],
        },
    })
}

fn leaving(position: &str, identifier: &str) -> Value {
    let mut message = message(position, identifier, false);
    message["data"]["leaving"] = true.into();
    message["data"]["permissions"] = json!([]);
    message
}

/// Signs as Sayso does and sends.
async fn tell(
    client: &Client<HttpConnector, Full<Bytes>>,
    url: &str,
    message: &Value,
) -> StatusCode {
    let (id, body) = (message["id"].as_str().unwrap(), message.to_string());
    let timestamp = now().as_second().to_string();
    let content = format!("{id}.{timestamp}.{body}");
    let signatures = format!("{} {}", v1(&content), v1a(&content));
    send(client, url, &[("id", id), ("timestamp", &timestamp), ("signature", &signatures)], body)
        .await
        .0
}

async fn send(
    client: &Client<HttpConnector, Full<Bytes>>,
    url: &str,
    headers: &[(&str, &str)],
    body: String,
) -> (StatusCode, Value) {
    let mut request =
        Request::post(format!("{url}/hook")).header("content-type", "application/cloudevents+json");
    for (name, value) in headers {
        request = request.header(format!("webhook-{name}"), *value);
    }
    let answer = client.request(request.body(body.into()).unwrap()).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}
