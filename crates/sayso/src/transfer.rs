//! The server's saved snapshot on its way to a replica.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Method, Response, StatusCode};
use sayso_ledger::image::{Given, Taking, form};
use tokio::sync::mpsc;

use crate::client::{Body, Client, Refused};

/// How long the server may say nothing while it sends its snapshot, in milliseconds.
const SILENCE_MS_MAX: u64 = 15_000;
/// How many pieces of a snapshot may wait to be written.
const WAITING_MAX: usize = 16;

async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T> {
    let patience = Duration::from_millis(SILENCE_MS_MAX);
    tokio::time::timeout(patience, answer).await.context("the server says nothing")
}

/// Asks for it; `None` if nothing is saved that this program can read.
pub(crate) async fn open(client: &Client) -> Result<Option<Response<Body>>> {
    let path = format!("/v1/log/snapshot?form={}", form());
    let response = in_time(client.open(Method::GET, &path, &[], Bytes::new())).await??;
    let status = response.status();
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !status.is_success() {
        let bytes = in_time(response.into_body().collect()).await??.to_bytes();
        bail!(Refused { status, problem: serde_json::from_slice(&bytes).unwrap_or_default() });
    }
    Ok(Some(response))
}

/// Takes it into a file without a name, and up from there. One that breaks off is worth nothing.
/// `asker` is the digest of the secret that it was asked for with.
pub(crate) async fn take(response: Response<Body>, asker: &str) -> Result<Given> {
    let file = tempfile::tempfile().context("there is no place for the server's snapshot")?;
    let mut taking = Taking::new(file, asker);
    let (pieces, mut waiting) = mpsc::channel::<Bytes>(WAITING_MAX);
    let taken = tokio::task::spawn_blocking(move || {
        while let Some(piece) = waiting.blocking_recv() {
            taking.take(&piece)?;
        }
        taking.finish()
    });
    let handed = hand_on(response.into_body(), pieces).await;
    let taken = taken.await.context("the server's snapshot could not be taken up")?;
    // Why it broke off says more than that it did.
    handed?;
    taken.context("the server's snapshot is not used")
}

/// Hands on what comes, to its end or until nobody takes it.
async fn hand_on(mut body: Body, pieces: mpsc::Sender<Bytes>) -> Result<()> {
    while let Some(frame) = in_time(body.frame()).await? {
        let frame = frame.context("the server's snapshot broke off")?;
        if pieces.send(frame.into_data().unwrap_or_default()).await.is_err() {
            break;
        }
    }
    Ok(())
}
