//! What holds for the parsers below the API.

use sayso_consent::{Choice, catalog::Normalisation};
use sayso_ledger::{
    limits::IDENTIFIER_BYTES_MAX,
    normalise::{NotAnIdentifier, normalise},
};

/// A text is a catalog that reads back to itself, or has problems, each with its place.
pub(crate) fn catalog(text: &str) {
    match sayso_catalog::read(text, "catalog.yaml") {
        Ok(catalog) => {
            let json = serde_json::to_string(&catalog).unwrap();
            assert_eq!(sayso_catalog::read(&json, "catalog.json").unwrap(), catalog);
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "a refused catalog has a problem");
            assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0));
        }
    }
}

/// The comparable form of an identifier is its own comparable form, or two systems that pass a
/// value on would find two people. An error has no place for the value: if a kind of error gets
/// one, this no longer compiles. (To search the text for the value finds whatever the text says
/// anyway, such as `@example.org`.)
pub(crate) fn identifier(value: &str) {
    for kind in
        [Normalisation::Exact, Normalisation::Lowercase, Normalisation::Email, Normalisation::Phone]
    {
        match normalise(kind, value) {
            Ok(once) => {
                assert!(
                    !once.is_empty() && once.len() <= IDENTIFIER_BYTES_MAX,
                    "{kind:?}: {} bytes",
                    once.len()
                );
                assert_eq!(normalise(kind, &once).as_deref(), Ok(&*once), "{kind:?}");
            }
            Err(
                NotAnIdentifier::Empty
                | NotAnIdentifier::TooLong
                | NotAnIdentifier::Control
                | NotAnIdentifier::NotAnEmail
                | NotAnIdentifier::NotAPhone,
            ) => {}
        }
    }
}

/// A choice that reads writes and reads back to the same.
pub(crate) fn choice(bytes: &[u8]) {
    let Ok(choice) = serde_json::from_slice::<Choice>(bytes) else { return };
    let written = serde_json::to_vec(&choice).unwrap();
    assert_eq!(serde_json::from_slice::<Choice>(&written).unwrap(), choice);
}
