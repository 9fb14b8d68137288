//! How values of identifiers are made comparable: one function, for every way in.

use std::borrow::Cow;

use sayso_consent::catalog::Normalisation;

use crate::limits::IDENTIFIER_BYTES_MAX;

/// Why a value is no identifier. Never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnIdentifier {
    /// Nothing but white space.
    #[error("the identifier is empty")]
    Empty,
    /// Too long.
    #[error("the identifier is longer than {IDENTIFIER_BYTES_MAX} bytes")]
    TooLong,
    /// Control characters.
    #[error("the identifier has control characters")]
    Control,
    /// Not an e-mail address.
    #[error("the identifier is not an e-mail address such as `name@example.org`")]
    NotAnEmail,
    /// Not a telephone number.
    #[error("the identifier is not a telephone number such as `+49 30 901820`")]
    NotAPhone,
}

/// The comparable form of a value. One that is comparable already is not copied: files of millions
/// of identifiers mostly are.
///
/// # Errors
/// It cannot be an identifier of that kind.
pub fn normalise(kind: Normalisation, value: &str) -> Result<Cow<'_, str>, NotAnIdentifier> {
    let value = value.trim();
    if value.is_empty() {
        return Err(NotAnIdentifier::Empty);
    }
    if value.len() > IDENTIFIER_BYTES_MAX {
        return Err(NotAnIdentifier::TooLong);
    }
    if has_control(value) {
        return Err(NotAnIdentifier::Control);
    }
    let value = match kind {
        Normalisation::Exact => Cow::Borrowed(value),
        Normalisation::Lowercase => lowercase(value),
        Normalisation::Email => email(value)?,
        Normalisation::Phone => phone(value)?,
    };
    // Some letters are longer in lower case than in upper case.
    if value.len() > IDENTIFIER_BYTES_MAX { Err(NotAnIdentifier::TooLong) } else { Ok(value) }
}

fn has_control(value: &str) -> bool {
    // Looked at byte by byte without a way out in the middle, many are looked at in one step.
    let is_plain = value.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    !is_plain && value.chars().any(char::is_control)
}

fn lowercase(value: &str) -> Cow<'_, str> {
    let is_lower = value
        .bytes()
        .fold(true, |lower, byte| lower & byte.is_ascii() & !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(value) } else { Cow::Owned(value.to_lowercase()) }
}

fn email(value: &str) -> Result<Cow<'_, str>, NotAnIdentifier> {
    let is_address = value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@') && !has_space(value)
    });
    if is_address { Ok(lowercase(value)) } else { Err(NotAnIdentifier::NotAnEmail) }
}

fn has_space(value: &str) -> bool {
    // Of what is no control character, only one is white space among the first.
    let is_plain = value.bytes().fold(true, |plain, byte| plain & byte.is_ascii() & (byte != b' '));
    !is_plain && value.contains(char::is_whitespace)
}

fn phone(value: &str) -> Result<Cow<'_, str>, NotAnIdentifier> {
    let is_number = |value: &str| {
        value.strip_prefix('+').is_some_and(|digits| {
            (6..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        })
    };
    if is_number(value) {
        return Ok(Cow::Borrowed(value));
    }
    let value = value
        .strip_prefix("00")
        .map_or(Cow::Borrowed(value), |rest| Cow::Owned(format!("+{rest}")));
    let is_filler = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let digits: String = value.chars().filter(|c| !is_filler(*c)).collect();
    if is_number(&digits) { Ok(Cow::Owned(digits)) } else { Err(NotAnIdentifier::NotAPhone) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_people_have_equal_values() {
        for (kind, value, same) in [
            (Normalisation::Email, " Ana@Example.ORG ", "ana@example.org"),
            (Normalisation::Phone, "0049 (30) 90-18 20", "+4930901820"),
            (Normalisation::Phone, "+49 30 901820", "+4930901820"),
            (Normalisation::Exact, " 4711 ", "4711"),
            (Normalisation::Phone, "+4930901820", "+4930901820"),
            (Normalisation::Lowercase, "AbC", "abc"),
            (Normalisation::Lowercase, "ÄÖ", "äö"),
            (Normalisation::Exact, "Jürgen", "Jürgen"),
        ] {
            assert_eq!(normalise(kind, value).as_deref(), Ok(same));
        }
        for (kind, value) in [
            (Normalisation::Email, "ana"),
            (Normalisation::Email, "a@b@c.d"),
            (Normalisation::Email, "a b@c.d"),
            (Normalisation::Phone, "030 901820"),
            (Normalisation::Exact, "  "),
            (Normalisation::Exact, "a\u{0}b"),
            (Normalisation::Exact, "a\u{7f}b"),
            (Normalisation::Exact, "a\u{85}b"),
            (Normalisation::Phone, "+0030901820x"),
            (Normalisation::Phone, "+49+30901820"),
        ] {
            assert!(normalise(kind, value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn what_is_comparable_is_not_copied() {
        for (kind, value) in [
            (Normalisation::Email, "ana@example.org"),
            (Normalisation::Phone, "+4930901820"),
            (Normalisation::Exact, "Ä 4711"),
            (Normalisation::Lowercase, "abc-1"),
        ] {
            assert!(matches!(normalise(kind, value), Ok(Cow::Borrowed(same)) if same == value));
        }
    }
}
