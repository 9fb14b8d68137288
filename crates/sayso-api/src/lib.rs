//! The HTTP API: AuthZEN for decisions, `/v1` for the rest. One file per endpoint.
//!
//! A surface: it parses, asks the ledger or the snapshot, and writes the answer. It refuses to
//! know which store is behind the ledger, and no other surface.
//!
//! Reading order: [`app`], [`point`], `auth`, `problem`, `body`; then `access` (the read lane) and
//! `v1`; then [`replica`], its [`lease`], and what it passes [`onward`].

mod access;
mod address;
pub mod app;
mod auth;
mod body;
mod dto;
mod health;
pub mod lease;
pub mod limits;
pub mod metrics;
pub mod onward;
mod openapi;
pub mod point;
mod problem;
pub mod replica;
mod request_id;
mod v1;

pub use app::App;
pub use auth::{INTERNAL, Principal, digest};
pub use point::Point;
pub use replica::Replica;

use std::sync::Arc;

use axum::Router;

/// All routes, ready to serve.
pub fn router(app: Arc<App>) -> Router {
    let point = Arc::new(Point::of(&app));
    let decisions = openapi::decisions().with_state(point);
    let (router, openapi) = openapi::routes().with_state(app).merge(decisions).split_for_parts();
    router
        .merge(openapi::document(&openapi))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(request_id::Echo)
}

/// The OpenAPI document as JSON, as it is served and committed.
pub fn openapi_json() -> serde_json::Value {
    openapi::to_json(&openapi::described())
}
