//! What an entry changes in how people and devices are found.

use sayso_consent::{
    event::{Entry, Event},
    id::{Id, Lookup, SubjectId},
    subject::SubjectState,
};

/// How an entry changes what people and devices are found by.
pub(crate) enum Change {
    /// An identifier.
    Lookup { lookup: Lookup, subject: SubjectId, is_owner: bool },
    /// A device.
    Device { device: Id, subject: SubjectId, is_owner: bool },
}

/// Whether an entry makes somebody known. No other one may: what is recorded about a person who was
/// erased in the meantime must not bring them back, as one who never objected to anything.
pub(crate) fn is_birth(entry: &Entry) -> bool {
    matches!(entry.events.first(), Some(Event::SubjectCreated { .. }))
}

/// The changes that an entry about a subject makes, given the state before it.
pub(crate) fn changes(
    subject: SubjectId,
    entry: &Entry,
    before: Option<&SubjectState>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for event in &entry.events {
        match event {
            Event::IdentifierAdded(identifier) => {
                changes.push(Change::Lookup { lookup: identifier.lookup, subject, is_owner: true });
            }
            Event::IdentifierRemoved { lookup, .. } => {
                changes.push(Change::Lookup { lookup: *lookup, subject, is_owner: false });
            }
            Event::DeviceAcquired { device, .. } => {
                changes.push(Change::Device { device: device.clone(), subject, is_owner: true });
            }
            Event::DeviceReleased { device } => {
                changes.push(Change::Device { device: device.clone(), subject, is_owner: false });
            }
            Event::SubjectErased => {
                let lookups = before.iter().flat_map(|state| &state.identifiers);
                changes.extend(lookups.map(|identifier| Change::Lookup {
                    lookup: identifier.lookup,
                    subject,
                    is_owner: false,
                }));
                let devices = before.iter().flat_map(|state| &state.devices);
                changes.extend(devices.map(|link| Change::Device {
                    device: link.device.clone(),
                    subject,
                    is_owner: false,
                }));
            }
            _ => {}
        }
    }
    changes
}
