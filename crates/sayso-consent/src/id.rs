//! Names: catalog nodes, subjects, positions. Newtypes, so that two bare strings never meet.

use std::{fmt, str::FromStr, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de};

/// Longest text of an [`Id`], in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// A node of the catalog, or a device: `contact.email`, `mailer`, `oven`, `oven/4711`.
///
/// Dots make a tree: a node covers its descendants. A slash separates a device type from one
/// device of that type, so that "every oven" and "this oven" are nodes of one tree as well.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(transparent)]
pub struct Id(Arc<str>);

/// A text is no [`Id`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an id is lower-case letters, digits, `-` and `_` in parts joined by dots \
     (a device adds `/` and its serial), at most {ID_BYTES_MAX} bytes"
)]
pub struct InvalidId;

impl Id {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this node or below it.
    pub fn covers(&self, other: &Id) -> bool {
        let (upper, lower) = (self.0.as_bytes(), other.0.as_bytes());
        lower.starts_with(upper) && matches!(lower.get(upper.len()), None | Some(b'.') | Some(b'/'))
    }

    /// Whether one of the two covers the other: in a tree there is no other way to meet.
    pub fn overlaps(&self, other: &Id) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The node above, if any.
    pub fn parent(&self) -> Option<Id> {
        self.0.rfind(['.', '/']).map(|at| Id(self.0[..at].into()))
    }

    /// Whether this names one device (`oven/4711`) rather than a type (`oven`).
    pub fn is_device(&self) -> bool {
        self.0.contains('/')
    }

    fn is_valid(text: &str) -> bool {
        let (tree, serial) = match text.split_once('/') {
            Some((tree, serial)) => (tree, Some(serial)),
            None => (text, None),
        };
        let part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        };
        let serial_is_valid = |serial: &str| {
            !serial.is_empty()
                && serial
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
        };
        text.len() <= ID_BYTES_MAX
            && tree.split('.').all(part)
            && serial.is_none_or(serial_is_valid)
    }
}

impl FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if Self::is_valid(text) { Ok(Self(text.into())) } else { Err(InvalidId) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Reads a string by its `FromStr`, for the types here whose text is their one form.
fn from_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: de::Deserializer<'de>,
{
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// A person the data is about (GDPR *data subject*, DPV `dpv:DataSubject`): 128 random bits,
/// written as 32 hexadecimal digits. Never derived from anything that identifies the person.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectId(pub u128);

/// A text is no [`SubjectId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a subject id is 32 lower-case hexadecimal digits")]
pub struct InvalidSubjectId;

impl FromStr for SubjectId {
    type Err = InvalidSubjectId;

    fn from_str(text: &str) -> Result<Self, InvalidSubjectId> {
        let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| InvalidSubjectId)?;
        // Columns of millions of ids are read. Looking at each digit once, without a way out in
        // the middle, is many times faster than a general number.
        let (high, low) = digits.split_at(16);
        let (high, is_high) = half(high);
        let (low, is_low) = half(low);
        let subject = Self(u128::from(high) << 64 | u128::from(low));
        if is_high && is_low { Ok(subject) } else { Err(InvalidSubjectId) }
    }
}

/// What lower-case hexadecimal digits stand for, and whether that is what they are.
fn half(digits: &[u8]) -> (u64, bool) {
    digits.iter().fold((0, true), |(value, is_hex), digit| {
        let (decimal, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
        let worth = if letter < 6 { letter + 10 } else { decimal };
        (value << 4 | u64::from(worth & 15), is_hex & (worth < 10 || letter < 6))
    })
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for SubjectId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SubjectId {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// A place in the ledger: partition and number, written `0-17`. Its text is the token that a
/// write answers with. Numbers start at 1; number 0 is "before the first entry".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Position {
    /// The partition; one machine has partition 0 only.
    pub partition: u16,
    /// The place within the partition, from 1 without gaps.
    pub number: u64,
}

/// A text is no [`Position`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a position is written `partition-number`, as in `0-17`")]
pub struct InvalidPosition;

impl Position {
    /// Before the first entry of partition 0.
    pub const START: Self = Self { partition: 0, number: 0 };

    /// The place `number` in partition 0.
    pub const fn at(number: u64) -> Self {
        Self { partition: 0, number }
    }

    /// The place after this one.
    pub const fn next(self) -> Self {
        Self { partition: self.partition, number: self.number + 1 }
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (partition, number) = text.split_once('-').unwrap_or(("0", text));
        let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_plain(partition) || !is_plain(number) {
            return Err(InvalidPosition);
        }
        let partition = partition.parse().map_err(|_| InvalidPosition)?;
        let number = number.parse().map_err(|_| InvalidPosition)?;
        Ok(Self { partition, number })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.number)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// The keyed digest that an identifier is found by (a blind index). Made at the rim, where the
/// key is; here it is only compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Lookup(pub [u8; 16]);

impl Serialize for Lookup {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(self.0)))
    }
}

impl<'de> Deserialize<'de> for Lookup {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text::<SubjectId, D>(deserializer).map(|id| Self(id.0.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    #[test]
    fn a_node_covers_itself_and_what_is_below() {
        for (upper, lower, covers) in [
            ("contact", "contact", true),
            ("contact", "contact.email", true),
            ("contact.email", "contact", false),
            ("contact", "contacts", false),
            ("oven", "oven/4711", true),
            ("oven/47", "oven/4711", false),
        ] {
            assert_eq!(id(upper).covers(&id(lower)), covers, "{upper} covers {lower}");
        }
    }

    #[test]
    fn ids_refuse_what_would_confuse() {
        for text in ["", ".", "a.", ".a", "A", "a b", "a..b", "/x", "a/", "a/b/c", "ä"] {
            assert_eq!(text.parse::<Id>(), Err(InvalidId), "{text}");
        }
    }

    #[test]
    fn subject_ids_read_back_and_nothing_else_is_one() {
        let text = "0123456789abcdef00000000fedcba98";
        assert_eq!(text.parse(), Ok(SubjectId(0x0123_4567_89ab_cdef_0000_0000_fedc_ba98)));
        assert_eq!(text.parse::<SubjectId>().unwrap().to_string(), text);
        for at in [0, 15, 16, 31] {
            for strange in ['/', ':', '`', 'g', 'A', 'F', 'G', '@', '+', ' ', '\0', '\u{7f}'] {
                let mut text: Vec<char> = text.chars().collect();
                text[at] = strange;
                let text: String = text.into_iter().collect();
                assert_eq!(text.parse::<SubjectId>(), Err(InvalidSubjectId), "{text}");
            }
        }
        for text in ["", "0", &text[1..], &format!("{text}0"), &"é".repeat(16)] {
            assert_eq!(text.parse::<SubjectId>(), Err(InvalidSubjectId), "{text}");
        }
    }

    #[test]
    fn positions_read_back() {
        assert_eq!("0-17".parse(), Ok(Position::at(17)));
        assert_eq!("17".parse(), Ok(Position::at(17)));
        assert_eq!(Position::at(17).to_string(), "0-17");
        for text in ["", "-", "0-", "-1", "0-+1", "0-1-2", "x"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
