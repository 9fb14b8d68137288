//! The person's page: shown, and its receipts.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sayso_consent::{Entry, Position, SubjectId, choice::Authority};
use sayso_ledger::{
    deliver,
    door::{Session, Visitor},
};
use serde::Deserialize;

use super::{
    Web,
    respond::{page, refresh},
};
use crate::{
    Refreshing,
    portal::{Banner, EffectState, LeftOut, Page, ProblemKind, SystemEffect},
    save::Standing,
    session,
    view::{Spoken, receipt_href},
};

/// How many entries of the history a page shows.
const HISTORY: usize = 40;
/// How often the page loads itself again while systems are still at work, in seconds.
const REFRESH_SECONDS: u32 = 2;

/// What is asked of the page.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    lang: Option<String>,
    /// The position of what was just saved, or `unchanged`, `held`, `expired`.
    saved: Option<String>,
    /// What the form asked for and was left out, as [`LeftOut`] has it.
    left: Option<String>,
    /// `off` to stand still, `on` if the page asks by itself.
    watch: Option<String>,
    /// The history from before a position.
    before: Option<String>,
}

/// The person of a request, and whether they may widen.
pub(super) fn visitor(session: &Session) -> Option<(SubjectId, Authority)> {
    match session.visitor {
        Visitor::Subject { subject, authority } => Some((subject, authority)),
        Visitor::Operator => None,
    }
}

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let is_watching = asked.watch.as_deref() == Some("on");
    let session = if is_watching { web.look(&headers) } else { web.session(&headers) };
    let Some((session, (subject, authority))) =
        session.and_then(|own| visitor(&own).map(|who| (own, who)))
    else {
        return web.gone(&headers);
    };
    let language = web.language(asked.lang.as_deref(), &headers);
    let before = asked.before.as_deref().and_then(|before| before.parse().ok());
    let reader = Arc::clone(&web);
    let before: Position = before.unwrap_or(Position::at(u64::MAX));
    let reading = tokio::task::spawn_blocking(move || match authority {
        Authority::Strong => reader.ledger.history(subject, before, HISTORY).map(Some),
        Authority::Weak => Ok(None),
    });
    let Ok(Ok(history)) = reading.await else {
        return web.problem(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Unavailable, &headers);
    };
    let Some(view) = build(&web, &session, subject, &language, &asked, history.as_deref()) else {
        return web.gone(&headers);
    };
    let seconds = match view.refreshing {
        Refreshing::Every { seconds, .. } => Some(seconds),
        _ => None,
    };
    let mut response = page(StatusCode::OK, view.render());
    if let Some(seconds) = seconds {
        response = refresh(response, seconds, Some(&refresh_href(&asked)));
    }
    if let Some(cookie) = asked.lang.and_then(|_| session::set_language(&language)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The page of a person. Whoever may not read is given no history, and sees nothing of what is read
/// from it: a link that was mailed opens for everybody who reads the mail.
fn build(
    web: &Web,
    session: &Session,
    subject: SubjectId,
    language: &str,
    asked: &Asked,
    history: Option<&[Entry]>,
) -> Option<Page> {
    let snapshot = web.ledger.snapshot();
    let in_force = snapshot.in_force()?;
    let state = snapshot.subject(subject)?;
    let at = web.ledger.clock().at();
    let spoken = Spoken { catalog: &in_force.catalog, language };
    let standing = Standing { in_force: &in_force, snapshot, subject, state: &state, at };
    let (yours, always) = spoken.cards(&standing);
    let sinks = snapshot.sinks();
    let effects = history.map(|history| {
        let said = (&*in_force.catalog, &*sinks, &*web.board);
        spoken.effects(&deliver::effects(said, subject, &state, at), history)
    });
    let effects = effects.unwrap_or_default();
    let banner = banner(asked, history);
    let last = history.filter(|history| history.len() == HISTORY).and_then(<[Entry]>::last);
    Some(Page {
        frame: web.frame("/me", language, Some(session)),
        now: at,
        action: "/me".into(),
        csrf: session.form_token.clone(),
        catalog: in_force.position,
        refreshing: refreshing(asked, &effects),
        banner,
        left_out: left_out(asked),
        effects,
        yours,
        always,
        promises: spoken.promises(),
        history: history.map(|history| spoken.history(history)),
        older_href: last.map(|last| format!("/me?before={}", last.position)),
        contact: in_force.catalog.organisation.contact.clone(),
    })
}

fn banner(asked: &Asked, history: Option<&[Entry]>) -> Option<Banner> {
    match asked.saved.as_deref()? {
        "unchanged" => Some(Banner::Unchanged),
        "held" => Some(Banner::NotYetDurable),
        "expired" => Some(Banner::Expired),
        position => {
            let position: Position = position.parse().ok()?;
            let Some(history) = history else { return Some(Banner::InForce) };
            let entry = history.iter().find(|entry| entry.position == position)?;
            Some(Banner::Saved { at: entry.at, position, receipt_href: receipt_href(position) })
        }
    }
}

fn left_out(asked: &Asked) -> Option<LeftOut> {
    let left = asked.left.as_deref()?;
    LeftOut::ALL.into_iter().find(|left_out| left_out.tag() == left)
}

/// Where what was just saved is watched. Without a fragment: a browser that is told to load again
/// an address with one only scrolls to it, and the page would stand still for ever.
pub(super) fn watch_href(saved: &str, left_out: Option<LeftOut>) -> String {
    let left = left_out.map_or_else(String::new, |left_out| format!("&left={}", left_out.tag()));
    format!("/me?saved={saved}{left}")
}

fn refreshing(asked: &Asked, effects: &[SystemEffect]) -> Refreshing {
    let is_saved = asked.position().is_some();
    let is_awaited = |effect: &SystemEffect| match effect.state {
        EffectState::Applied
        | EffectState::Verified
        | EffectState::Excepted
        | EffectState::Unresolved
        | EffectState::NotNeeded => false,
        // Somebody who comes to look must not find the boxes locked for as long as a system is late.
        EffectState::Late => is_saved,
        EffectState::Waiting | EffectState::Told | EffectState::Received => true,
    };
    if asked.before.is_some() || !effects.iter().any(is_awaited) {
        return Refreshing::Off;
    }
    let href = asked.href();
    if asked.watch.as_deref() == Some("off") {
        return Refreshing::Stopped { resume_href: href };
    }
    let stop_href = format!("{}#status", with_watch(&href, "off"));
    Refreshing::Every { seconds: REFRESH_SECONDS, stop_href }
}

/// What the page loads by itself.
fn refresh_href(asked: &Asked) -> String {
    with_watch(&asked.href(), "on")
}

fn with_watch(href: &str, watch: &str) -> String {
    let more = if href.contains('?') { '&' } else { '?' };
    format!("{href}{more}watch={watch}")
}

impl Asked {
    /// The entry that was just saved, if one was.
    fn position(&self) -> Option<&str> {
        self.saved.as_deref().filter(|saved| saved.parse::<Position>().is_ok())
    }

    /// The page that was asked for, whether or not it is to stand still.
    fn href(&self) -> String {
        self.position().map_or_else(|| "/me".into(), |saved| watch_href(saved, left_out(self)))
    }
}

/// A receipt to keep, for the person it is about and nobody else.
pub(super) async fn receipt(
    State(web): State<Arc<Web>>,
    Path(position): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some((subject, authority)) = web.session(&headers).as_ref().and_then(visitor) else {
        return web.gone(&headers);
    };
    let missing = || web.problem(StatusCode::NOT_FOUND, ProblemKind::NotFound, &headers);
    // A receipt holds what was recorded in the clear, identifiers too.
    if authority == Authority::Weak {
        return missing();
    }
    let Ok(position) = position.parse::<Position>() else { return missing() };
    let reader = Arc::clone(&web);
    let receipt = tokio::task::spawn_blocking(move || reader.ledger.receipt(position)).await;
    match receipt {
        Ok(Ok(Some(receipt))) if receipt.entry.subject == Some(subject) => {
            let disposition = format!("attachment; filename=\"receipt-{position}.json\"");
            let mut response = Json(receipt).into_response();
            if let Ok(value) = HeaderValue::from_str(&disposition) {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
            }
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Ok(Ok(_)) => missing(),
        _ => web.problem(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Unavailable, &headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the way to stand still leads, if the page refreshes.
    fn stops_at(asked: &Asked, state: EffectState) -> Option<String> {
        let mut effects = Page::sample("en").effects;
        effects.truncate(1);
        effects[0].state = state;
        match refreshing(asked, &effects) {
            Refreshing::Every { stop_href, .. } => Some(stop_href),
            _ => None,
        }
    }

    #[test]
    fn the_page_refreshes_while_systems_are_at_work() {
        let opened = Asked::default();
        let saved = Asked { saved: Some("0-7".into()), ..Asked::default() };
        let older = Asked { before: Some("0-7".into()), ..Asked::default() };
        let of_opened = Some("/me?watch=off#status".to_owned());
        let of_saved = Some("/me?saved=0-7&watch=off#status".to_owned());
        assert_eq!(stops_at(&opened, EffectState::Told), of_opened);
        assert_eq!(stops_at(&opened, EffectState::Applied), None);
        assert_eq!(stops_at(&opened, EffectState::Late), None, "the boxes would stay locked");
        assert_eq!(stops_at(&saved, EffectState::Late), of_saved);
        assert_eq!(refresh_href(&saved), "/me?saved=0-7&watch=on");
        assert_eq!(
            refresh_href(&Asked { watch: Some("on".into()), ..Asked::default() }),
            "/me?watch=on"
        );
        assert_eq!(stops_at(&older, EffectState::Told), None);
    }
}
