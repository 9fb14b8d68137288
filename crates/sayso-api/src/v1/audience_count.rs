//! `GET /v1/audience/count`: how many people's data may be used.

use std::sync::Arc;

use axum::{Json, extract::State};
use sayso_consent::{Id, Request, event::Grade};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{App, address::Query, auth::Principal, problem::Problem};

/// Whose data is asked for.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct CountQuery {
    /// Who wants to use it; a key that is bound to a recipient need not say.
    #[param(value_type = Option<String>)]
    recipient: Option<Id>,
    /// What for.
    #[param(value_type = String, example = "marketing.offers")]
    purpose: Id,
    /// Which category of data.
    #[param(value_type = String, example = "contact.email")]
    data: Id,
    /// How people would be reached.
    #[param(value_type = Option<String>, example = "email")]
    channel: Option<Id>,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Count {
    /// How many people. For a key that is bound to a recipient these are all of them, those that it
    /// has no name for included.
    people: u64,
    /// The head of the ledger that it was read at, at least.
    #[schema(value_type = String)]
    as_of: String,
}

/// How many people's data may be used, without going through them.
#[utoipa::path(get, path = "/v1/audience/count", operation_id = "count_audience", tag = "audience", params(CountQuery),
    responses(
        (status = 200, description = "How many.", body = Count),
        (status = 400, description = "The query is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Query(query): Query<CountQuery>,
) -> Result<Json<Count>, Problem> {
    principal.require(Grade::Decide)?;
    let CountQuery { recipient, purpose, data, channel } = query;
    let missing = || Problem::bad_request("invalid_query", "missing field `recipient`");
    let recipient = recipient.or_else(|| principal.recipient().cloned()).ok_or_else(missing)?;
    principal.speak_for(recipient.as_str())?;
    let request = Request { subject: None, data, purpose, recipient, channel, device: None };
    // For some questions everybody has to be looked at, which must not hold up other requests.
    let count =
        tokio::task::spawn_blocking(move || app.ledger.snapshot().reach(&request, app.at()));
    let reach = count.await.map_err(|_| Problem::unavailable("the count was stopped"))?;
    Ok(Json(Count { people: reach.people, as_of: reach.as_of.to_string() }))
}
