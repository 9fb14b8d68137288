//! The person's page: shown, saved, and its receipts.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Form, Json,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sayso_consent::{
    Choice, Command, Entry, Position, SubjectId,
    choice::{Authority, Effect},
};
use sayso_ledger::{
    WriteError,
    door::{Session, Visitor},
};
use serde::Deserialize;

use super::{
    Web,
    respond::{page, refresh, see_other},
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
    /// What the form asked for and was left out: `sharing`, `yes`.
    left: Option<String>,
    /// `off` to stand still.
    watch: Option<String>,
    /// The history from before a position.
    before: Option<String>,
}

/// The person of a request, and whether they may widen.
fn visitor(session: &Session) -> Option<(SubjectId, Authority)> {
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
    let session = web.session(&headers);
    let Some((session, (subject, _))) = session.and_then(|own| visitor(&own).map(|who| (own, who)))
    else {
        return web.gone(&headers);
    };
    let language = web.language(asked.lang.as_deref(), &headers);
    let before = asked.before.as_deref().and_then(|before| before.parse().ok());
    let reader = Arc::clone(&web);
    let before: Position = before.unwrap_or(Position::at(u64::MAX));
    let history =
        tokio::task::spawn_blocking(move || reader.ledger.history(subject, before, HISTORY)).await;
    let Ok(Ok(history)) = history else {
        return web.problem(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Unavailable, &headers);
    };
    let Some(view) = build(&web, &session, subject, &language, &asked, &history) else {
        return web.gone(&headers);
    };
    let seconds = match view.refreshing {
        Refreshing::Every { seconds, .. } => Some(seconds),
        _ => None,
    };
    let mut response = page(StatusCode::OK, view.render());
    if let Some(seconds) = seconds {
        response = refresh(response, seconds);
    }
    if let Some(cookie) = asked.lang.and_then(|_| session::set_language(&language)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn build(
    web: &Web,
    session: &Session,
    subject: SubjectId,
    language: &str,
    asked: &Asked,
    history: &[Entry],
) -> Option<Page> {
    let snapshot = web.ledger.snapshot();
    let in_force = snapshot.in_force()?;
    let state = snapshot.subject(subject)?;
    let at = web.ledger.clock().at();
    let spoken = Spoken { catalog: &in_force.catalog, language };
    let standing = Standing { in_force: &in_force, snapshot, subject, state: &state, at };
    let (yours, always) = spoken.cards(&standing);
    let effects =
        spoken.effects(&state, history, |recipient| web.board.trace(recipient, subject), at);
    let banner = banner(asked, history);
    let older = history.last().filter(|_| history.len() == HISTORY).map(|last| last.position);
    Some(Page {
        frame: web.frame("/me", language, Some(session)),
        now: at,
        action: "/me".into(),
        csrf: session.form_token.clone(),
        refreshing: refreshing(asked, &effects),
        banner,
        left_out: left_out(asked),
        effects,
        yours,
        always,
        promises: spoken.promises(),
        history: spoken.history(history),
        older_href: older.map(|older| format!("/me?before={older}")),
        contact: in_force.catalog.organisation.contact.clone(),
    })
}

fn banner(asked: &Asked, history: &[Entry]) -> Option<Banner> {
    match asked.saved.as_deref()? {
        "unchanged" => Some(Banner::Unchanged),
        "held" => Some(Banner::NotYetDurable),
        "expired" => Some(Banner::Expired),
        position => {
            let position: Position = position.parse().ok()?;
            let entry = history.iter().find(|entry| entry.position == position)?;
            Some(Banner::Saved { at: entry.at, position, receipt_href: receipt_href(position) })
        }
    }
}

fn left_out(asked: &Asked) -> Option<LeftOut> {
    match asked.left.as_deref()? {
        "sharing" => Some(LeftOut::Sharing),
        "yes" => Some(LeftOut::Yes),
        _ => None,
    }
}

/// Where what was just saved is watched. Without a fragment: a browser that is told to load again
/// an address with one only scrolls to it, and the page would stand still for ever.
fn watch_href(saved: &str, left_out: Option<LeftOut>) -> String {
    let left = match left_out {
        None => "",
        Some(LeftOut::Sharing) => "&left=sharing",
        Some(LeftOut::Yes) => "&left=yes",
    };
    format!("/me?saved={saved}{left}")
}

fn refreshing(asked: &Asked, effects: &[SystemEffect]) -> Refreshing {
    let saved = asked.saved.as_deref().filter(|saved| saved.parse::<Position>().is_ok());
    let is_awaited = |effect: &SystemEffect| match effect.state {
        EffectState::Applied | EffectState::NotNeeded => false,
        // Somebody who comes to look must not find the boxes locked for as long as a system is late.
        EffectState::Late => saved.is_some(),
        EffectState::Waiting | EffectState::Told | EffectState::Received => true,
    };
    if asked.before.is_some() || !effects.iter().any(is_awaited) {
        return Refreshing::Off;
    }
    let href = saved.map_or_else(|| "/me".into(), |saved| watch_href(saved, left_out(asked)));
    if asked.watch.as_deref() == Some("off") {
        return Refreshing::Stopped { resume_href: href };
    }
    let more = if href.contains('?') { '&' } else { '?' };
    let stop_href = format!("{href}{more}watch=off#status");
    Refreshing::Every { seconds: REFRESH_SECONDS, stop_href }
}

pub(super) async fn save(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Response {
    let session = web.session(&headers);
    let Some((session, (subject, authority))) =
        session.and_then(|own| visitor(&own).map(|who| (own, who)))
    else {
        return web.gone(&headers);
    };
    let form_token =
        fields.iter().find(|(name, _)| name == "csrf").map(|(_, value)| value.as_str());
    if !session::is_ours(&session, form_token, &headers) {
        return web.problem(StatusCode::FORBIDDEN, ProblemKind::BadForm, &headers);
    }
    let language = web.language(None, &headers);
    let Some((choices, left_out)) = choices(&web, subject, &fields, authority, &language) else {
        return web.gone(&headers);
    };
    let unchanged = format!("{}#status", watch_href("unchanged", left_out));
    if choices.is_empty() {
        return see_other(&unchanged, None);
    }
    let command = Command::Choose { subject, choices, authority };
    match web.ledger.command(command, "portal").await {
        Ok(Ok(written)) if written.is_new => {
            see_other(&watch_href(&written.position.to_string(), left_out), None)
        }
        Ok(Ok(_)) => see_other(&unchanged, None),
        Ok(Err(_)) => web.problem(StatusCode::CONFLICT, ProblemKind::Refused, &headers),
        Err(WriteError::NotYetDurable) => see_other("/me?saved=held#status", None),
        Err(_) => web.problem(StatusCode::SERVICE_UNAVAILABLE, ProblemKind::Unavailable, &headers),
    }
}

/// The choices of a form, and what it asked for that they leave out; none at all if the person is
/// not known any more.
fn choices(
    web: &Web,
    subject: SubjectId,
    fields: &[(String, String)],
    authority: Authority,
    language: &str,
) -> Option<(Vec<Choice>, Option<LeftOut>)> {
    let snapshot = web.ledger.snapshot();
    let (in_force, state) = (snapshot.in_force()?, snapshot.subject(subject)?);
    let at = web.ledger.clock().at();
    let standing = Standing { in_force: &in_force, snapshot, subject, state: &state, at };
    if fields.iter().any(|(name, value)| name == "all" && value == "no") {
        return Some((standing.refuse_everything(), None));
    }
    let shown: BTreeSet<String> =
        fields.iter().filter(|(name, _)| name == "shown").map(|(_, value)| value.clone()).collect();
    let ticked: BTreeSet<String> =
        fields.iter().filter(|(_, value)| value == "yes").map(|(name, _)| name.clone()).collect();
    let mut choices = standing.choices(&shown, &ticked, language);
    // A weak link may only narrow: what it ticks is left out, so that what it unticks is not lost.
    let asked_for = choices.len();
    choices.retain(|choice| authority == Authority::Strong || choice.effect == Effect::Denial);
    let left_out = match asked_for > choices.len() {
        true => Some(LeftOut::Yes),
        false => standing.has_idle_sharing(&ticked).then_some(LeftOut::Sharing),
    };
    Some((choices, left_out))
}

/// A receipt to keep, for the person it is about and nobody else.
pub(super) async fn receipt(
    State(web): State<Arc<Web>>,
    Path(position): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some((subject, _)) = web.session(&headers).as_ref().and_then(visitor) else {
        return web.gone(&headers);
    };
    let missing = || web.problem(StatusCode::NOT_FOUND, ProblemKind::NotFound, &headers);
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
        assert_eq!(stops_at(&older, EffectState::Told), None);
    }
}
