//! Signed heads, as C2SP tlog-checkpoint in a C2SP signed note, so that tools which we did not
//! write can check them.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::record::Hash;

/// A head of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its name in the note.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// Why a checkpoint is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a checkpoint.
    #[error("the checkpoint is not of the form `origin, size, root, blank line, signature`")]
    Malformed,
    /// Signed by somebody else, or changed.
    #[error("the checkpoint does not carry a signature by this log's key")]
    BadSignature,
}

impl Checkpoint {
    /// The text that is signed.
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        let body = self.body();
        let signature = key.sign(body.as_bytes());
        let tagged =
            [key_hash(&self.origin, &key.verifying_key()).as_slice(), &signature.to_bytes()]
                .concat();
        format!("{body}\n\u{2014} {} {}\n", self.origin, BASE64.encode(tagged))
    }

    /// Reads a signed note and checks its signature.
    ///
    /// # Errors
    /// It is no checkpoint, or not one of this key.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let (body, signatures) = note.split_once("\n\n").ok_or(CheckpointError::Malformed)?;
        let mut lines = body.split('\n');
        let mut line = || lines.next().ok_or(CheckpointError::Malformed);
        let origin = line()?.to_owned();
        let size = line()?.parse().map_err(|_| CheckpointError::Malformed)?;
        let root = BASE64.decode(line()?).map_err(|_| CheckpointError::Malformed)?;
        let root = root.try_into().map_err(|_| CheckpointError::Malformed)?;
        let checkpoint = Self { origin, size, root };
        let is_ours = |line: &str| checkpoint.is_signed_by(line, key).unwrap_or(false);
        if signatures.lines().any(is_ours) && checkpoint.body() == format!("{body}\n") {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::BadSignature)
        }
    }

    fn is_signed_by(&self, line: &str, key: &VerifyingKey) -> Option<bool> {
        let (name, tagged) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let tagged = BASE64.decode(tagged).ok()?;
        let (tag, signature) = tagged.split_first_chunk::<4>()?;
        let signature = Signature::from_slice(signature).ok()?;
        let is_named = name == self.origin && *tag == key_hash(name, key);
        Some(is_named && key.verify_strict(self.body().as_bytes(), &signature).is_ok())
    }
}

/// The key hash of a signed note: the first four bytes of SHA-256(name, newline, 1, key).
fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let hash =
        Sha256::new().chain_update(name).chain_update([b'\n', 1]).chain_update(key.as_bytes());
    let digest: Hash = hash.finalize().into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The verifier key of a signed note: `name+hash+base64`.
pub fn verifier_key(origin: &str, key: &VerifyingKey) -> String {
    let bytes = [&[1], key.as_bytes().as_slice()].concat();
    format!("{origin}+{}+{}", hex::encode(key_hash(origin, key)), BASE64.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_opens_only_unchanged_and_under_its_key() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let other = SigningKey::from_bytes(&[8; 32]);
        let checkpoint = Checkpoint { origin: "sayso/0011".into(), size: 42, root: [9; 32] };
        let note = checkpoint.sign(&key);
        assert_eq!(Checkpoint::open(&note, &key.verifying_key()), Ok(checkpoint));
        assert!(Checkpoint::open(&note, &other.verifying_key()).is_err());
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            let opened = Checkpoint::open(&changed, &key.verifying_key());
            assert!(opened.is_err() || at + 1 == note.len(), "byte {at}");
        }
    }
}
