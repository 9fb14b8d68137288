//! `GET /v1/log/snapshot`: what a replica starts from.

use std::{io, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::IntoResponse,
};
use sayso_consent::event::Grade;
use sayso_ledger::image::{Offer, form};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{App, address::Query, auth::Principal, problem::Problem, v1::write};

/// What the replica can read.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct SnapshotQuery {
    /// The form, such as `1-le`.
    form: String,
}

/// The saved snapshot, for a replica to start from and to go on from with `/v1/log/tail`. It is as
/// long as people are many. What is sent ends with a digest that is keyed with the API key's: what
/// came to an end sooner, was changed or was meant for another key is not to be used. The values of
/// identifiers are not in it.
#[utoipa::path(get, path = "/v1/log/snapshot", operation_id = "show_snapshot", tag = "log", params(SnapshotQuery),
    responses(
        (status = 200, description = "The snapshot.", body = String, content_type = "application/octet-stream"),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `follow`.", body = Problem),
        (status = 404, description = "None is saved of this form; follow the ledger from its beginning.", body = Problem),
        (status = 503, description = "Too many are sent at once.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Query(query): Query<SnapshotQuery>,
) -> Result<impl IntoResponse, Problem> {
    principal.require(Grade::Follow)?;
    let none = || {
        let detail = "no snapshot of this form is saved; follow the ledger from its beginning";
        Problem::not_found().detail(detail)
    };
    if query.form != form() {
        return Err(none());
    }
    let (ledger, asker) = (Arc::clone(&app.ledger), principal.digest().to_owned());
    let offer = move || ledger.offer(&asker).or_else(|error| busy(&error).map_or(Ok(None), Err));
    let offer = write::blocking(offer).await?.ok_or_else(none)?;
    let stream = futures_util::stream::try_unfold(offer, move |offer| {
        let (app, principal) = (Arc::clone(&app), principal.clone());
        async move {
            let (piece, offer) = step(offer).await?;
            if !principal.is_good(&app) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            Ok::<_, io::Error>(piece.map(|piece| (Bytes::from(piece), offer)))
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Body::from_stream(stream)))
}

async fn step(mut offer: Offer) -> io::Result<(Option<Vec<u8>>, Offer)> {
    let read = move || Ok((offer.next_piece()?, offer));
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

/// What cannot be read is as good as nothing.
fn busy(error: &io::Error) -> Option<Problem> {
    if error.kind() == io::ErrorKind::ResourceBusy {
        return Some(Problem::unavailable("too many snapshots are sent at once; try again"));
    }
    tracing::error!(%error, "the saved snapshot cannot be sent");
    None
}
