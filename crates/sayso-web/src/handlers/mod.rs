//! Requests for pages. Each handler is glue: who is it, what is asked, which page.

mod door;
mod order;
mod overview;
mod page;
mod reference;
mod respond;
mod save;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use sayso_ledger::{
    Ledger,
    deliver::{Board, Drivers},
    door::Door,
};
use serde_json::Value;

use crate::assets;

/// What the pages share.
pub struct Web {
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// How deliveries stand.
    pub board: Arc<Board>,
    /// What sinks can be made of.
    pub drivers: Drivers,
    /// Links and sessions.
    pub door: Arc<Door>,
    /// The OpenAPI document, for its page.
    pub openapi: Value,
    /// Where people reach this server, without a slash at the end.
    pub public_url: String,
}

impl Web {
    fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// All pages.
pub fn router(web: Arc<Web>) -> Router {
    Router::new()
        .route("/", get(reference::home))
        .route("/open/{token}", get(door::open))
        .route("/open", post(door::enter))
        .route("/leave", post(door::leave))
        .route("/me", get(page::show).post(save::save))
        .route("/me/receipts/{position}", get(page::receipt))
        .route("/overview", get(overview::show))
        .route("/overview/sinks", post(order::give))
        .route("/docs", get(reference::show))
        .route(assets::STYLESHEET_PATH, get(reference::stylesheet))
        .route(assets::FAVICON_PATH, get(reference::favicon))
        .with_state(web)
}
