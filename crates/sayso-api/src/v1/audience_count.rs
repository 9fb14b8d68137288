//! `GET /v1/audience/count`: how many people's data may be used.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, address::Query, auth::Principal, problem::Problem, v1::audience::AudienceQuery};

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
#[utoipa::path(get, path = "/v1/audience/count", operation_id = "count_audience", tag = "audience", params(AudienceQuery),
    responses(
        (status = 200, description = "How many.", body = Count),
        (status = 400, description = "The query is malformed.", body = Problem),
        (status = 401, description = "No valid key.", body = Problem),
        (status = 403, description = "The key speaks for another recipient.", body = Problem),
    ))]
pub(crate) async fn handler(
    State(app): State<Arc<App>>,
    principal: Principal,
    Query(query): Query<AudienceQuery>,
) -> Result<Json<Count>, Problem> {
    let request = query.request(&principal)?;
    // For some questions everybody has to be looked at, which must not hold up other requests.
    let count =
        tokio::task::spawn_blocking(move || app.ledger.snapshot().reach(&request, app.at()));
    let reach = count.await.map_err(|_| Problem::unavailable("the count was stopped"))?;
    Ok(Json(Count { people: reach.people, as_of: reach.as_of.to_string() }))
}
