//! One-time links: in and out.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use sayso_consent::choice::Authority;
use sayso_ledger::door::Visitor;
use serde::Deserialize;

use super::{
    Web,
    respond::{page, see_other},
};
use crate::{
    Frame,
    portal::{Link, ProblemKind},
    session,
};

/// A link is followed. One that the company handed to somebody it had just authenticated opens at
/// once in a browser; one that came by mail asks for a click first, for machines follow the links
/// in mails to look at them, and would use it up.
pub(super) async fn open(
    State(web): State<Arc<Web>>,
    method: Method,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    if method == Method::HEAD {
        return StatusCode::OK.into_response();
    }
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_person = says("sec-fetch-mode") == Some("navigate") && says("sec-purpose").is_none();
    match web.door.peek(&token, web.ledger.clock().at(), |by| web.has_key(by)) {
        None => web.gone(&headers),
        Some(Visitor::Subject { authority: Authority::Strong, .. } | Visitor::Operator)
            if is_person =>
        {
            let_in(&web, &token, &headers)
        }
        Some(_) => {
            let language = web.language(None, &headers);
            let frame = Frame { languages: Vec::new(), ..web.frame("/", &language, None) };
            page(StatusCode::OK, Link { frame, action: "/open".into(), token }.render())
        }
    }
}

/// The click of a link's page.
#[derive(Deserialize)]
pub(super) struct Entering {
    token: String,
}

pub(super) async fn enter(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Form(Entering { token }): Form<Entering>,
) -> Response {
    if !session::is_from_here(&headers, &web.public_url) {
        return web.problem(StatusCode::FORBIDDEN, ProblemKind::BadForm, &headers);
    }
    let_in(&web, &token, &headers)
}

fn let_in(web: &Web, token: &str, headers: &HeaderMap) -> Response {
    match web.door.enter(token, web.ledger.clock().at(), |by| web.has_key(by)) {
        Ok(Some((key, session))) => {
            let to = if session.visitor == Visitor::Operator { "/overview" } else { "/me" };
            see_other(to, session::set_key(&key, web.is_secure()))
        }
        Ok(None) => web.gone(headers),
        Err(_) => web.problem(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Unavailable, headers),
    }
}

/// The end of a session.
#[derive(Deserialize)]
pub(super) struct Leaving {
    csrf: Option<String>,
}

pub(super) async fn leave(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Form(Leaving { csrf }): Form<Leaving>,
) -> Response {
    let Some(session) = web.session(&headers) else { return web.gone(&headers) };
    if !session::is_ours(&session, csrf.as_deref(), &headers, &web.public_url) {
        return web.problem(StatusCode::FORBIDDEN, ProblemKind::BadForm, &headers);
    }
    if let Some(key) = session::key(&headers, web.is_secure()) {
        web.door.leave(key);
    }
    see_other("/", session::set_key("", web.is_secure()))
}
