//! `GET /.well-known/authzen-configuration`.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Point;

/// Where the decision point is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Configuration {
    policy_decision_point: String,
    access_evaluation_endpoint: String,
    access_evaluations_endpoint: String,
    search_subject_endpoint: String,
    search_resource_endpoint: String,
    search_action_endpoint: String,
}

/// Where the decision point is. Needs no key.
#[utoipa::path(get, path = "/.well-known/authzen-configuration", operation_id = "describe_decisions", tag = "decisions", security(()),
    responses((status = 200, description = "The configuration.", body = Configuration)))]
pub(crate) async fn handler(State(point): State<Arc<Point>>) -> Json<Configuration> {
    let at = |path: &str| format!("{}{path}", point.public_url);
    Json(Configuration {
        policy_decision_point: point.public_url.clone(),
        access_evaluation_endpoint: at("/access/v1/evaluation"),
        access_evaluations_endpoint: at("/access/v1/evaluations"),
        search_subject_endpoint: at("/access/v1/search/subject"),
        search_resource_endpoint: at("/access/v1/search/resource"),
        search_action_endpoint: at("/access/v1/search/action"),
    })
}
