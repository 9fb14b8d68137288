//! Signatures as Standard Webhooks 1.0.0 has them, made and checked.
//!
//! What is signed is `id.timestamp.body`. A request carries `v1,<base64>` (HMAC-SHA256 under the
//! shared secret) and `v1a,<base64>` (Ed25519), separated by a space. Receivers written in Rust can
//! check with [`Verifier`]; every other language has a library that checks `v1`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How old, or how far ahead, a timestamp may be when it is checked.
pub const TOLERANCE_SECONDS: u64 = 300;

const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;

const SECRET_PREFIX: &str = "whsec_";
const SIGNING_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";

/// What is signed.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The header `webhook-id`.
    pub id: &'a str,
    /// The header `webhook-timestamp` as it was sent: Unix time in seconds.
    pub timestamp: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// The header `webhook-signature` of a message: `v1` and `v1a`.
pub fn sign(secret: &HmacSecret, key: &SigningKey, message: &Message<'_>) -> String {
    let content = message.content();
    let shared = STANDARD.encode(secret.mac(&content).finalize().into_bytes());
    let ours = STANDARD.encode(key.0.sign(&content).to_bytes());
    format!("v1,{shared} v1a,{ours}")
}

/// The same while the secret is being changed: the new one, ours, and the one before it.
pub fn sign_overlapping(
    secret: &HmacSecret,
    previous: Option<&HmacSecret>,
    key: &SigningKey,
    message: &Message<'_>,
) -> String {
    let signatures = sign(secret, key, message);
    let Some(previous) = previous else { return signatures };
    let before = STANDARD.encode(previous.mac(&message.content()).finalize().into_bytes());
    format!("{signatures} v1,{before}")
}

/// Checks signatures, as a receiver does. Several secrets or keys may hold at once, so that they
/// can be changed without a gap.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    /// Check `v1`.
    pub secrets: Vec<HmacSecret>,
    /// Check `v1a`.
    pub keys: Vec<PublicKey>,
}

/// Why a message is not believed. Which signature failed, and how, is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a whole number of seconds.
    #[error("the header webhook-timestamp is not a number of seconds")]
    Timestamp,
    /// Too far from the moment of checking: perhaps a replay.
    #[error(
        "the header webhook-timestamp is more than {TOLERANCE_SECONDS} s away; check both clocks"
    )]
    Stale,
    /// None of the signatures is good.
    #[error("the header webhook-signature holds no valid signature of this message")]
    Signature,
}

impl Verifier {
    /// Whether one of `signatures`, the header `webhook-signature`, is good at `at_seconds` (Unix
    /// time). One is enough: a sender that is changing keys signs with the old and the new.
    pub fn verify(
        &self,
        message: &Message<'_>,
        signatures: &str,
        at_seconds: i64,
    ) -> Result<(), VerifyError> {
        let sent: i64 = message.timestamp.parse().map_err(|_| VerifyError::Timestamp)?;
        if sent.abs_diff(at_seconds) > TOLERANCE_SECONDS {
            return Err(VerifyError::Stale);
        }
        let content = message.content();
        let is_good = |entry: &str| self.is_good(&content, entry).unwrap_or(false);
        if signatures.split(' ').any(is_good) { Ok(()) } else { Err(VerifyError::Signature) }
    }

    fn is_good(&self, content: &[u8], entry: &str) -> Option<bool> {
        let (version, encoded) = entry.split_once(',')?;
        let signature = STANDARD.decode(encoded).ok()?;
        Some(match version {
            // `verify_slice` takes the same time for every content of the right length and refuses
            // every other length; a prefix must never do.
            "v1" => {
                self.secrets.iter().any(|own| own.mac(content).verify_slice(&signature).is_ok())
            }
            "v1a" => {
                let signature = ed25519_dalek::Signature::from_slice(&signature).ok()?;
                self.keys.iter().any(|own| own.0.verify_strict(content, &signature).is_ok())
            }
            _ => false,
        })
    }
}

impl Message<'_> {
    fn content(&self) -> Vec<u8> {
        let head = format!("{}.{}.", self.id, self.timestamp);
        [head.as_bytes(), self.body].concat()
    }
}

/// What is wrong with a key or secret. No message repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It begins with something else.
    #[error("the key does not begin with {0}; copy it whole, and check that it is the right kind")]
    Prefix(&'static str),
    /// What follows is not base64.
    #[error("the key is not base64 after its prefix; copy it whole")]
    Encoding,
    /// It is too short or too long.
    #[error("the key has the wrong length; copy it whole, or make a new one")]
    Length,
    /// It is not a key: its halves do not belong together, or it is no point of the curve.
    #[error("the key is damaged; copy it whole, or make a new one")]
    Damaged,
}

/// The secret of `v1`, shared with the receiver. Written `whsec_<base64>`.
#[derive(Clone)]
pub struct HmacSecret(Zeroizing<Vec<u8>>);

impl HmacSecret {
    /// From 24 to 64 random bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err(KeyError::Length);
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// As text, for the receiver's eyes.
    pub fn reveal(&self) -> Zeroizing<String> {
        encode(SECRET_PREFIX, &self.0)
    }

    fn mac(&self, content: &[u8]) -> Hmac<Sha256> {
        // One block of SHA-256 has 64 bytes, and no secret has more, so that padding it with zeros
        // is what HMAC does with every key that we accept.
        let mut block = Zeroizing::new([0_u8; SECRET_BYTES_MAX]);
        block.iter_mut().zip(self.0.iter()).for_each(|(place, byte)| *place = *byte);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(content);
        mac
    }
}

impl FromStr for HmacSecret {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&decode(SECRET_PREFIX, text)?)
    }
}

impl fmt::Debug for HmacSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSecret(…)")
    }
}

/// The private key of `v1a`. Written `whsk_<base64>`: 64 bytes, seed and public half; the seed
/// alone is read as well.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The half that receivers get.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// As text, for nobody but its keeper.
    pub fn reveal(&self) -> Zeroizing<String> {
        encode(SIGNING_PREFIX, &Zeroizing::new(self.0.to_keypair_bytes())[..])
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(SIGNING_PREFIX, text)?;
        if let Ok(seed) = bytes.as_slice().try_into() {
            return Ok(Self::from_seed(seed));
        }
        let pair = bytes.as_slice().try_into().map_err(|_| KeyError::Length)?;
        let key = ed25519_dalek::SigningKey::from_keypair_bytes(pair);
        key.map(Self).map_err(|_| KeyError::Damaged)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// The public key of `v1a`. Written `whpk_<base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(PUBLIC_PREFIX, text)?;
        let bytes = bytes.as_slice().try_into().map_err(|_| KeyError::Length)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes);
        key.map(Self).map_err(|_| KeyError::Damaged)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

fn encode(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(STANDARD.encode(bytes));
    Zeroizing::new([prefix, &encoded].concat())
}

fn decode(prefix: &'static str, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let encoded = text.strip_prefix(prefix).ok_or(KeyError::Prefix(prefix))?;
    STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| KeyError::Encoding)
}
