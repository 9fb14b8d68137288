//! The API's page, and what pages are dressed in.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Web,
    respond::{page, see_other},
};
use crate::{assets, docs};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    lang: Option<String>,
}

pub(super) async fn home() -> Response {
    see_other("/docs", None)
}

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let language = web.language(asked.lang.as_deref(), &headers);
    let frame = web.frame("/docs", &language, None);
    page(StatusCode::OK, docs::Page::of(&web.openapi, "/openapi.json", frame).render())
}

pub(super) async fn stylesheet() -> impl IntoResponse {
    asset("text/css; charset=utf-8", assets::STYLESHEET)
}

pub(super) async fn favicon() -> impl IntoResponse {
    asset("image/svg+xml", assets::FAVICON)
}

fn asset(media_type: &'static str, body: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body)
}
