//! From an entry to what is stored of it. `docs/reference/ledger.md` specifies every byte.

use sayso_consent::{
    Entry,
    event::VERSION,
    id::{Position, SubjectId},
};
use sha2::{Digest, Sha256};

use crate::keys::{CryptoError, Secret, mac, open, random, seal};

/// 32 bytes of SHA-256.
pub type Hash = [u8; 32];

/// Whom entries are sealed for that are about nobody: catalogs and keys.
pub const NOBODY: SubjectId = SubjectId(0);

/// What the ledger keeps of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub position: Position,
    /// HMAC(salt, canonical bytes): says nothing without the salt, which erasure destroys.
    pub commitment: Hash,
    /// The chain up to and with this entry.
    pub chain: Hash,
    /// What can be erased; `None` if it was.
    pub payload: Option<Payload>,
}

/// The part of a record that can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Whom it is about.
    pub subject: SubjectId,
    /// Salt and canonical bytes, sealed under the subject's key.
    pub sealed: Vec<u8>,
    /// The subject's key, wrapped; kept apart from the entries.
    pub wrapped_key: Vec<u8>,
}

/// An entry and the salt of its commitment.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The entry.
    pub entry: Entry,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// What the commitment was made with.
    pub salt: [u8; 32],
}

/// What goes wrong with a stored record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Sealed bytes do not open.
    #[error("entry {position}: {source}")]
    Crypto {
        /// Which.
        position: Position,
        /// Why.
        source: CryptoError,
    },
    /// The bytes are no entry of a version that this program knows.
    #[error("entry {position} is not of a form this program knows: {source}")]
    Malformed {
        /// Which.
        position: Position,
        /// Why.
        source: serde_json::Error,
    },
    /// The bytes do not match the commitment.
    #[error("entry {position} does not match its commitment")]
    Commitment {
        /// Which.
        position: Position,
    },
}

/// The canonical bytes of an entry: RFC 8785 JSON.
///
/// # Errors
/// None for entries that this program makes: every number in one is a small integer.
pub fn canonical(entry: &Entry) -> Result<Vec<u8>, serde_json::Error> {
    serde_jcs::to_vec(entry)
}

/// The commitment to canonical bytes.
pub fn commitment(salt: &[u8; 32], bytes: &[u8]) -> Hash {
    mac(salt, &[b"sayso entry v1\0", bytes])
}

/// The chain after an entry.
pub fn chain(before: &Hash, position: Position, commitment: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update(b"sayso chain v1\0");
    hash.update(before);
    hash.update(position.number.to_be_bytes());
    hash.update(commitment);
    hash.finalize().into()
}

/// Where a payload belongs: bytes moved to another entry or subject do not open there.
fn place(position: Position, subject: SubjectId) -> Vec<u8> {
    let partition = position.partition.to_be_bytes();
    let number = position.number.to_be_bytes();
    [b"sayso payload v1\0".as_slice(), &partition, &number, &subject.0.to_be_bytes()].concat()
}

/// Commits to an entry and seals it. What is left to do is its place in the chain.
///
/// # Errors
/// No random bytes.
pub fn close(
    entry: &Entry,
    key: &Secret,
    wrapped_key: Vec<u8>,
) -> Result<(Hash, Payload), RecordError> {
    let position = entry.position;
    let malformed = |source| RecordError::Malformed { position, source };
    let crypto = |source| RecordError::Crypto { position, source };
    let bytes = canonical(entry).map_err(malformed)?;
    let salt: [u8; 32] = random().map_err(crypto)?;
    let commitment = commitment(&salt, &bytes);
    let subject = entry.subject.unwrap_or(NOBODY);
    let plain = [salt.as_slice(), &bytes].concat();
    let sealed = seal(key, &place(position, subject), &plain).map_err(crypto)?;
    Ok((commitment, Payload { subject, sealed, wrapped_key }))
}

/// Opens a payload and checks it against its commitment.
///
/// # Errors
/// The bytes were changed, moved, or are of a version that this program does not know.
pub fn unclose(record: &Record, payload: &Payload, key: &Secret) -> Result<Opened, RecordError> {
    let position = record.position;
    let crypto = |source| RecordError::Crypto { position, source };
    let plain = open(key, &place(position, payload.subject), &payload.sealed).map_err(crypto)?;
    let (salt, bytes) = plain.split_first_chunk::<32>().ok_or(crypto(CryptoError::Sealed))?;
    if commitment(salt, bytes) != record.commitment {
        return Err(RecordError::Commitment { position });
    }
    let malformed = |source| RecordError::Malformed { position, source };
    let entry: Entry = serde_json::from_slice(bytes).map_err(malformed)?;
    if entry.v != VERSION {
        let why = format!("it is of version {}, not {VERSION}", entry.v);
        return Err(malformed(serde::de::Error::custom(why)));
    }
    let is_its_own =
        entry.position == position && entry.subject.unwrap_or(NOBODY) == payload.subject;
    if !is_its_own {
        return Err(RecordError::Commitment { position });
    }
    Ok(Opened { entry, bytes: bytes.to_vec(), salt: *salt })
}
