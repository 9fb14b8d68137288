//! The API over a ledger in memory, without a socket.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use http_body_util::BodyExt;
use sayso_api::{App, INTERNAL};
use sayso_consent::{Command, Position, SubjectId, Timestamp, event::Identifier};
use sayso_ledger::{Clock, Ledger, Secrets};
use sayso_stores::Memory;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Ana, whom the samples speak of.
pub(crate) const ANA: SubjectId = SubjectId(0xa0a);
/// Her e-mail address.
pub(crate) const EMAIL: &str = "ana@example.org";
/// When everything happens.
pub(crate) const AT: Timestamp = Timestamp(1_772_000_000_000);

/// A server without a socket.
pub(crate) struct World {
    app: Arc<App>,
    router: Router,
    runtime: Runtime,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is not text is shown as far as it is.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, null if it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl World {
    /// Hearth's catalog is in force, and Ana is known by her e-mail address.
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
        let secrets = Secrets::from_hex(&"07".repeat(32)).unwrap();
        let store = Arc::new(Memory::default());
        let ledger = Ledger::open(store, secrets, Clock::fixed(AT), None).unwrap();
        runtime.block_on(begin(&ledger));
        let app = Arc::new(App {
            ledger: Arc::new(ledger),
            board: Arc::default(),
            door: Arc::default(),
            drivers: sayso_ledger::deliver::Drivers::none(),
            metrics: Arc::default(),
            public_url: "http://127.0.0.1:8080".into(),
        });
        Self { router: sayso_api::router(Arc::clone(&app)), app, runtime }
    }

    /// Where the newest entry stands.
    pub(crate) fn head(&self) -> Position {
        self.app.ledger.snapshot().head()
    }

    /// The API itself, and what runs it.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> (Router, &Runtime) {
        (self.router.clone(), &self.runtime)
    }

    /// Sends a request as the program itself, which may do everything.
    pub(crate) fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(INTERNAL);
        self.send_as_stranger(request)
    }

    /// Sends a request that has to show a key.
    pub(crate) fn send_as_stranger(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (head, body) = response.into_parts();
            // Only a follower's stream has no end; then its beginning is not looked at.
            let body = tokio::time::timeout(Duration::from_secs(60), body.collect()).await;
            let body = body.map(|body| body.unwrap().to_bytes().to_vec()).unwrap_or_default();
            Answer { status: head.status.as_u16(), headers: head.headers, body }
        })
    }
}

async fn begin(ledger: &Ledger) {
    let catalog = Box::new(sayso_catalog::read(hearth::CATALOG, "catalog.yaml").unwrap());
    ledger.command(Command::ApplyCatalog { catalog }, "test").await.unwrap().unwrap();
    let namespace = "email".parse().unwrap();
    let (value, lookup) = ledger.identify(&namespace, EMAIL).unwrap();
    let ana = Command::CreateSubject {
        subject: ANA,
        identifiers: vec![Identifier { namespace, value, lookup }],
        is_active: true,
        minor_until: None,
        choices: Vec::new(),
    };
    ledger.command(ana, "test").await.unwrap().unwrap();
}
