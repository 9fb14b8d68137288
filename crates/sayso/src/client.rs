//! The API as commands use it: over a socket if a server runs, else within this process on the
//! open ledger. The same requests either way, so there is one way of doing each thing.

use anyhow::{Context, Result, anyhow, bail};
use axum::Router;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::{client::legacy::Client as Http, rt::TokioExecutor};
use sayso_ledger::Clock;
use serde_json::Value;
use tower::ServiceExt;

use crate::home::{Home, Opened};

type Connector = hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>;
/// An answer as it comes.
pub(crate) type Body = UnsyncBoxBody<Bytes, anyhow::Error>;

/// Somebody to send requests to.
pub(crate) enum Client {
    /// A server.
    Remote { http: Http<Connector, Full<Bytes>>, url: String, key: String },
    /// The ledger itself, held open by this process.
    Local { router: Router, _opened: Box<Opened> },
}

/// What the server refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) problem: Value,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |name: &str| self.problem.get(name).and_then(Value::as_str);
        let title = text("title").unwrap_or("the server refused");
        match text("detail") {
            Some(detail) => write!(f, "{title}: {detail}"),
            None => write!(f, "{title} ({})", self.status),
        }
    }
}

impl std::error::Error for Refused {}

impl Client {
    /// To a server at an address.
    pub(crate) fn remote(url: &str, key: &str) -> Result<Self> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .context("TLS cannot be set up")?
            .https_or_http()
            .enable_http1()
            .build();
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Self::Remote { http, url: url.trim_end_matches('/').to_owned(), key: key.to_owned() })
    }

    /// On an open ledger.
    pub(crate) fn local(opened: Opened) -> Self {
        let router = sayso_api::router(std::sync::Arc::clone(&opened.app));
        Self::Local { router, _opened: Box::new(opened) }
    }

    /// To whoever holds the ledger of a folder: a server that runs, else this process.
    pub(crate) fn connect(home: &Home, clock: Clock) -> Result<Self> {
        if let Some(opened) = home.open(clock, "http://127.0.0.1:8080".into())? {
            return Ok(Self::local(opened));
        }
        let running = home
            .running()
            .context("another process holds the ledger and does not say where it is reached")?;
        let key = home.admin_key().context(
            "a server holds the ledger; give its key with `--key` or SAYSO_KEY (`admin.key` is missing)",
        )?;
        Self::remote(&running.url, &key)
    }

    /// Sends a request and gives the answer as it comes.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Body>> {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match self {
            Self::Remote { http, url, key } => {
                let request = request
                    .uri(format!("{url}{path}"))
                    .header(header::AUTHORIZATION, format!("Bearer {key}"))
                    .body(Full::new(body))?;
                let response = http.request(request).await;
                let response = response
                    .map_err(|error| anyhow!(error))
                    .with_context(|| format!("cannot reach {url}"))?;
                Ok(response.map(|body| body.map_err(|error| anyhow!(error)).boxed_unsync()))
            }
            Self::Local { router, .. } => {
                let request = request.uri(path).extension(sayso_api::INTERNAL);
                let request = request.body(axum::body::Body::from(body))?;
                let response = router.clone().oneshot(request).await?;
                Ok(response.map(|body| body.map_err(|error| anyhow!(error)).boxed_unsync()))
            }
        }
    }

    /// Sends a request and reads the whole answer. A refusal is an error of type [`Refused`].
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes> {
        let response = self.open(method, path, headers, body).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(bytes);
        }
        let problem = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        bail!(Refused { status, problem })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.send(Method::GET, path, &[], Bytes::new()).await?)?)
    }

    /// Sends JSON and reads JSON.
    pub(crate) async fn json(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let headers = [("content-type", "application/json")];
        let bytes = self.send(method, path, &headers, serde_json::to_vec(body)?.into()).await?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(Method::POST, path, body).await
    }

    /// Refuses if this process itself holds the ledger: a link is no use without a server.
    pub(crate) fn expect_server(&self) -> Result<()> {
        match self {
            Self::Remote { .. } => Ok(()),
            Self::Local { .. } => {
                bail!("a link is opened at a running server; start one with `sayso serve`")
            }
        }
    }

    /// The subject id of a subject id or `namespace:value`.
    pub(crate) async fn subject(&self, text: &str) -> Result<String> {
        if text.parse::<sayso_consent::SubjectId>().is_ok() {
            return Ok(text.to_owned());
        }
        let asked = serde_json::json!({"identifier": text});
        let found = self.post("/v1/subjects/find", &asked).await;
        let found = found.context("nobody can be found by this identifier")?;
        let subject = found.get("subject").and_then(Value::as_str);
        Ok(subject.context("the server answered without a subject")?.to_owned())
    }
}
