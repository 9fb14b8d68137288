//! The signed statement of one entry that the subject keeps, and that anyone can check offline.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sayso_consent::{Entry, id::Position};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Checkpoint,
    record::{Hash, Opened, Record, commitment},
    shared::Shared,
    tree::root_by_path,
};

/// A receipt. Its fields follow ISO/IEC TS 27560 in spirit: a schema, an id, the record, and what
/// proves it. `docs/reference/ledger.md` says how to check one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `sayso-receipt-1`.
    pub schema_version: String,
    /// The log and the place in it.
    pub receipt_id: String,
    /// Where the entry stands.
    pub position: Position,
    /// The entry.
    pub entry: Entry,
    /// The salt of its commitment, in hexadecimal. With it the entry can be shown to be the one
    /// that the log holds; who does not have it learns nothing from the log.
    pub salt: String,
    /// The commitment, in hexadecimal.
    pub commitment: String,
    /// The sibling hashes from the leaf to the root, in hexadecimal.
    pub proof: Vec<String>,
    /// The signed head that the proof leads to.
    pub checkpoint: String,
    /// The key that signed, in hexadecimal: to be compared with the one that is published.
    pub public_key: String,
    /// Ed25519 over `sayso receipt v1`, a zero byte and the RFC 8785 form of all the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Why a receipt is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A field is not of the form it must have.
    #[error("the receipt is malformed")]
    Malformed,
    /// The signature is not by the expected key over this receipt.
    #[error("the receipt's signature does not hold")]
    Signature,
    /// The entry is not the one committed to.
    #[error("the receipt's entry does not match its commitment")]
    Commitment,
    /// The commitment is not in the log at that place.
    #[error("the receipt's proof does not lead to the signed head")]
    Proof,
}

impl Receipt {
    pub(crate) fn issue(
        shared: &Shared,
        record: &Record,
        opened: &Opened,
        proof: &[Hash],
        size: u64,
        root: Hash,
    ) -> Self {
        let key = shared.secrets.signing();
        let checkpoint = Checkpoint { origin: shared.origin(), size, root }.sign(key);
        let unsigned = Self {
            schema_version: "sayso-receipt-1".into(),
            receipt_id: format!("{}/{}", shared.origin(), record.position),
            position: record.position,
            entry: opened.entry.clone(),
            salt: hex::encode(opened.salt),
            commitment: hex::encode(record.commitment),
            proof: proof.iter().map(hex::encode).collect(),
            checkpoint,
            public_key: hex::encode(key.verifying_key().as_bytes()),
            signature: None,
        };
        let signature =
            unsigned.signed_bytes().map(|bytes| BASE64.encode(key.sign(&bytes).to_bytes()));
        Self { signature, ..unsigned }
    }

    /// Reads a receipt from its JSON text.
    ///
    /// # Errors
    /// It is no receipt, or says more than one does, or says the same in another spelling: what
    /// is not covered by the signature must not be shown as if it were.
    pub fn read(text: &str) -> Result<Self, ReceiptError> {
        let read = || -> Result<(Self, bool), serde_json::Error> {
            let receipt: Self = serde_json::from_str(text)?;
            let written: serde_json::Value = serde_json::from_str(text)?;
            let is_exact = serde_jcs::to_vec(&receipt)? == serde_jcs::to_vec(&written)?;
            Ok((receipt, is_exact))
        };
        let (receipt, is_exact) = read().map_err(|_| ReceiptError::Malformed)?;
        if is_exact { Ok(receipt) } else { Err(ReceiptError::Malformed) }
    }

    fn signed_bytes(&self) -> Option<Vec<u8>> {
        let unsigned = Self { signature: None, ..self.clone() };
        let json = serde_jcs::to_vec(&unsigned).ok()?;
        Some([b"sayso receipt v1\0".as_slice(), &json].concat())
    }

    /// Checks everything: signature, commitment, proof and signed head.
    ///
    /// # Errors
    /// Something does not hold.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), ReceiptError> {
        let malformed = ReceiptError::Malformed;
        let signature =
            self.signature.as_ref().and_then(|text| BASE64.decode(text).ok()).ok_or(malformed)?;
        let signature = Signature::from_slice(&signature).map_err(|_| malformed)?;
        let signed = self.signed_bytes().ok_or(malformed)?;
        key.verify_strict(&signed, &signature).map_err(|_| ReceiptError::Signature)?;
        let hash = |text: &String| -> Result<Hash, ReceiptError> {
            let bytes = hex::decode(text).map_err(|_| malformed)?;
            bytes.try_into().map_err(|_| malformed)
        };
        let bytes = crate::record::canonical(&self.entry).map_err(|_| malformed)?;
        let committed = hash(&self.commitment)?;
        if commitment(&hash(&self.salt)?, &bytes) != committed
            || self.entry.position != self.position
        {
            return Err(ReceiptError::Commitment);
        }
        let path = self.proof.iter().map(hash).collect::<Result<Vec<_>, _>>()?;
        let head = Checkpoint::open(&self.checkpoint, key).map_err(|_| ReceiptError::Proof)?;
        let index = self.position.number.checked_sub(1).ok_or(malformed)?;
        let is_there = root_by_path(&committed, index, head.size, &path) == Some(head.root);
        if is_there { Ok(()) } else { Err(ReceiptError::Proof) }
    }
}
