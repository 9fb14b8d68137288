//! What a recipient is to be told about one thing, put together from the ledger.

use std::sync::Arc;

use sayso_consent::{
    Timestamp,
    id::{Id, Position},
    subject::{Change, IdentifierRef, Pending, SubjectState},
};

use crate::{
    Ledger,
    deliver::encode::{PermissionData, PermissionsData, encode, message_id},
    keys::RecipientKeys,
    sink::{About, Message},
};

/// What a recipient has not applied about a person.
pub(super) fn own<'a>(
    recipient: &Id,
    state: &'a SubjectState,
) -> impl Iterator<Item = &'a Pending> {
    state.pending.iter().filter(move |pending| pending.recipient == *recipient)
}

/// What a recipient has not applied about one thing: through which entry, and the kind of change
/// that matters most.
pub(super) fn owed(
    recipient: &Id,
    state: &SubjectState,
    about: About,
) -> Option<(Position, Change)> {
    let own = || own(recipient, state).filter(|owed| owed.former_lookup() == about.former);
    let position = own().map(|owed| owed.position).max()?;
    Some((position, own().map(|owed| owed.change).min().unwrap_or_default()))
}

/// The names that a message speaks of: those that the recipient knows the person by, or the one
/// that it has to forget, whatever namespace it is declared with by now.
fn names<'a>(
    ledger: &Ledger,
    recipient: &Id,
    state: &'a SubjectState,
    about: About,
) -> Vec<&'a IdentifierRef> {
    if about.former.is_some() {
        let names = own(recipient, state).filter_map(|owed| owed.former.as_ref());
        return names.filter(|name| Some(name.lookup) == about.former).take(1).collect();
    }
    let in_force = ledger.snapshot().in_force();
    let namespace =
        in_force.and_then(|now| now.catalog.recipients.get(recipient)?.namespace.clone());
    let is_known = |own: &&IdentifierRef| Some(&own.namespace) == namespace.as_ref();
    state.identifiers.iter().filter(is_known).collect()
}

/// What the recipient may do now about a person, as it is told. Nothing for who leaves.
pub(super) fn permissions(
    ledger: &Ledger,
    recipient: &Id,
    about: About,
    at: Timestamp,
) -> Arc<[PermissionData]> {
    match about.former {
        Some(_) => Arc::new([]),
        None => {
            let permissions = ledger.snapshot().permissions(about.subject, recipient, at);
            permissions.into_iter().map(Into::into).collect()
        }
    }
}

/// The message about one thing as of now, and what kind of change it tells of; none if the person
/// is unknown, the recipient knows no name for them, or somebody parked what it is sent about them.
/// If nothing is owed it tells of the newest state, which takes nothing away, if somebody wants
/// everybody to be told.
pub(super) fn message(
    ledger: &Ledger,
    (recipient, keys): (&Id, &RecipientKeys),
    (about, anyway): (About, bool),
    at: Timestamp,
) -> Option<(Change, Message)> {
    let state = ledger.snapshot().subject(about.subject)?;
    if state.parked.iter().any(|(parked, _)| parked == recipient) {
        return None;
    }
    let newest = anyway.then_some((state.position, Change::Grant));
    let (position, change) = owed(recipient, &state, about).or(newest)?;
    let identifiers = match ledger.values(names(ledger, recipient, &state, about)) {
        Ok(identifiers) => identifiers,
        Err(error) => {
            tracing::error!(%recipient, %error, "identifiers cannot be read");
            return None;
        }
    };
    if identifiers.is_empty() {
        return None;
    }
    let permissions = permissions(ledger, recipient, about, at);
    let key = keys.of(about);
    let leaving = state.is_leaving || about.former.is_some();
    let data = PermissionsData {
        recipient,
        key: &key,
        position,
        identifiers: &identifiers,
        leaving,
        permissions: &permissions,
    };
    let id = message_id(ledger.id(), recipient, &key, position);
    let body = encode(ledger.id(), &id, at, data).ok()?;
    let message = Message { about, id, key, position, identifiers, leaving, permissions, body, at };
    Some((change, message))
}
