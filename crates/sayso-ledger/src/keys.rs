//! One root secret, and everything that is derived from it.

use std::collections::BTreeMap;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sayso_consent::id::{Id, Lookup, SubjectId};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::sink::About;

/// A 32-byte secret that is wiped when dropped.
pub type Secret = Zeroizing<[u8; 32]>;

/// Random bytes from the operating system.
///
/// # Errors
/// The operating system has none to give.
pub fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CryptoError::NoRandomness)?;
    Ok(bytes)
}

/// What goes wrong with keys and sealed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// Sealed bytes do not open: another key, another place, or a flipped bit.
    #[error("sealed bytes do not open with this key at this place")]
    Sealed,
    /// A key has the wrong length.
    #[error("the root key is 64 hexadecimal digits")]
    Malformed,
}

/// What identifiers are found by: it turns one into the digest that the ledger knows. A replica is
/// given this and no identifier: whoever has both it and the digests can test a guess, and read none.
#[derive(Clone, Default)]
pub struct LookupKey(Secret);

impl LookupKey {
    /// From its text.
    ///
    /// # Errors
    /// It is not 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, CryptoError> {
        let mut key = Secret::default();
        hex::decode_to_slice(text, key.as_mut_slice()).map_err(|_| CryptoError::Malformed)?;
        Ok(Self(key))
    }

    /// As text.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// The digest that an identifier is found by.
    pub fn lookup(&self, namespace: &Id, value: &str) -> Lookup {
        self.digester(namespace).lookup(value)
    }

    /// What many identifiers of one namespace are digested with.
    pub fn digester(&self, namespace: &Id) -> Digester {
        let mut begun = keyed(&self.0);
        begun.update(namespace.as_str().as_bytes());
        begun.update(b"\0");
        Digester(begun)
    }
}

/// All secrets of one ledger, derived from the root by HKDF-SHA256 with one label each, so that
/// there is one thing to keep safe and none can be computed from another.
#[derive(Clone)]
pub struct Secrets {
    root: Secret,
    wrapping: Secret,
    lookup: LookupKey,
    journal: Secret,
    signing: SigningKey,
    webhook: SigningKey,
}

impl Secrets {
    /// From the root secret.
    pub fn new(root: Secret) -> Self {
        Self {
            wrapping: derive(&root, "sayso wrapping v1"),
            lookup: LookupKey(derive(&root, "sayso lookup v1")),
            journal: derive(&root, "sayso journal v1"),
            signing: SigningKey::from_bytes(&derive(&root, "sayso signing v1")),
            webhook: SigningKey::from_bytes(&derive(&root, "sayso webhook v1")),
            root,
        }
    }

    /// A fresh root.
    ///
    /// # Errors
    /// No random bytes.
    pub fn generate() -> Result<Self, CryptoError> {
        Ok(Self::new(Zeroizing::new(random()?)))
    }

