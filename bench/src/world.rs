//! A ledger with the sample company's catalog and people, as the program would open it.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use axum::{
    Router,
    body::Body,
    http::{Request, header::CONTENT_TYPE},
};
use http_body_util::BodyExt;
use sayso_api::{App, INTERNAL};
use sayso_consent::{Command, SubjectId, event::EffectReport, subject::Pending};
use sayso_ledger::{Clock, Ledger, Secrets, Store, journal::Journal};
use sayso_stores::{Embedded, Memory};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// Lines in one request of an import: as many as the program sends.
pub(crate) const LINES: usize = 1_000;
/// The people are made from it.
pub(crate) const SEED: u64 = 1;

/// A ledger and the API over it.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    router: Router,
    // The last field: the ledger is closed before its folder goes.
    folder: Option<TempDir>,
}

/// A folder that goes when it is dropped, on the disk that is measured.
pub(crate) fn folder(dir: &Path) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("sayso-bench-").tempdir_in(dir);
    folder.with_context(|| format!("cannot make a folder in `{}`", dir.display()))
}

impl World {
    /// Without a disk: for what only reads.
    pub(crate) fn in_memory(clock: Clock) -> Result<Self> {
        Self::open(Arc::new(Memory::default()), clock, None, None)
    }

    /// In a fresh folder, with the journal of withdrawals.
    pub(crate) fn on_disk(dir: &Path) -> Result<Self> {
        let folder = folder(dir)?;
        let store = Arc::new(Embedded::open(folder.path())?);
        let journal = Journal::open(&folder.path().join("withdrawals.journal"))?;
        Self::open(store, Clock::system(), Some(journal), Some(folder))
    }

    fn open(
        store: Arc<dyn Store>,
        clock: Clock,
        journal: Option<Journal>,
        folder: Option<TempDir>,
    ) -> Result<Self> {
        let ledger = Ledger::open(store, Secrets::generate()?, clock, journal)?;
        let app = Arc::new(App {
            ledger: Arc::new(ledger),
            board: Arc::default(),
            door: Arc::default(),
            drivers: sayso_ledger::deliver::Drivers::none(),
            metrics: Arc::default(),
            public_url: "http://localhost".into(),
        });
        let router = sayso_api::router(Arc::clone(&app));
        Ok(Self { app, router, folder })
    }

    /// Closes the ledger and gives the folder it is in.
    pub(crate) fn into_folder(self) -> Option<TempDir> {
        self.folder
    }

    /// The API, as the program serves it.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    async fn post(&self, path: &str, media_type: &str, body: Vec<u8>) -> Result<Value> {
        let mut request =
            Request::post(path).header(CONTENT_TYPE, media_type).body(Body::from(body))?;
        request.extensions_mut().insert(INTERNAL);
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{path} answered {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(serde_json::from_slice(&body)?)
    }

    /// Brings the sample company's catalog into force. Its deadlines are short so that the demo
    /// shows what being late looks like; here, where nobody is told, they are as long as usual.
    pub(crate) async fn apply_catalog(&self) -> Result<()> {
        self.apply(hearth::CATALOG).await
    }

    /// The same with a catalog that is like it.
    pub(crate) async fn apply(&self, catalog: &str) -> Result<()> {
        let catalog = catalog.replace("deadline: 15 seconds", "deadline: 24 hours");
        self.post("/v1/catalog", "application/yaml", catalog.into_bytes()).await.map(drop)
    }

    /// Makes a key.
    pub(crate) async fn key(&self, roles: &[&str], recipient: Option<&str>) -> Result<String> {
        let body = json!({"roles": roles, "recipient": recipient, "label": "bench"});
        let made = self.post("/v1/keys", "application/json", body.to_string().into_bytes()).await?;
        made["key"].as_str().map(str::to_owned).context("no key in the answer")
    }

    /// Imports lines, all of which have to be new.
    pub(crate) async fn import(&self, lines: &[String]) -> Result<()> {
        for batch in lines.chunks(LINES) {
            let body = batch.join("\n").into_bytes();
            let answer = self.post("/v1/imports", "application/x-ndjson", body).await?;
            ensure!(answer["recorded"] == batch.len(), "an import was refused: {answer}");
        }
        Ok(())
    }

    /// Reports for every system that it has applied everything, as it is in a company where
    /// nothing is amiss.
    pub(crate) async fn settle(&self) -> Result<()> {
        let snapshot = self.app.ledger.snapshot();
        let mut commands = Vec::new();
        for subject in self.subjects() {
            let Some(state) = snapshot.subject(subject) else { continue };
            let report = |pending: &Pending| EffectReport {
                recipient: pending.recipient.clone(),
                through: pending.position,
                applied_at: None,
                sent_at: None,
                received_at: None,
                detail: None,
                former: pending.former_lookup(),
            };
            let reports = state.pending.iter().map(report);
            commands.extend(reports.map(|report| Command::ReportEffect { subject, report }));
        }
        for batch in commands.chunks(LINES) {
            let outcomes = self.app.ledger.submit(batch.to_vec(), "bench", None).await?;
            ensure!(outcomes.iter().all(Result::is_ok), "a report was refused");
        }
        Ok(())
    }

    /// Everyone who is known, in the order of their random ids.
    pub(crate) fn subjects(&self) -> Vec<SubjectId> {
        let pages = self.app.ledger.snapshot().pages_of_people();
        pages.flatten().map(|(subject, _)| subject).collect()
    }
}

/// The sample company's people, as lines of an import.
pub(crate) fn lines(count: usize) -> Result<Vec<String>> {
    hearth::people(SEED, count).map(|person| Ok(serde_json::to_string(&person)?)).collect()
}

/// People who have said nothing yet, and whom no system knows that would have to be told.
pub(crate) fn silent(count: usize) -> Vec<String> {
    let line = |phone| json!({"identifiers": {"phone": phone}, "is_active": true}).to_string();
    (0..count).map(|number| line(format!("+493023125{number:06}"))).collect()
}

/// A plain database beside the ledger's, and as durable.
pub(crate) fn database(folder: &Path) -> Result<rusqlite::Connection> {
    let database = rusqlite::Connection::open(folder.join("plain.db"))?;
    database.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE rows (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;",
    )?;
    Ok(database)
}
