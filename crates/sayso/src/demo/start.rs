//! What the demo begins with: the catalog, keys, customers, and systems that are in step.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use sayso_api::App;
use serde_json::json;

use super::{ANA, systems::SYSTEMS};
use crate::{
    client::{Client, Refused},
    home::{Home, write_private},
    output::{Output, field},
};

/// Customers in one request.
const BATCH: usize = 500;
/// How long systems may take to get in step before the demo goes on without them.
const PATIENCE: Duration = Duration::from_secs(180);

/// Brings the sample catalog into force.
pub(super) async fn apply_catalog(client: &Client) -> Result<()> {
    let headers = [("content-type", "application/yaml")];
    client.send(Method::POST, "/v1/catalog", &headers, hearth::CATALOG.into()).await?;
    Ok(())
}

/// The keys of the systems, made at the first start.
pub(super) async fn keys(client: &Client, home: &Home) -> Result<BTreeMap<String, String>> {
    let path = home.file("demo-keys.json");
    if let Ok(bytes) = std::fs::read(&path) {
        return serde_json::from_slice(&bytes)
            .with_context(|| format!("`{}` is damaged", path.display()));
    }
    let mut keys = BTreeMap::new();
    for recipient in SYSTEMS {
        let body = json!({"roles": ["decide", "report"], "recipient": recipient, "label": "demo"});
        keys.insert(recipient.to_owned(), field(&client.post("/v1/keys", &body).await?, "key"));
    }
    write_private(&path, &serde_json::to_vec(&keys)?)?;
    Ok(keys)
}

/// How far something is: a bar on a terminal, else a line now and then.
struct Progress {
    bar: ProgressBar,
    what: &'static str,
    /// When a line was printed last.
    said: Instant,
}

/// How often a line is printed where there is no terminal.
const A_LINE_EVERY: Duration = Duration::from_secs(5);

impl Progress {
    fn new(length: u64, what: &'static str) -> Result<Self> {
        let template = format!("{what:24} {{bar:30}} {{human_pos}}/{{human_len}}");
        let bar = ProgressBar::new(length).with_style(ProgressStyle::with_template(&template)?);
        let progress = Self { bar, what, said: Instant::now() };
        if progress.bar.is_hidden() {
            NOTES.note(format!("{what} ..."));
        }
        Ok(progress)
    }

    fn show(&mut self, done: u64, length: u64) {
        self.bar.set_length(length);
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.said.elapsed() >= A_LINE_EVERY {
            NOTES.note(format!("{}: {done} of {length}", self.what));
            self.said = Instant::now();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Notes go to standard error, whatever the results are printed as.
const NOTES: Output = Output { json: false };

/// Imports the customers, unless they are there.
pub(super) async fn import(client: &Client, seed: u64, count: usize) -> Result<()> {
    match client.subject(ANA).await {
        Ok(_) => return Ok(()),
        Err(error) if error.is::<Refused>() => {}
        Err(error) => return Err(error),
    }
    let mut progress = Progress::new(count as u64, "importing customers")?;
    let mut done = 0;
    // Ana comes last: her being there says that all of them are.
    let mut people: Vec<_> = hearth::people(seed, count).collect();
    people.rotate_left(1);
    for batch in people.chunks(BATCH) {
        let mut body = Vec::new();
        for person in batch {
            serde_json::to_writer(&mut body, person)?;
            body.push(b'\n');
        }
        let headers = [("content-type", "application/x-ndjson")];
        let answer = client.send(Method::POST, "/v1/imports", &headers, body.into()).await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        if let Some(refused) = answer["refused"].get(0) {
            bail!("a sample customer was refused: {}", field(refused, "message"));
        }
        done += batch.len() as u64;
        progress.show(done, count as u64);
    }
    Ok(())
}

/// Waits until every system has applied what it was told, as far as it answers.
pub(super) async fn settle(app: &App) -> Result<()> {
    let begun = Instant::now();
    let mut most = 0;
    let mut progress = Progress::new(0, "telling the systems")?;
    // Standings are brought up to date twice a second.
    tokio::time::sleep(Duration::from_millis(600)).await;
    loop {
        let standings = app.board.standings();
        let up = standings
            .iter()
            .filter(|(_, standing)| standing.is_connected && standing.failing_since.is_none());
        let open: usize = up.map(|(_, standing)| standing.unapplied.max(standing.waiting)).sum();
        most = most.max(open);
        progress.show((most - open) as u64, most as u64);
        if open == 0 || begun.elapsed() > PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
