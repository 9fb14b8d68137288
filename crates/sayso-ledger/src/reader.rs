//! A ledger that is only read: followed once into a snapshot, without a writer, also while another
//! process writes it.

use std::{io, path::Path, sync::Arc};

use sayso_consent::{
    catalog::Normalisation,
    id::{Id, Lookup, Position},
};
use sayso_decision::{Snapshot, Staged};

use crate::{
    clock::Clock,
    journal::Index,
    keys::{Digester, Secrets},
    ledger::{IdentifierError, OpenError},
    normalise::{NotAnIdentifier, normalise},
    replay::drafts,
    shared::Shared,
    store::Store,
};

/// What a ledger came to at one position. Nothing in it moves any more.
pub struct Reader {
    shared: Shared,
}

impl Reader {
    /// Follows a store to its end, and holds what only the journal has: a server whose disk fails
    /// has it in force, and whoever reads beside it must not allow more than it does. `show` is
    /// told how far it got.
    ///
    /// # Errors
    /// The store or the journal cannot be read, or not with these secrets.
    pub fn open(
        store: Arc<dyn Store>,
        secrets: Secrets,
        journal: &Path,
        show: &mut dyn FnMut(Position),
    ) -> Result<Self, OpenError> {
        let mut index = read_index(journal, &secrets).map_err(OpenError::Journal)?;
        let begun = store.head()?.position;
        let shared = Shared::new(store, secrets, Clock::system())?;
        let mut is_erased_since = false;
        shared.follow(&mut |record, entry| {
            if let Some(index) = &mut index {
                index.see(&record.chain);
            }
            is_erased_since |= entry.is_none() && record.position > begun;
            show(record.position);
        })?;
        if is_erased_since {
            // What was read of those people before they were erased is still in the snapshot.
            shared.forget_erased(shared.head().position)?;
        }
        if let Some(index) = index {
            hold(&shared, &index, journal).map_err(OpenError::Journal)?;
        }
        Ok(Self { shared })
    }

    /// The state that decisions are read from.
    pub fn snapshot(&self) -> &Snapshot {
        &self.shared.snapshot
    }

    /// Finds people by their identifiers in a namespace.
    ///
    /// # Errors
    /// The catalog does not declare it.
    pub fn finder(&self, namespace: &Id) -> Result<Finder, IdentifierError> {
        let look = self.shared.snapshot.look();
        let declared = look.in_force().and_then(|now| now.catalog.namespaces.get(namespace));
        let kind = declared.ok_or(IdentifierError::UnknownNamespace)?.normalise;
        Ok(Finder { kind, digester: self.shared.secrets.digester(namespace) })
    }
}

/// A journal that does not exist holds nothing back.
fn read_index(journal: &Path, secrets: &Secrets) -> io::Result<Option<Index>> {
    match Index::read(journal, secrets) {
        Ok(index) => Ok(Some(index)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn hold(shared: &Shared, index: &Index, journal: &Path) -> io::Result<()> {
    for line in index.lacking(journal, &shared.secrets)? {
        let due = drafts(&Staged::on(&shared.snapshot), &line);
        due.iter().for_each(|draft| shared.snapshot.hold(draft.subject, &draft.events));
    }
    Ok(())
}

/// Makes identifiers of one namespace comparable, and digests them.
pub struct Finder {
    kind: Normalisation,
    digester: Digester,
}

impl Finder {
    /// The digest that an identifier is found by.
    ///
    /// # Errors
    /// The value cannot be an identifier of this namespace.
    pub fn lookup(&self, value: &str) -> Result<Lookup, NotAnIdentifier> {
        Ok(self.digester.lookup(&normalise(self.kind, value)?))
    }
}