    /// From the text of a key file.
    ///
    /// # Errors
    /// It is not 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, CryptoError> {
        let mut root = Secret::default();
        hex::decode_to_slice(text.trim(), root.as_mut_slice())
            .map_err(|_| CryptoError::Malformed)?;
        Ok(Self::new(root))
    }

    /// As the text of a key file.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.root.as_slice()))
    }

    /// What receipts and checkpoints are signed with.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// What receipts and checkpoints are verified with.
    pub fn verifying(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    /// What deliveries are signed with. Another key than the receipts', so that a flaw in one
    /// use cannot be turned on the other.
    pub fn webhook(&self) -> &SigningKey {
        &self.webhook
    }

    /// The shared secret for deliveries to one recipient.
    pub fn webhook_secret(&self, recipient: &Id) -> Secret {
        derive(&self.root, &format!("sayso webhook hmac v1 {recipient}"))
    }

    /// What identifiers are found by.
    pub fn lookup_key(&self) -> &LookupKey {
        &self.lookup
    }

    /// The digest that an identifier is found by.
    pub fn lookup(&self, namespace: &Id, value: &str) -> Lookup {
        self.digester(namespace).lookup(value)
    }

    /// What many identifiers of one namespace are digested with.
    pub fn digester(&self, namespace: &Id) -> Digester {
        self.lookup.digester(namespace)
    }

    /// A place in a recipient's lists, which names nobody: subject ids are the same for all
    /// recipients, and two that compared them could join what each knows of a person.
    ///
    /// # Errors
    /// No random bytes.
    pub fn place(&self, recipient: &Id, subject: SubjectId) -> Result<String, CryptoError> {
        let key = self.places(recipient);
        Ok(hex::encode(seal(&key, b"place", &subject.0.to_be_bytes())?))
    }

    /// What names people to one recipient.
    pub fn recipient_keys(&self, recipient: &Id) -> RecipientKeys {
        let key = derive(&self.root, &format!("sayso recipient key v1 {recipient}"));
        RecipientKeys(keyed(&key))
    }

    /// The person at a place.
    ///
    /// # Errors
    /// It is not one of this recipient's.
    pub fn person_at(&self, recipient: &Id, place: &str) -> Result<SubjectId, CryptoError> {
        let sealed = hex::decode(place).map_err(|_| CryptoError::Sealed)?;
        let bytes = open(&self.places(recipient), b"place", &sealed)?;
        let bytes: [u8; 16] = bytes.try_into().map_err(|_| CryptoError::Sealed)?;
        Ok(SubjectId(u128::from_be_bytes(bytes)))
    }

    fn places(&self, recipient: &Id) -> Secret {
        derive(&self.root, &format!("sayso places v1 {recipient}"))
    }

    /// Seals what may not be shown of how a recipient is told, in hexadecimal.
    ///
    /// # Errors
    /// No random bytes.
    pub fn seal_sink(
        &self,
        recipient: &Id,
        secrets: &BTreeMap<String, Zeroizing<String>>,
    ) -> Result<String, CryptoError> {
        if secrets.is_empty() {
            return Ok(String::new());
        }
        let plain: BTreeMap<&str, &str> =
            secrets.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let plain = Zeroizing::new(serde_json::to_vec(&plain).map_err(|_| CryptoError::Sealed)?);
        Ok(hex::encode(seal(&self.sink_key(recipient), b"sink", &plain)?))
    }

    /// Opens what [`Secrets::seal_sink`] sealed for the same recipient.
    ///
    /// # Errors
    /// It was sealed for another recipient, by another root, or was tampered with.
    pub fn open_sink(
        &self,
        recipient: &Id,
        sealed: &str,
    ) -> Result<BTreeMap<String, Zeroizing<String>>, CryptoError> {
        if sealed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sealed = hex::decode(sealed).map_err(|_| CryptoError::Sealed)?;
        let plain = Zeroizing::new(open(&self.sink_key(recipient), b"sink", &sealed)?);
        let plain: BTreeMap<String, String> =
            serde_json::from_slice(&plain).map_err(|_| CryptoError::Sealed)?;
        Ok(plain.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect())
    }

    fn sink_key(&self, recipient: &Id) -> Secret {
        derive(&self.root, &format!("sayso sink v1 {recipient}"))
    }

    /// The digest of a line of the journal.
    pub fn journal_mac(&self, line: &[u8]) -> [u8; 32] {
        mac(&self.journal, &[line])
    }

    /// The digest of what a saved snapshot says of itself.
    pub(crate) fn image_mac(&self, head: &[u8]) -> [u8; 32] {
        mac(&derive(&self.root, "sayso snapshot v1"), &[head])
    }

    /// What the states of one saved snapshot are sealed with.
    pub(crate) fn image_states(&self, name: &str) -> Secret {
        derive(&self.root, &format!("sayso snapshot states v1 {name}"))
    }

    /// Wraps a subject's key.
    ///
    /// # Errors
    /// No random bytes.
    pub fn wrap(&self, subject: SubjectId, key: &Secret) -> Result<Vec<u8>, CryptoError> {
        seal(&self.wrapping, &subject.0.to_be_bytes(), key.as_slice())
    }

    /// Unwraps a subject's key.
    ///
    /// # Errors
    /// It was wrapped by another root, for another subject, or was tampered with.
    pub fn unwrap(&self, subject: SubjectId, wrapped: &[u8]) -> Result<Secret, CryptoError> {
        let bytes = Zeroizing::new(open(&self.wrapping, &subject.0.to_be_bytes(), wrapped)?);
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| CryptoError::Sealed)?;
        Ok(Zeroizing::new(key))
    }
}

/// A keyed digest that has taken in its key and a namespace: half of the work, done once.
pub struct Digester(Hmac<Sha256>);

impl Digester {
    /// The digest that an identifier is found by.
    pub fn lookup(&self, value: &str) -> Lookup {
        let digest: [u8; 32] = self.0.clone().chain_update(value).finalize().into_bytes().into();
        let mut lookup = [0; 16];
        lookup.copy_from_slice(&digest[..16]);
        Lookup(lookup)
    }
}

/// Names people to one recipient, in every message about them: the same each time, and another for
/// each recipient. Like a [`Digester`], half of the work is done once.
#[derive(Clone)]
pub struct RecipientKeys(Hmac<Sha256>);

impl RecipientKeys {
    /// That of a person; a name that is theirs no longer has one of its own.
    pub fn of(&self, about: About) -> String {
        let former = about.former.map_or([0; 16], |former| former.0);
        let begun = self.0.clone().chain_update(about.subject.0.to_be_bytes());
        hex::encode(&begun.chain_update(former).finalize().into_bytes()[..16])
    }
}

fn derive(root: &Secret, label: &str) -> Secret {
    let mut key = Secret::default();
    // INVARIANT: HKDF-SHA256 gives up to 8,160 bytes; 32 can always be had.
    let _ = Hkdf::<Sha256>::new(None, root.as_slice()).expand(label.as_bytes(), key.as_mut_slice());
    key
}

/// HMAC-SHA256 over parts in order.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC fills a key shorter than its block with zeros (RFC 2104), so this is the same key.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as KeyInit>::new((&*block).into())
}

/// Seals bytes with XChaCha20-Poly1305: 24 random bytes of nonce, then the ciphertext and tag.
pub(crate) fn seal(key: &Secret, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let nonce: [u8; 24] = random()?;
    let cipher =
        XChaCha20Poly1305::new(key.as_slice().try_into().map_err(|_| CryptoError::Sealed)?);
    let payload = Payload { msg: plain, aad: place };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| CryptoError::Sealed)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens what [`seal`] sealed at the same place.
pub(crate) fn open(key: &Secret, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<24>().ok_or(CryptoError::Sealed)?;
    let cipher =
        XChaCha20Poly1305::new(key.as_slice().try_into().map_err(|_| CryptoError::Sealed)?);
    let payload = Payload { msg: ciphertext, aad: place };
    cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| CryptoError::Sealed)
}
