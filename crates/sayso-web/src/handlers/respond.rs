//! Answers with pages: headers that every page has, and what is shown when something is wrong.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::tz::TimeZone;
use sayso_ledger::door::{Session, Visitor};

use super::Web;
use crate::{
    Frame, LanguageLink, Leave, assets,
    portal::{Gone, Problem, ProblemKind},
    session,
    words::LANGUAGES,
};

/// A rendered page.
pub(crate) fn page(status: StatusCode, html: askama::Result<String>) -> Response {
    let Ok(html) = html else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be shown").into_response();
    };
    let mut response = (status, axum::response::Html(html)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, assets::CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// With a header that makes the browser load the page again, there or at another address: not a
/// `<meta>`, so that a reader can be given a page that stands still at the same address.
pub(crate) fn refresh(mut response: Response, seconds: u32, to: Option<&str>) -> Response {
    let to = to.map_or_else(String::new, |to| format!("; url={to}"));
    if let Ok(value) = HeaderValue::from_str(&format!("{seconds}{to}")) {
        response.headers_mut().insert(header::REFRESH, value);
    }
    response
}

/// See another page.
pub(crate) fn see_other(to: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

impl Web {
    /// The language of a request.
    pub(crate) fn language(&self, asked: Option<&str>, headers: &HeaderMap) -> String {
        session::language(asked, headers, &LANGUAGES.map(|words| words.tag))
    }

    /// What stands around a page at `path`.
    pub(crate) fn frame(&self, path: &str, language: &str, session: Option<&Session>) -> Frame {
        let in_force = self.ledger.snapshot().in_force();
        let catalog = in_force.as_ref().map(|now| &now.catalog);
        let organisation =
            catalog.map_or_else(|| "Sayso".into(), |catalog| catalog.organisation.name.clone());
        let zone = catalog.and_then(|catalog| TimeZone::get(&catalog.time_zone).ok());
        let zone = zone.unwrap_or(TimeZone::UTC);
        let link = |words: &&crate::Words| LanguageLink {
            language: words.tag.to_owned(),
            href: format!("{path}?lang={}", words.tag),
        };
        let leave = session
            .map(|session| Leave { action: "/leave".into(), csrf: session.form_token.clone() });
        let languages = LANGUAGES.iter().map(link).collect();
        Frame { language: language.to_owned(), organisation, zone, languages, leave }
    }

    /// The session of a request.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let key = session::key(headers, self.is_secure())?;
        self.door.session(key, self.ledger.clock().at(), |by| self.has_key(by))
    }

    /// The same for what the page asks for by itself, which is no sign that anybody is there.
    pub(crate) fn look(&self, headers: &HeaderMap) -> Option<Session> {
        let key = session::key(headers, self.is_secure())?;
        self.door.look(key, self.ledger.clock().at(), |by| self.has_key(by))
    }

    /// Whether an API key is good: what was opened with one that is withdrawn is shut.
    pub(crate) fn has_key(&self, id: &str) -> bool {
        self.ledger.snapshot().keys().iter().any(|key| key.id == id)
    }

    /// The operator of a request.
    pub(crate) fn operator(&self, headers: &HeaderMap) -> Option<Session> {
        self.session(headers).filter(|session| session.visitor == Visitor::Operator)
    }

    /// What somebody sees whose link or session is over, or never was.
    pub(crate) fn gone(&self, headers: &HeaderMap) -> Response {
        let language = self.language(None, headers);
        let in_force = self.ledger.snapshot().in_force();
        let contact =
            in_force.map_or_else(String::new, |now| now.catalog.organisation.contact.clone());
        let frame = Frame { languages: Vec::new(), ..self.frame("/", &language, None) };
        page(StatusCode::GONE, Gone { frame, contact, ask_href: None }.render())
    }

    /// Something that went wrong.
    pub(crate) fn problem(
        &self,
        status: StatusCode,
        kind: ProblemKind,
        headers: &HeaderMap,
    ) -> Response {
        let language = self.language(None, headers);
        let frame = Frame { languages: Vec::new(), ..self.frame("/", &language, None) };
        let back_href = Some("/me".to_owned());
        page(status, Problem { frame, kind, reference: None, back_href }.render())
    }
}
