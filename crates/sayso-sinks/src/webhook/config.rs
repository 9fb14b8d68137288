//! Where one receiver listens and how messages to it are signed.

use std::net::Ipv4Addr;

use hyper::Uri;
use hyper::http::uri::Authority;

use super::sign::{HmacSecret, SigningKey};

/// The longest that one attempt may take.
pub const TIMEOUT_MAX_MS: u64 = 300_000;

/// One receiver.
#[derive(Clone)]
pub struct WebhookConfig {
    /// Where it listens: `https`, without credentials. May carry a token, so it is never logged.
    pub url: String,
    /// Signs `v1`; the receiver has it too.
    pub secret: HmacSecret,
    /// Signs `v1a`; the receiver has its public half.
    pub signing_key: SigningKey,
    /// Whether it may be the machine itself or on a private network, and be spoken to in plain
    /// `http`.
    pub allow_private: bool,
    /// How long one attempt may take, name resolution and the answer's head included.
    pub timeout_ms: u64,
}

/// What is wrong with a configuration. No message repeats the URL, which may carry a token.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// It cannot be read as a URL.
    #[error("the webhook url cannot be read; write https://host/path")]
    Unreadable,
    /// It has no host.
    #[error("the webhook url names no host; write https://host/path")]
    NoHost,
    /// Its host is an address in a spelling that not everybody reads alike.
    #[error("the host in the webhook url is an odd spelling of an address; write it as 192.0.2.1")]
    OddAddress,
    /// Neither `https` nor an allowed `http`.
    #[error(
        "the webhook url does not begin with https://; plain http:// needs private addresses to be \
         allowed for this receiver"
    )]
    Scheme,
    /// It holds a name or a password.
    #[error("the webhook url holds credentials; remove what stands before the @")]
    Credentials,
    /// The port is not one.
    #[error("the port in the webhook url is not a number from 1 to 65535")]
    Port,
    /// The timeout is out of range.
    #[error("the webhook timeout is not between 1 and {TIMEOUT_MAX_MS} ms")]
    Timeout,
    /// The TLS library cannot be set up.
    #[error("tls cannot be set up for webhooks")]
    Tls(#[source] rustls::Error),
}

impl WebhookConfig {
    /// The URL, checked for everything that can be told without resolving its host.
    pub(super) fn target(&self) -> Result<Uri, WebhookError> {
        if !(1..=TIMEOUT_MAX_MS).contains(&self.timeout_ms) {
            return Err(WebhookError::Timeout);
        }
        address(&self.url, self.allow_private)
    }
}

/// A URL that may be spoken to, checked as [`WebhookConfig::target`] says.
pub(super) fn address(url: &str, allow_private: bool) -> Result<Uri, WebhookError> {
    let uri: Uri = url.parse().map_err(|_| WebhookError::Unreadable)?;
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if allow_private => {}
        _ => return Err(WebhookError::Scheme),
    }
    check_authority(uri.authority().ok_or(WebhookError::NoHost)?)?;
    Ok(uri)
}

/// `Authority` takes a port that it cannot read for no port, which would silently become 443.
fn check_authority(authority: &Authority) -> Result<(), WebhookError> {
    if authority.as_str().contains('@') {
        return Err(WebhookError::Credentials);
    }
    let host = authority.host();
    if matches!(host, "" | "[]") {
        return Err(WebhookError::NoHost);
    }
    if is_odd_address(host) {
        return Err(WebhookError::OddAddress);
    }
    match authority.as_str().strip_prefix(host) {
        Some("") => Ok(()),
        _ if authority.port_u16().is_some_and(|port| port > 0) => Ok(()),
        _ => Err(WebhookError::Port),
    }
}

/// Whether the host is a number and yet not four plain decimals: `2130706433`, `0x7f.1`, `0177.1`.
/// No name ends in a number, so it is an address to some readers and a name to others. The guard
/// would look at what the resolver makes of it; said here, the operator learns of it at once.
fn is_odd_address(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let is_number = match hex {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    is_number && host.parse::<Ipv4Addr>().is_err()
}
