//! Each person's state, sealed for its place, and who is gone.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::{PoisonError, RwLock},
};

use sayso_consent::{SubjectId, SubjectState};
use sayso_decision::image::{Image, States};

use super::write::private;
use crate::keys::{Secret, Secrets, open, seal};

/// What the file of states begins with: a place is never 0.
const BEGIN: [u8; 8] = *b"sayso-pe";

/// Where a state belongs: bytes moved to another person or place do not open there.
fn place_of(subject: SubjectId, place: u64) -> Vec<u8> {
    [b"sayso state v1\0".as_slice(), &subject.0.to_be_bytes(), &place.to_be_bytes()].concat()
}

pub(super) fn people_file(name: &str) -> String {
    format!("people-{name}.img")
}

fn gone_file(name: &str) -> String {
    format!("gone-{name}.img")
}

/// The states under way.
pub(super) struct Writing {
    file: BufWriter<File>,
    at: u64,
    key: Secret,
}

impl Writing {
    pub(super) fn create(folder: &Path, name: &str, secrets: &Secrets) -> io::Result<Self> {
        let file = private(&folder.join(people_file(name)))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&BEGIN)?;
        Ok(Self { file, at: BEGIN.len() as u64, key: secrets.image_states(name) })
    }

    pub(super) fn write(&mut self, subject: SubjectId, state: &SubjectState) -> io::Result<u64> {
        let place = self.at;
        let json = serde_json::to_vec(state)?;
        let sealed = seal(&self.key, &place_of(subject, place), &json).map_err(io::Error::other)?;
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&sealed)?;
        self.at += 4 + u64::from(length);
        Ok(place)
    }

    pub(super) fn finish(self, folder: &Path, name: &str, secrets: &Secrets) -> io::Result<People> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        private(&folder.join(gone_file(name)))?.sync_all()?;
        People::open(folder, name, secrets)
    }
}

/// States in a file, read where they lie.
pub(super) struct Sealed {
    pub(super) file: File,
    /// Where the states begin: places count from here.
    pub(super) from: u64,
    pub(super) key: Secret,
}

impl Sealed {
    fn length(&self, place: u64) -> io::Result<usize> {
        let mut length = [0; 4];
        self.file.read_exact_at(&mut length, self.from + place)?;
        Ok(u32::from_le_bytes(length) as usize)
    }

    fn read(&self, subject: SubjectId, place: u64) -> io::Result<SubjectState> {
        let mut sealed = vec![0; self.length(place)?];
        self.file.read_exact_at(&mut sealed, self.from + place + 4)?;
        let json = open(&self.key, &place_of(subject, place), &sealed).map_err(io::Error::other)?;
        Ok(serde_json::from_slice(&json)?)
    }

    /// The state at a place; `None` if it cannot be read, which is said.
    pub(super) fn state(&self, subject: SubjectId, place: u64) -> Option<SubjectState> {
        let read = self.read(subject, place);
        read.inspect_err(|error| {
            tracing::error!(%error, "a saved state cannot be read; start again without snapshot.img");
        })
        .ok()
    }

    /// Overwrites the state at a place.
    pub(super) fn blank(&self, place: u64) -> io::Result<()> {
        let zeros = vec![0; self.length(place)?];
        self.file.write_all_at(&zeros, self.from + place + 4)
    }
}

/// The states of people who are known here, and who of them is gone.
pub(crate) struct People {
    name: String,
    states: Sealed,
    gone: File,
    who: RwLock<HashSet<SubjectId>>,
}

impl People {
    pub(super) fn open(folder: &Path, name: &str, secrets: &Secrets) -> io::Result<Self> {
        let mut both = OpenOptions::new();
        let file = both.read(true).write(true).open(folder.join(people_file(name)))?;
        let mut gone = OpenOptions::new();
        let mut gone = gone.read(true).append(true).open(folder.join(gone_file(name)))?;
        let mut ids = Vec::new();
        gone.read_to_end(&mut ids)?;
        let whole = ids.chunks_exact(16);
        if !whole.remainder().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "torn"));
        }
        let id = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).map(u128::from_be_bytes).ok();
        let who = RwLock::new(whole.filter_map(id).map(SubjectId).collect());
        let states = Sealed { file, from: 0, key: secrets.image_states(name) };
        Ok(Self { name: name.to_owned(), states, gone, who })
    }

    /// What its files have in their names.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Who was erased since.
    pub(crate) fn gone(&self) -> Vec<SubjectId> {
        self.who.read().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Overwrites the states of people, and notes that they are gone.
    pub(super) fn forget(&self, image: &Image, erased: &[SubjectId]) -> io::Result<()> {
        if erased.is_empty() {
            return Ok(());
        }
        let mut ids = Vec::new();
        for subject in erased {
            image.place(*subject).map_or(Ok(()), |place| self.states.blank(place))?;
            ids.extend(subject.0.to_be_bytes());
        }
        self.states.file.sync_data()?;
        (&self.gone).write_all(&ids)?;
        self.gone.sync_data()?;
        self.who.write().unwrap_or_else(PoisonError::into_inner).extend(erased);
        Ok(())
    }
}

impl States for People {
    fn state(&self, subject: SubjectId, place: u64) -> Option<SubjectState> {
        self.states.state(subject, place)
    }

    fn is_gone(&self, subject: SubjectId) -> bool {
        self.who.read().unwrap_or_else(PoisonError::into_inner).contains(&subject)
    }
}
