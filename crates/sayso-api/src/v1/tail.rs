//! `GET /v1/log/tail`: what a replica lacks.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode, response::Response};
use sayso_consent::{Entry, Position, Timestamp, event::Grade};
use sayso_ledger::{
    store::Head,
    tail::{Place, Tail, TailError},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    address::Query,
    auth::Principal,
    body,
    limits::TAIL_WAIT_MS_MAX,
    problem::Problem,
    v1::{log::blanked, write},
};

/// Where a replica stands: what the answer before said, or nothing to begin with.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct TailQuery {
    /// Its `through`.
    #[param(value_type = Option<String>)]
    after: Option<Position>,
    /// Its `chain`.
    chain: Option<String>,
    /// Its `epoch`.
    epoch: Option<String>,
    /// Its `told`.
    #[param(value_type = Option<String>)]
    told: Option<Position>,
    /// How long to wait for news if there is none, in milliseconds; at most 10,000.
    #[serde(default)]
    wait_ms: u64,
}

/// What a replica lacks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TailBody {
    /// The entries, in the order in which they are applied.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Entry>,
    /// Where the replica stands once it has applied them.
    #[schema(value_type = String, example = "0-17")]
    through: Position,
    /// The chain of the ledger up to there.
    chain: String,
    /// The head of the ledger. There is more, unless it is `through`.
    #[schema(value_type = String, example = "0-17")]
    head: Position,
    /// To be sent back as it is.
    epoch: String,
    /// The last erasure that is among the entries.
    #[schema(value_type = String, example = "0-17")]
    told: Position,
    /// The time of the server.
    #[schema(value_type = String)]
    at: Timestamp,
    /// What identifiers are found by; to begin with only.
    #[serde(skip_serializing_if = "Option::is_none")]
    lookup_key: Option<String>,
}

/// What a replica lacks: entries behind the place where it stands, without the values of
/// identifiers; and whom to forget, for erased entries are sent to nobody. What the server knew
/// when it was asked is in the answer, unless `head` says that there is more.
#[utoipa::path(get, path = "/v1/log/tail", operation_id = "show_tail", tag = "log", params(TailQuery),
    responses(
        (status = 200, description = "What it lacks.", body = TailBody),
        (status = 400, description = "The query is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "It takes the role `follow`.", body = Problem),
        (status = 409, description = "It has followed another history and must start anew.", body = Problem),
        (status = 503, description = "The store fails, and something may be in force that cannot be sent.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Query(query): Query<TailQuery>,
) -> Result<Response, Problem> {
    principal.require(Grade::Follow)?;
    let wait = Duration::from_millis(query.wait_ms.min(TAIL_WAIT_MS_MAX));
    let is_new = query.after.is_none();
    let place = place(query)?;
    require_sound(&app)?;
    let mut tail = read(&app, place.clone()).await?;
    if tail.place == place && tail.head <= place.through.position {
        let mut head = app.ledger.watch();
        let news = head.wait_for(|head| *head > place.through.position);
        let is_news = tokio::time::timeout(wait, news).await.is_ok_and(|news| news.is_ok());
        if is_news {
            tail = read(&app, place).await?;
        }
    }
    // After the reading: what is in force in memory only is not in it.
    require_sound(&app)?;
    if !principal.is_good(&app) {
        return Err(Problem::forbidden("it was withdrawn"));
    }
    Ok(body::answer(&answer(&app, tail, is_new)))
}

fn place(query: TailQuery) -> Result<Place, Problem> {
    let invalid = |_| Problem::bad_request("invalid_query", "`chain` is 64 hexadecimal digits");
    let mut chain = [0; 32];
    if let Some(text) = &query.chain {
        hex::decode_to_slice(text, &mut chain).map_err(invalid)?;
    }
    let through = Head { position: query.after.unwrap_or_default(), chain };
    let (epoch, told) = (query.epoch.unwrap_or_default(), query.told.unwrap_or_default());
    Ok(Place { through, epoch, told })
}

/// While the store fails, withdrawals are in force here that no entry says. A replica that heard of
/// nothing would go on saying yes.
fn require_sound(app: &App) -> Result<(), Problem> {
    if app.ledger.is_healthy() && !app.ledger.is_damaged() {
        return Ok(());
    }
    Err(Problem::unavailable("the store fails; something may be in force that cannot be sent"))
}

async fn read(app: &Arc<App>, place: Place) -> Result<Tail, Problem> {
    let app = Arc::clone(app);
    write::blocking(move || app.ledger.tail(&place).map_err(Problem::from)).await
}

fn answer(app: &App, tail: Tail, is_new: bool) -> TailBody {
    let Tail { entries, place, head } = tail;
    let key = || app.ledger.secrets().lookup_key().to_hex().to_string();
    TailBody {
        entries: entries.into_iter().map(blanked).collect(),
        through: place.through.position,
        chain: hex::encode(place.through.chain),
        head,
        epoch: place.epoch,
        told: place.told,
        at: app.at(),
        lookup_key: is_new.then(key),
    }
}

impl From<TailError> for Problem {
    fn from(error: TailError) -> Self {
        match error {
            TailError::Diverged => {
                let title = "what was followed is not the beginning of this ledger";
                Self::new(StatusCode::CONFLICT, "diverged", title).detail("start anew")
            }
            TailError::Open(error) => error.into(),
        }
    }
}
