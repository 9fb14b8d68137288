//! Whether a request comes from Sayso: Standard Webhooks, ed25519 (`v1a`) or HMAC-SHA256 (`v1`).

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far the sender's clock may be from ours. A request that was overheard is good for no longer.
pub(super) const CLOCK_SKEW_MAX_SECONDS: u64 = 300;

/// Signatures looked at in one request. Several are there while a key is being changed; each
/// costs a computation, so their number must not be the sender's to choose.
const SIGNATURES_MAX: usize = 8;

const PUBLIC_KEY_PREFIX: &str = "whpk_";
const SECRET_PREFIX: &str = "whsec_";

/// Checks requests by Sayso's public key and by the shared secret.
pub(super) struct Verifier {
    public_key: VerifyingKey,
    secret: Hmac<Sha256>,
}

/// A key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadKey {
    /// The public key.
    #[error("write `{PUBLIC_KEY_PREFIX}` and the base64 of the 32 bytes of an ed25519 public key")]
    Public,
    /// The secret.
    #[error("write `{SECRET_PREFIX}` and the base64 of at least 24 random bytes")]
    Secret,
}

impl BadKey {
    /// The setting that holds it.
    pub(super) fn setting(&self) -> &'static str {
        match self {
            Self::Public => "public_key",
            Self::Secret => "secret",
        }
    }
}

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unverified {
    /// A header is not there or cannot be read.
    #[error("webhook-id, webhook-timestamp or webhook-signature is missing or unreadable")]
    Header,
    /// It was signed too long ago, or later than now.
    #[error(
        "webhook-timestamp is more than {CLOCK_SKEW_MAX_SECONDS} seconds from this system's clock"
    )]
    Clock,
    /// None of the signatures is right.
    #[error("no signature in webhook-signature matches")]
    Signature,
}

/// What the three headers say.
pub(super) struct Signed<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signatures: &'a str,
}

impl Verifier {
    /// Reads both keys from their text.
    pub(super) fn new(public_key: &str, secret: &str) -> Result<Self, BadKey> {
        let public_key = decode(public_key, PUBLIC_KEY_PREFIX)
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
            .ok_or(BadKey::Public)?;
        let secret = decode(secret, SECRET_PREFIX)
            .filter(|bytes| bytes.len() >= 24)
            .and_then(|bytes| Hmac::new_from_slice(&bytes).ok())
            .ok_or(BadKey::Secret)?;
        Ok(Self { public_key, secret })
    }

    /// Whether Sayso signed this, just now. The bytes are checked as they came: parsed and
    /// written again they could differ, and the signature would be of something else.
    pub(super) fn verify(
        &self,
        signed: &Signed<'_>,
        body: &[u8],
        now: i64,
    ) -> Result<(), Unverified> {
        let at: i64 = signed.timestamp.parse().map_err(|_| Unverified::Header)?;
        if at.abs_diff(now) > CLOCK_SKEW_MAX_SECONDS {
            return Err(Unverified::Clock);
        }
        let content =
            [signed.id.as_bytes(), b".", signed.timestamp.as_bytes(), b".", body].concat();
        let of_version = |version: &str| {
            signed
                .signatures
                .split(' ')
                .take(SIGNATURES_MAX)
                .filter_map(|text| text.split_once(','))
                .filter(|(known, _)| *known == version)
                .filter_map(|(_, text)| BASE64_STANDARD.decode(text).ok())
                .collect::<Vec<_>>()
        };
        let is_signed =
            of_version("v1a").iter().any(|signature| self.is_ed25519(&content, signature))
                || of_version("v1").iter().any(|signature| self.is_hmac(&content, signature));
        if is_signed { Ok(()) } else { Err(Unverified::Signature) }
    }

    fn is_ed25519(&self, content: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.public_key.verify_strict(content, &signature).is_ok())
    }

    /// Compares in constant time: a comparison that stops at the first difference lets a sender
    /// find the signature byte by byte.
    fn is_hmac(&self, content: &[u8], signature: &[u8]) -> bool {
        let mut mac = self.secret.clone();
        mac.update(content);
        mac.verify_slice(signature).is_ok()
    }
}

fn decode(text: &str, prefix: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.strip_prefix(prefix)?).ok()
}
