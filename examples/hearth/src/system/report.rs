//! Telling Sayso what was done, from the outbox, until it has accepted it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Serialize;
use tokio::{sync::watch, time};

use super::{
    table::{Report, Write},
    writer::{Handle, Unwritten},
};

/// Most effects in one request.
const EFFECTS_MAX: usize = 200;
/// How long one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// The pause after a failure doubles from the first to the last of these.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How much of an answer is read; it is read only so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where effects are reported to.
pub(super) fn endpoint(sayso_url: &str) -> Result<Uri, String> {
    let url = format!("{}/v1/effects", sayso_url.trim_end_matches('/'));
    let uri: Uri = url.parse().map_err(|_| "write a URL like http://127.0.0.1:8080".to_owned())?;
    if uri.scheme_str() != Some("http") || uri.host().is_none() {
        return Err("write a URL that begins with http://".to_owned());
    }
    Ok(uri)
}

/// The header that carries the API key.
pub(super) fn authorization(key: &str) -> Result<HeaderValue, String> {
    let bad = "write the API key as it was handed out, in ASCII and without spaces";
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(bad.to_owned());
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| bad.to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether reporting works, for the status page.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<String>>);

impl Health {
    /// `ok`, or what goes wrong.
    pub(super) fn text(&self) -> String {
        let problem = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        problem.clone().unwrap_or_else(|| "ok".to_owned())
    }

    fn set(&self, problem: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

#[derive(Serialize)]
struct Effects<'a> {
    effects: Vec<Effect<'a>>,
}

#[derive(Serialize)]
struct Effect<'a> {
    identifier: &'a str,
    position: &'a str,
    state: &'static str,
    applied_at: &'a str,
    detail: &'a str,
}

impl<'a> From<&'a Report> for Effect<'a> {
    fn from(report: &'a Report) -> Self {
        let Report { identifier, position, applied_at, detail, .. } = report;
        Self { identifier, position, state: "applied", applied_at, detail }
    }
}

/// What became of a request.
enum Outcome {
    Accepted,
    /// Sent again later, as it is.
    Later(String),
    /// Sent again it would be refused again.
    Refused(String),
}

/// Empties the outbox.
pub(super) struct Reporter {
    table: Handle,
    endpoint: Uri,
    authorization: HeaderValue,
    client: Client<HttpConnector, Full<Bytes>>,
    health: std::sync::Arc<Health>,
}

impl Reporter {
    pub(super) fn new(
        table: Handle,
        endpoint: Uri,
        authorization: HeaderValue,
        health: std::sync::Arc<Health>,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Self { table, endpoint, authorization, client, health }
    }

    /// Reports until stopped; then once more, without waiting for a Sayso that does not answer.
    /// Ends by itself only if the table is gone.
    pub(super) async fn run(
        self,
        mut news: watch::Receiver<usize>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut pause = PAUSE.0;
        loop {
            news.borrow_and_update();
            match self.flush().await {
                Ok(true) if *stop.borrow() => return,
                Ok(true) => {
                    pause = PAUSE.0;
                    if !more(&mut news, &mut stop).await {
                        return;
                    }
                }
                Ok(false) | Err(Unwritten) if *stop.borrow() => return,
                Ok(false) | Err(Unwritten) => {
                    // Stopping ends the pause: one more attempt, and the rest after a restart.
                    let _ = time::timeout(pause, stop.wait_for(|stop| *stop)).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
            if news.has_changed().is_err() {
                return;
            }
        }
    }

    /// Sends until the outbox is empty; `false` if Sayso could not be told for now. What comes
    /// while a request is under way travels with the next one.
    async fn flush(&self) -> Result<bool, Unwritten> {
        loop {
            let reports = self.table.unreported(EFFECTS_MAX).await?;
            if reports.is_empty() {
                return Ok(true);
            }
            if !self.settle(&reports).await? {
                return Ok(false);
            }
        }
    }

    /// Has each of these accepted or refused. A request that is refused is halved until the
    /// report that cannot be accepted stands alone: it must not keep the others from Sayso.
    async fn settle(&self, reports: &[Report]) -> Result<bool, Unwritten> {
        let mut parts = vec![reports];
        while let Some(part) = parts.pop() {
            match self.send(part).await {
                Outcome::Accepted => {
                    self.health.set(None);
                    let numbers = part.iter().map(|report| report.number).collect();
                    self.table.write(Write::Reported(numbers)).await?;
                }
                Outcome::Later(why) => {
                    tracing::warn!(%why, "could not report; trying again");
                    self.health.set(Some(why));
                    return Ok(false);
                }
                Outcome::Refused(why) => match part {
                    [report] => {
                        tracing::error!(%why, position = %report.position, "a report was refused");
                        self.table.write(Write::Refused(report.number, why)).await?;
                    }
                    _ => {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                    }
                },
            }
        }
        Ok(true)
    }

    async fn send(&self, reports: &[Report]) -> Outcome {
        match time::timeout(REQUEST_MAX, self.post(reports)).await {
            Ok(Ok(status)) => outcome(status),
            Ok(Err(why)) => Outcome::Later(why),
            Err(_) => Outcome::Later("sayso did not answer in time".to_owned()),
        }
    }

    async fn post(&self, reports: &[Report]) -> Result<StatusCode, String> {
        let effects = Effects { effects: reports.iter().map(Effect::from).collect() };
        let body = serde_json::to_vec(&effects).map_err(|error| error.to_string())?;
        let request = Request::post(self.endpoint.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        let sent = self.client.request(request).await;
        let answer = sent.map_err(|_| "sayso cannot be reached".to_owned())?;
        let status = answer.status();
        let rest = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        rest.map_err(|_| "the answer of sayso broke off".to_owned())?;
        Ok(status)
    }
}

/// A key that is not accepted is the operator's to mend, and the reports wait for it.
fn outcome(status: StatusCode) -> Outcome {
    let why = format!("sayso answered {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Outcome::Accepted,
        400 | 404 | 409 | 410 | 413 | 422 => Outcome::Refused(why),
        _ => Outcome::Later(why),
    }
}

/// Waits for something to report; `false` if the table is gone.
async fn more(news: &mut watch::Receiver<usize>, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        changed = news.changed() => changed.is_ok(),
        _ = stop.wait_for(|stop| *stop) => true,
    }
}
