//! `/v1/log`: the ledger itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use sayso_consent::{Entry, Event, Position, event::Grade};
use sayso_ledger::limits::FOLLOW_ENTRIES_MAX;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{App, address::Query, auth::Principal, problem::Problem, v1::write};

/// The signed head, as C2SP tlog-checkpoint: origin, size, root, signature. Keep it: that the log
/// has only grown since can then be shown.
#[utoipa::path(get, path = "/v1/log/checkpoint", operation_id = "show_checkpoint", tag = "log",
    responses(
        (status = 200, description = "The signed note.", body = String, content_type = "text/plain"),
        (status = 401, description = "No valid key.", body = Problem),
    ))]
pub(crate) async fn checkpoint(State(app): State<Arc<App>>, _: Principal) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], app.ledger.checkpoint())
}

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct EntriesQuery {
    /// Those behind this position; from the start unless said.
    #[param(value_type = Option<String>)]
    after: Option<Position>,
    /// Stay, and send new entries as they are recorded.
    #[serde(default)]
    follow: bool,
}

/// Entries in the order of the ledger, one JSON object a line. Identifiers are blanked: whoever
/// follows the ledger needs to know that there is one, not what it is.
#[utoipa::path(get, path = "/v1/log/entries", operation_id = "list_entries", tag = "log", params(EntriesQuery),
    responses(
        (status = 200, description = "The entries.", body = Object, content_type = "application/x-ndjson"),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `administer`.", body = Problem),
    ))]
pub(crate) async fn entries(
    State(app): State<Arc<App>>,
    principal: Principal,
    Query(query): Query<EntriesQuery>,
) -> Result<impl IntoResponse, Problem> {
    principal.require(Grade::Administer)?;
    let from = query.after.unwrap_or(Position::START);
    let stream = futures_util::stream::unfold(Some(from), move |from| {
        let (app, principal) = (Arc::clone(&app), principal.clone());
        async move {
            let from = from?;
            let (bytes, through) = step(&app, from).await.ok()?;
            // After the reading: what was recorded behind the withdrawal of the key stays unsent.
            if !principal.is_good(&app) {
                return None;
            }
            if through > from {
                return Some((Ok::<Bytes, Infallible>(bytes.into()), Some(through)));
            }
            if !query.follow {
                return None;
            }
            let mut head = app.ledger.watch();
            // An empty line from time to time shows both sides that the other is there.
            let news =
                tokio::time::timeout(Duration::from_secs(15), head.wait_for(|head| *head > from))
                    .await;
            let bytes = if news.is_err() { Bytes::from_static(b"\n") } else { Bytes::new() };
            Some((Ok(bytes), Some(from)))
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)))
}

async fn step(app: &Arc<App>, from: Position) -> Result<(Vec<u8>, Position), Problem> {
    let app = Arc::clone(app);
    write::blocking(move || {
        let (entries, through) = app.ledger.entries_after(from, FOLLOW_ENTRIES_MAX)?;
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend(serde_json::to_vec(&blanked(entry)).unwrap_or_default());
            bytes.push(b'\n');
        }
        Ok((bytes, through))
    })
    .await
}

/// The entry without the values of identifiers.
pub(crate) fn blanked(mut entry: Entry) -> Entry {
    for event in &mut entry.events {
        if let Event::IdentifierAdded(identifier) = event {
            identifier.value = String::new();
        }
    }
    entry
}
