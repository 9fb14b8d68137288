//! What the ledger and a system compare: a mark for each permission, and sums of marks.
//!
//! Anybody can compute one, a database too: the first 48 bits of SHA-256 over a line of text, read
//! as a number. They find what went wrong by itself, a lost write, a restored copy, a hand in the
//! table; a system that means to deceive can answer whatever it likes.
//!
//! Sums over up to 32,768 marks stay below 2⁶³, so that databases without unsigned numbers can add
//! them up.

use sayso_consent::{Timestamp, id::Id};
use sha2::{Digest, Sha256};

use crate::deliver::PermissionData;

/// How many ranges keys are divided into, by their first three hexadecimal digits.
pub const RANGES: u16 = 4_096;

/// The range of a key.
pub fn range(key: &str) -> u16 {
    key.get(..3).and_then(|digits| u16::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// The mark of one permission.
pub fn mark(key: &str, permission: &PermissionData) -> u64 {
    let PermissionData { purpose, data, channel, allow, until, .. } = permission;
    of_line(&line(key, (purpose, data), channel.as_ref(), *allow, *until))
}

/// The line that is marked: `key|purpose|data|channel|1 or 0|until`, with nothing between two
/// strokes for what does not apply. `until` is in milliseconds since 1970.
pub fn line(
    key: &str,
    (purpose, data): (&Id, &Id),
    channel: Option<&Id>,
    allow: bool,
    until: Option<Timestamp>,
) -> String {
    let channel = channel.map_or("", Id::as_str);
    let until = until.map(|until| until.0.to_string()).unwrap_or_default();
    format!("{key}|{purpose}|{data}|{channel}|{}|{until}", u8::from(allow))
}

/// The mark of such a line.
pub fn of_line(line: &str) -> u64 {
    let digest = Sha256::digest(line.as_bytes());
    digest.iter().take(6).fold(0, |mark, byte| mark << 8 | u64::from(*byte))
}

/// The sum of the marks of a person's permissions.
pub fn sum(key: &str, permissions: &[PermissionData]) -> u64 {
    permissions.iter().map(|permission| mark(key, permission)).fold(0, u64::wrapping_add)
}
