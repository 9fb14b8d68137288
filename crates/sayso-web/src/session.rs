//! Cookies and forms: who is looking at a page, in which language, and whether a form is theirs.

use axum::http::{HeaderMap, HeaderValue, header};
use sayso_ledger::door::Session;

/// The name of the session's cookie. Over TLS it is pinned to the host.
fn session_name(is_secure: bool) -> &'static str {
    if is_secure { "__Host-sayso" } else { "sayso" }
}

const LANGUAGE: &str = "sayso_language";

/// One cookie of a request.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs =
        cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// The key of the session.
pub(crate) fn key(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    cookie(headers, session_name(is_secure))
}

/// The cookie that opens a session, or ends it if the key is empty.
pub(crate) fn set_key(key: &str, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    let age = if key.is_empty() { "; Max-Age=0" } else { "" };
    // Lax, for a link is followed from elsewhere; every form carries its own token besides.
    let name = session_name(is_secure);
    HeaderValue::from_str(&format!("{name}={key}; Path=/; HttpOnly; SameSite=Lax{secure}{age}"))
        .ok()
}

/// The cookie that remembers a language.
pub(crate) fn set_language(language: &str) -> Option<HeaderValue> {
    let text = format!("{LANGUAGE}={language}; Path=/; SameSite=Lax; Max-Age=31536000");
    HeaderValue::from_str(&text).ok()
}

/// The language to speak: as asked, as remembered, as the browser prefers, else the first.
pub(crate) fn language(asked: Option<&str>, headers: &HeaderMap, known: &[&str]) -> String {
    let is_known = |language: &str| {
        known.iter().find(|own| language.split('-').next() == Some(**own)).copied()
    };
    let preferred = || {
        let accepted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        accepted
            .split(',')
            .filter_map(|part| part.split(';').next())
            .map(str::trim)
            .find_map(is_known)
    };
    let remembered = || cookie(headers, LANGUAGE).and_then(is_known);
    let language = asked.and_then(is_known).or_else(remembered).or_else(preferred);
    language.or(known.first().copied()).unwrap_or("en").to_owned()
}

/// Whether a form was sent from our own page: it carries the session's token, and the browser, if
/// it says where it comes from, says from here.
pub(crate) fn is_ours(session: &Session, form_token: Option<&str>, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let is_from_here = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    is_from_here && form_token == Some(session.form_token.as_str())
}
