//! How values of identifiers are made comparable: one function, for every way in.

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

/// The comparable form of a value.
///
/// # Errors
/// It cannot be an identifier of that kind.
pub fn normalise(kind: Normalisation, value: &str) -> Result<String, NotAnIdentifier> {
    let value = value.trim();
    if value.is_empty() {
        return Err(NotAnIdentifier::Empty);
    }
    if value.len() > IDENTIFIER_BYTES_MAX {
        return Err(NotAnIdentifier::TooLong);
    }
    if value.chars().any(char::is_control) {
        return Err(NotAnIdentifier::Control);
    }
    let value = match kind {
        Normalisation::Exact => value.to_owned(),
        Normalisation::Lowercase => value.to_lowercase(),
        Normalisation::Email => email(value)?,
        Normalisation::Phone => phone(value)?,
    };
    // Some letters are longer in lower case than in upper case.
    if value.len() > IDENTIFIER_BYTES_MAX { Err(NotAnIdentifier::TooLong) } else { Ok(value) }
}

fn email(value: &str) -> Result<String, NotAnIdentifier> {
    let is_address = value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !value.contains(char::is_whitespace)
    });
    if is_address { Ok(value.to_lowercase()) } else { Err(NotAnIdentifier::NotAnEmail) }
}

fn phone(value: &str) -> Result<String, NotAnIdentifier> {
    let value =
        value.strip_prefix("00").map_or_else(|| value.to_owned(), |rest| format!("+{rest}"));
    let is_filler = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
    let digits: String = value.chars().filter(|c| !is_filler(*c)).collect();
    let is_number = digits.strip_prefix('+').is_some_and(|digits| {
        (6..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    });
    if is_number { Ok(digits) } else { Err(NotAnIdentifier::NotAPhone) }
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
            (Normalisation::Lowercase, "AbC", "abc"),
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
        ] {
            assert!(normalise(kind, value).is_err(), "{value:?}");
        }
    }
}
