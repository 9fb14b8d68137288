//! From an identifier to a person, by the digest that the snapshot knows.

use sayso_consent::id::{Id, Lookup, SubjectId};
use sayso_decision::Snapshot;

use crate::{
    keys::LookupKey,
    normalise::{NotAnIdentifier, normalise},
};

/// An identifier is refused: its namespace is not declared, or its value cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Not `namespace:value`.
    #[error("an identifier is written `namespace:value`, as in `crm:4711`")]
    NoNamespace,
    /// The catalog has no such namespace. It is not said which: where a name belongs, somebody's
    /// number may stand.
    #[error("the catalog has no namespace of this name; before the colon stands one that it has")]
    UnknownNamespace,
    /// The value cannot be one.
    #[error(transparent)]
    Value(#[from] NotAnIdentifier),
}

/// The person of `namespace:value`; none if nobody is known by it.
///
/// # Errors
/// The text is no identifier.
pub fn find(
    snapshot: &Snapshot,
    key: &LookupKey,
    identifier: &str,
) -> Result<Option<SubjectId>, IdentifierError> {
    let (namespace, value) = identifier.split_once(':').ok_or(IdentifierError::NoNamespace)?;
    let namespace = namespace.parse().map_err(|_| IdentifierError::NoNamespace)?;
    let (_, lookup) = identify(snapshot, key, &namespace, value)?;
    Ok(snapshot.owner(&lookup))
}

/// The comparable value of an identifier, and the digest it is found by.
pub(crate) fn identify(
    snapshot: &Snapshot,
    key: &LookupKey,
    namespace: &Id,
    value: &str,
) -> Result<(String, Lookup), IdentifierError> {
    let look = snapshot.look();
    let declared = look.in_force().and_then(|now| now.catalog.namespaces.get(namespace));
    let kind = declared.ok_or(IdentifierError::UnknownNamespace)?.normalise;
    let value = normalise(kind, value)?;
    let lookup = key.lookup(namespace, &value);
    Ok((value.into_owned(), lookup))
}
