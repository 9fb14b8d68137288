//! What the pages are made of beside their HTML: served from our own origin, loaded from nowhere
//! else.

/// The only style sheet, to be served at [`STYLESHEET_PATH`] as `text/css; charset=utf-8`.
pub const STYLESHEET: &str = include_str!("../assets/sayso.css");

/// Where the pages look for the style sheet.
pub const STYLESHEET_PATH: &str = "/assets/sayso.css";

/// The mark, to be served at [`FAVICON_PATH`] as `image/svg+xml`.
pub const FAVICON: &str = include_str!("../assets/sayso.svg");

/// Where the pages look for the mark.
pub const FAVICON_PATH: &str = "/assets/sayso.svg";

/// The content security policy that every page is written for: no script can run, nothing is
/// fetched from elsewhere, no other site can frame a page or receive a form.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
