//! What came of one attempt.

use std::fmt;
use std::time::UNIX_EPOCH;

use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper::http::{HeaderValue, StatusCode};
use hyper_util::client::legacy::Error as ClientError;

use crate::guard::GuardError;

/// The longest that a receiver may put us off with `Retry-After`. Without a limit a receiver could
/// postpone a withdrawal for a year.
pub const RETRY_AFTER_MAX_SECONDS: u64 = 3600;

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The receiver has it.
    Delivered,
    /// Not now; the same message has to be sent again.
    Retry {
        /// How long the receiver asked to be left alone, if it did.
        after_ms: Option<u64>,
        /// What went wrong.
        why: Why,
    },
    /// Never in this form: a person has to look at it.
    Refused {
        /// What went wrong.
        why: Why,
    },
}

/// What went wrong, as a class and nothing of what the receiver said. Written as a stable code:
/// `timeout`, `http_503`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The message's id does not fit a header or has a full stop; see [`super::Webhook::send`].
    Id,
    /// The attempt took longer than the receiver's timeout.
    Timeout,
    /// The host name has no address.
    Unresolved,
    /// The host name has an address that may not be reached.
    Forbidden,
    /// No connection was accepted.
    Unreachable,
    /// The connection could not be secured: a certificate, a protocol version.
    Tls,
    /// The connection broke, or what came back is not HTTP.
    Broken,
    /// The receiver sent us elsewhere. We do not go: the next address is the receiver's word only.
    Redirect,
    /// Another status that is not a success.
    Status(u16),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "message_id",
            Self::Timeout => "timeout",
            Self::Unresolved => "unresolved",
            Self::Forbidden => "forbidden_address",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Broken => "broken",
            Self::Redirect => "redirect",
            Self::Status(status) => return write!(f, "http_{status}"),
        })
    }
}

impl Sent {
    /// What a status means. Only what blames this very message ends its delivery; whatever
    /// somebody can repair at the receiver (401, 403, 404, …) is tried again. An endpoint that says
    /// that it is gone (410) is left alone for as long as may be, and nothing is lost meanwhile.
    pub(super) fn answered(status: StatusCode, headers: &HeaderMap, at_seconds: i64) -> Self {
        let why = match status.as_u16() {
            200..=299 => return Self::Delivered,
            code @ (400 | 413 | 415 | 422) => return Self::Refused { why: Why::Status(code) },
            code @ 410 => {
                let after_ms = Some(RETRY_AFTER_MAX_SECONDS * 1_000);
                return Self::Retry { after_ms, why: Why::Status(code) };
            }
            300..=399 => Why::Redirect,
            code => Why::Status(code),
        };
        let after = headers.get(RETRY_AFTER).and_then(|value| retry_after_ms(value, at_seconds));
        Self::Retry { after_ms: after, why }
    }

    pub(super) fn again(why: Why) -> Self {
        Self::Retry { after_ms: None, why }
    }
}

impl Why {
    pub(super) fn of(error: &ClientError) -> Self {
        if !error.is_connect() {
            return Self::Broken;
        }
        match guard_error(error) {
            Some(GuardError::Unresolved(_)) => Self::Unresolved,
            Some(GuardError::Forbidden) => Self::Forbidden,
            Some(GuardError::Unreachable(_)) => Self::Unreachable,
            // Connecting has two steps; what the guard did not refuse failed in the second one.
            None => Self::Tls,
        }
    }
}

fn guard_error(error: &ClientError) -> Option<&GuardError> {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |error| error.source()).find_map(|error| error.downcast_ref())
}

/// Seconds or a date (RFC 9110, section 10.2.3). What cannot be read counts as not said.
fn retry_after_ms(value: &HeaderValue, at_seconds: i64) -> Option<u64> {
    let text = value.to_str().ok()?.trim();
    let seconds = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds is still a number, and above the limit.
        text.parse().unwrap_or(u64::MAX)
    } else {
        let date = httpdate::parse_http_date(text).ok()?;
        let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
        date.saturating_sub(u64::try_from(at_seconds).unwrap_or(0))
    };
    Some(seconds.min(RETRY_AFTER_MAX_SECONDS) * 1000)
}
