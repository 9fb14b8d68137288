//! Whose identifier a text is. Asked about many people one after another, most of whose identifiers
//! are of one namespace, it looks that up once and digests it once.

use sayso_consent::{Id, SubjectId, catalog::Normalisation, id::Lookup};
use sayso_decision::Snapshot;
use sayso_ledger::{
    keys::{Digester, LookupKey},
    normalise::normalise,
};

use crate::auth::Principal;

/// Finds people for whoever asks. It holds the namespaces of the catalog as they were when they
/// were first met, and is to be let go of soon.
pub(crate) struct Finder<'a> {
    snapshot: &'a Snapshot,
    key: &'a LookupKey,
    principal: &'a Principal,
    last: Option<(String, Option<Namespace>)>,
}

/// What a text says of whom it means.
#[derive(Clone, Copy)]
enum Name {
    Subject(SubjectId),
    Lookup(Lookup),
}

/// How an identifier of a namespace is made comparable, and what it is digested with.
struct Namespace {
    normalisation: Normalisation,
    digester: Digester,
}

impl<'a> Finder<'a> {
    /// A recipient's key may use the identifiers of its own namespace only: it must not learn who
    /// somebody is by trying names it was never told.
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        key: &'a LookupKey,
        principal: &'a Principal,
    ) -> Self {
        Self { snapshot, key, principal, last: None }
    }

    /// Who is meant by a subject id or `namespace:value`.
    pub(crate) fn find(&mut self, text: &str) -> Option<SubjectId> {
        match self.name(text)? {
            Name::Subject(subject) => Some(subject),
            Name::Lookup(lookup) => self.snapshot.owner(&lookup),
        }
    }

    /// The same of many at once.
    pub(crate) fn find_each<'t>(
        &mut self,
        texts: impl Iterator<Item = &'t str>,
    ) -> Vec<Option<SubjectId>> {
        let names: Vec<Option<Name>> = texts.map(|text| self.name(text)).collect();
        let lookup = |name: &Option<Name>| match name {
            Some(Name::Lookup(lookup)) => Some(*lookup),
            _ => None,
        };
        let (lookups, mut people): (Vec<_>, _) = (names.iter().map(lookup).collect(), Vec::new());
        self.snapshot.owners(&lookups, &mut people);
        for (person, name) in people.iter_mut().zip(names) {
            if let Some(Name::Subject(subject)) = name {
                *person = Some(subject);
            }
        }
        people
    }

    fn name(&mut self, text: &str) -> Option<Name> {
        if let Ok(subject) = text.parse() {
            return Some(Name::Subject(subject));
        }
        let (name, value) = text.split_once(':')?;
        if self.last.as_ref().is_none_or(|(last, _)| last != name) {
            self.last = Some((name.to_owned(), self.namespace(name)));
        }
        let (_, namespace) = self.last.as_ref()?;
        let Namespace { normalisation, digester } = namespace.as_ref()?;
        let value = normalise(*normalisation, value).ok()?;
        Some(Name::Lookup(digester.lookup(&value)))
    }

    fn namespace(&self, name: &str) -> Option<Namespace> {
        let look = self.snapshot.look();
        let catalog = &look.in_force()?.catalog;
        if let Some(recipient) = self.principal.recipient() {
            let own = catalog.recipients.get(recipient)?.namespace.as_ref()?;
            if own.as_str() != name {
                return None;
            }
        }
        let name: Id = name.parse().ok()?;
        let normalisation = catalog.namespaces.get(&name)?.normalise;
        Some(Namespace { normalisation, digester: self.key.digester(&name) })
    }
}
