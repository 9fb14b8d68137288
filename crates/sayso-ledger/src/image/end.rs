//! The end of what is saved or sent: what vouches for it, how long the head is that stands before
//! it, and the mark that all of it is there.

use crate::record::Hash;

/// How long it is.
pub(super) const BYTES: usize = 32 + 8 + 8;
/// Whoever finds it knows that all before it was written.
const MAGIC: [u8; 8] = *b"sayso-im";

/// The end behind a head of so many bytes.
pub(super) fn write(proof: &Hash, head: usize) -> Vec<u8> {
    [proof.as_slice(), &(head as u64).to_le_bytes(), &MAGIC].concat()
}

/// What vouches, and how long the head is; `None` if it is no end.
pub(super) fn read(bytes: &[u8]) -> Option<(Hash, u64)> {
    let (proof, rest) = bytes.split_first_chunk::<32>()?;
    let (head, magic) = rest.split_first_chunk::<8>()?;
    (magic == MAGIC).then(|| (*proof, u64::from_le_bytes(*head)))
}
