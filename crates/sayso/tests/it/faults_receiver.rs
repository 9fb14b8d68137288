//! A receiver of webhooks to which everything happens that happens to one: it is overloaded, hangs,
//! breaks off before and after it has applied a message, and does what it took in another order.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::sleep,
};

use crate::{
    faults_held::{Applied, Event, Habit, Held},
    world::{Caller, Dice},
};

/// How long Sayso waits for the receiver, in milliseconds.
pub(crate) const TIMEOUT_MS: u64 = 1_000;
/// Most reports in one request.
const REPORTS: usize = 500;

/// What can happen to a request, and how often in a thousand.
const FAULTS: [(&str, u64); 6] = [
    ("503", 40),
    ("429 with Retry-After", 6),
    ("time-out", 12),
    ("reset before applying", 25),
    ("reset after applying", 25),
    ("applied late", 120),
];

/// A receiver.
pub(crate) struct Receiver {
    pub(crate) held: Mutex<Held>,
    pub(crate) port: u16,
    /// Messages that came, whatever became of them.
    pub(crate) received: AtomicU64,
    happened: [AtomicU64; FAULTS.len()],
    is_calm: AtomicBool,
    dice: Mutex<Dice>,
    reports: UnboundedSender<Applied>,
}

impl Receiver {
    /// Listens, and reports with a key.
    pub(crate) async fn start(habit: Habit, seed: u64, reporter: Caller) -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (reports, waiting) = unbounded_channel();
        let receiver = Arc::new(Self {
            held: Mutex::new(Held::new(habit)),
            port: listener.local_addr().unwrap().port(),
            received: AtomicU64::new(0),
            happened: Default::default(),
            is_calm: AtomicBool::new(false),
            dice: Mutex::new(Dice(seed)),
            reports,
        });
        tokio::spawn(report(reporter, waiting));
        tokio::spawn(Arc::clone(&receiver).listen(listener));
        receiver
    }

    /// Nothing happens to it any more.
    pub(crate) fn calm(&self) {
        self.is_calm.store(true, Ordering::Release);
    }

    /// What happened, and how often.
    pub(crate) fn faults(&self) -> Vec<(&'static str, u64)> {
        let counts = self.happened.iter().map(|count| count.load(Ordering::Relaxed));
        FAULTS.iter().map(|(name, _)| *name).zip(counts).collect()
    }

    async fn listen(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            // What is closed here is reset.
            stream.set_zero_linger().unwrap();
            let own = Arc::clone(&self);
            let service = service_fn(move |request| Arc::clone(&own).answer(request));
            let served = hyper::server::conn::http1::Builder::new();
            tokio::spawn(served.serve_connection(TokioIo::new(stream), service));
        }
    }

    /// What happens to the next request, as a place in [`FAULTS`].
    fn fault(&self) -> Option<usize> {
        if self.is_calm.load(Ordering::Acquire) {
            return None;
        }
        let mut thrown = self.dice.lock().unwrap().below(1_000);
        for (place, (_, share)) in FAULTS.iter().enumerate() {
            if thrown < *share {
                self.happened[place].fetch_add(1, Ordering::Relaxed);
                return Some(place);
            }
            thrown -= share;
        }
        None
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<Full<Bytes>>> {
        let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        // Before the first message it is asked whether it is there, with a batch of nobody.
        let events: Vec<Event> = serde_json::from_slice(&body).unwrap_or_default();
        self.received.fetch_add(events.len() as u64, Ordering::Relaxed);
        let said = |status: StatusCode| Response::builder().status(status);
        let plain = |status| Ok(said(status).body(Full::default()).unwrap());
        match self.fault() {
            Some(0) => return plain(StatusCode::SERVICE_UNAVAILABLE),
            Some(1) => {
                let answer = said(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "1");
                return Ok(answer.body(Full::default()).unwrap());
            }
            Some(2) => {
                // It has them and applies them, when Sayso has long given up.
                let after = TIMEOUT_MS + 300;
                tokio::spawn(self.take_after(events, after));
                sleep(Duration::from_millis(after)).await;
            }
            Some(3) => return Err(io::ErrorKind::ConnectionReset.into()),
            Some(4) => {
                self.take(&events);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Some(_) => {
                let after = self.dice.lock().unwrap().below(2_000);
                tokio::spawn(self.take_after(events, after));
            }
            None => self.take(&events),
        }
        plain(StatusCode::OK)
    }

    async fn take_after(self: Arc<Self>, events: Vec<Event>, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
        self.take(&events);
    }

    fn take(&self, events: &[Event]) {
        let mut held = self.held.lock().unwrap();
        for event in events {
            let applied = held.take(event);
            // There is nobody to report to once the test is over.
            let _ = self.reports.send(applied);
        }
    }
}

/// Reports what was applied, in batches, each until it is answered: Sayso may be dead just now.
pub(crate) async fn report(reporter: Caller, mut waiting: UnboundedReceiver<Applied>) {
    let mut some = Vec::new();
    while waiting.recv_many(&mut some, REPORTS).await > 0 {
        let effect = |(name, position): Applied| json!({"identifier": name, "position": position, "state": "applied"});
        let effects: Vec<_> = some.drain(..).map(effect).collect();
        let body = json!({ "effects": effects }).to_string();
        let headers = [("content-type", "application/json")];
        let send = || reporter.attempt(Method::POST, "/v1/effects", &headers, body.clone());
        while send().await.is_none_or(|answer| !answer.status.is_success()) {
            sleep(Duration::from_millis(50)).await;
        }
        // What is applied in the meantime goes together.
        sleep(Duration::from_millis(20)).await;
    }
}
