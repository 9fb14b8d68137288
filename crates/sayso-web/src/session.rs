//! Cookies and forms: who is looking at a page, in which language, and whether a form is theirs.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
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

/// Whether a form was sent from our own page: it carries the session's token, and comes from here.
pub(crate) fn is_ours(
    session: &Session,
    form_token: Option<&str>,
    headers: &HeaderMap,
    public_url: &str,
) -> bool {
    is_from_here(headers, public_url) && form_token == Some(session.form_token.as_str())
}

/// Whether the browser, if it says where a form comes from, says from here. A form of another site
/// could else let a person in by the link of somebody else, to tick that one's boxes for their own.
pub(crate) fn is_from_here(headers: &HeaderMap, public_url: &str) -> bool {
    let says = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = says(HeaderName::from_static("sec-fetch-site"));
    if let Some(site) = site {
        return matches!(site, "same-origin" | "none");
    }
    // Browsers that are older, or were reached without TLS, say the origin only. A proxy may have
    // put another host in place of the one that the browser asked for.
    let Some(origin) = says(header::ORIGIN) else { return true };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    origin == public_url || authority.is_some() && authority == says(header::HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_site_is_told() {
        for (site, origin, is_here) in [
            (Some("same-origin"), Some("https://a.example"), true),
            (Some("none"), None, true),
            (Some("cross-site"), None, false),
            (Some("same-site"), Some("https://b.a.example"), false),
            (None, None, true),
            (None, Some("https://a.example"), true),
            (None, Some("http://a.example:80"), false),
            (None, Some("https://b.example"), false),
            (None, Some("null"), false),
            (None, Some("https://public.example"), true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("a.example"));
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                let value = value.map(HeaderValue::from_static);
                value.and_then(|value| headers.insert(HeaderName::from_static(name), value));
            }
            assert_eq!(
                is_from_here(&headers, "https://public.example"),
                is_here,
                "{site:?} {origin:?}"
            );
        }
    }
}
