//! The snapshot on disk: written while the ledger goes on, mapped at the next start, so that a
//! start is a look at the file and the few entries since, however long the ledger is.
//!
//! It is derived and may be deleted. Three files belong together by a random name:
//!
//! | file | what |
//! |------|------|
//! | `snapshot.img` | the sections of [`sayso_decision::image`], then [`Head`], authenticated |
//! | `people-NAME.img` | each person's state, sealed; nothing else of it is personal |
//! | `gone-NAME.img` | the ids of those who were erased since |
//!
//! A replica starts from the same ([`offer`](Offer) at the server, [`given`](Given) there).
//!
//! An erasure overwrites the state and writes the id before it is appended to the ledger. A file
//! that is torn, changed, of another ledger, of another program, or of a ledger that was put back
//! is not used, and is removed: what it says is worth nothing beside the entries.

mod end;
mod given;
mod offer;
mod read;
mod sheet;
mod states;
mod write;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sayso_consent::{
    SubjectId,
    id::{Lookup, Position},
};
use sayso_decision::image::{Contents, Image};
use serde::{Deserialize, Serialize};

use crate::{
    journal::Settled, keys::Secrets, limits::OFFERS_AT_ONCE, pulse::Counted, record::Hash,
    tree::Tree,
};
use offer::InPlace;
use states::people_file;

pub use given::{Given, Kept, Taking, Unfit};
pub use offer::{Offer, form};
pub(crate) use read::{Loaded, load};
pub use sheet::{Mapped, Section, Sheet};
pub(crate) use states::People;
pub(crate) use write::write;

/// Changes with every change to what is in the files, so that no program misreads another's.
const VERSION: u32 = 2;
/// The name of the mapped file.
const FILE: &str = "snapshot.img";

/// What the file says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u32,
    /// What its files have in their names.
    name: String,
    ledger: String,
    /// The chain up to the newest entry that is in it.
    chain: Hash,
    sections: Vec<Section>,
    contents: Contents,
    beside: Beside,
}

/// What else the ledger knows in memory, as of the same entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Beside {
    pub(crate) tree: Tree,
    pub(crate) pulse: Counted,
    pub(crate) formers: Vec<(Lookup, SubjectId)>,
    /// How far the journal says nothing that the ledger lacks, if there is a journal.
    pub(crate) journal: Option<Settled>,
}

/// What was written, before it takes the place of what was there.
pub(crate) struct Fresh {
    pub(crate) head: Position,
    pub(crate) image: Arc<Image>,
    pub(crate) people: Arc<People>,
    path: PathBuf,
}

/// The files of one ledger.
pub(crate) struct Images {
    folder: PathBuf,
    newest: Mutex<Newest>,
    /// Held by each who sends what is in place to a replica.
    under_way: Arc<()>,
}

#[derive(Default)]
struct Newest {
    /// What is in place.
    people: Option<(Arc<Image>, Arc<People>)>,
    /// Through which entry.
    head: Position,
    /// While one is being written, who was erased since that began.
    since: Option<Vec<SubjectId>>,
}

impl Images {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), newest: Mutex::default(), under_way: Arc::default() }
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where they are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes what a start has taken up.
    pub(crate) fn note(&self, head: Position, image: Arc<Image>, people: Arc<People>) {
        let mut newest = self.newest();
        (newest.head, newest.people) = (head, Some((image, people)));
    }

    /// Through which entry the snapshot is saved.
    pub(crate) fn head(&self) -> Position {
        self.newest().head
    }

    /// Whether anybody was noted who was erased since. If not, an entry that was erased since is
    /// one by a program that did not know of what was saved.
    pub(crate) fn knows_erased(&self) -> bool {
        self.newest().people.as_ref().is_some_and(|(_, people)| !people.gone().is_empty())
    }

    /// From here on it is noted who is erased.
    pub(crate) fn begin(&self) {
        self.newest().since = Some(Vec::new());
    }

    /// Overwrites what was saved of people who are about to be erased.
    ///
    /// # Errors
    /// It may still be there.
    pub(crate) fn forget(&self, erased: &[SubjectId]) -> io::Result<()> {
        let mut newest = self.newest();
        newest.since.iter_mut().for_each(|since| since.extend_from_slice(erased));
        match &newest.people {
            Some((image, people)) => people.forget(image, erased),
            None => Ok(()),
        }
    }

    /// Opens what is in place, to be sent as it is whatever takes its place meanwhile. `None` if
    /// nothing is.
    fn open(&self) -> io::Result<Option<InPlace>> {
        let newest = self.newest();
        let Some((_, people)) = &newest.people else { return Ok(None) };
        // One is this own.
        if Arc::strong_count(&self.under_way) > OFFERS_AT_ONCE {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let file = File::open(self.folder.join(FILE))?;
        let states = File::open(self.folder.join(people_file(people.name())))?;
        let (people, under_way) = (Arc::clone(people), Arc::clone(&self.under_way));
        Ok(Some(InPlace { file, states, people, under_way }))
    }

    /// Who was erased of those whose states these are, once whoever is being forgotten now is.
    fn gone_of(&self, people: &People) -> Vec<SubjectId> {
        let _whole = self.newest();
        people.gone()
    }

    /// Lets what was written take the place of what was there.
    ///
    /// # Errors
    /// What was there stays.
    pub(crate) fn put_in_place(&self, fresh: &Fresh) -> io::Result<()> {
        let mut newest = self.newest();
        let since = newest.since.take().unwrap_or_default();
        fresh.people.forget(&fresh.image, &since)?;
        std::fs::rename(&fresh.path, self.folder.join(FILE))?;
        File::open(&self.folder)?.sync_all()?;
        newest.people = Some((Arc::clone(&fresh.image), Arc::clone(&fresh.people)));
        newest.head = fresh.head;
        read::remove_others(&self.folder, fresh.people.name());
        Ok(())
    }
}

/// What the head is authenticated with.
fn authenticate(secrets: &Secrets, head: &[u8]) -> Hash {
    secrets.image_mac(head)
}
