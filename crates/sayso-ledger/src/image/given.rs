//! What a replica was given to start from, in a file of its own that has no name.
//!
//! A server overwrites what it has saved of somebody before they are erased, and saves anew soon
//! after. A replica does not save: it overwrites names as well.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    sync::{Arc, atomic::Ordering},
};

use sayso_consent::{Entry, Event, SubjectId, SubjectState};
use sayso_decision::{
    Snapshot,
    image::{Image, Name, SECTIONS, Sections, States, resume},
};

use super::{
    Mapped, Section, end,
    offer::{Letter, digester, form},
    states::Sealed,
};
use crate::{
    keys::{CryptoError, LookupKey, Secret},
    tail::Place,
};

/// Why what was sent is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It ended too soon, was changed on the way, or was meant for somebody else.
    #[error("it is not whole, or not for this key")]
    Changed,
    /// It is of another form than this program knows.
    #[error("it is of another form")]
    Form,
    /// What was saved at the server is damaged.
    #[error("its parts do not belong together")]
    Parts,
    /// A key in it is none.
    #[error(transparent)]
    Key(#[from] CryptoError),
    /// The letter cannot be read.
    #[error("it says nothing that can be read: {0}")]
    Letter(#[from] serde_json::Error),
    /// It cannot be kept.
    #[error("it cannot be kept: {0}")]
    Io(#[from] io::Error),
}

/// What is being sent, as it comes.
pub struct Taking {
    file: BufWriter<File>,
    bytes: u64,
    digest: blake3::Hasher,
    /// What may be the end.
    held: Vec<u8>,
}

impl Taking {
    /// Into an empty file that nobody else opens, with the digest of the API key's secret.
    pub fn new(file: File, asker: &str) -> Self {
        let file = BufWriter::with_capacity(1 << 20, file);
        Self { file, bytes: 0, digest: digester(asker), held: Vec::new() }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(bytes);
        let ready = self.held.len().saturating_sub(end::BYTES);
        self.digest.update(&self.held[..ready]);
        self.file.write_all(&self.held[..ready])?;
        self.bytes += ready as u64;
        self.held.drain(..ready);
        Ok(())
    }

    /// Takes up what was sent, once nothing more comes.
    ///
    /// # Errors
    /// It is not used; [`Unfit`] says why.
    pub fn finish(self) -> Result<Given, Unfit> {
        let Self { file, bytes, digest, held } = self;
        let (proof, length) = end::read(&held).ok_or(Unfit::Changed)?;
        if digest.finalize() != proof {
            return Err(Unfit::Changed);
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let from = bytes.checked_sub(length).ok_or(Unfit::Parts)?;
        let mut json = vec![0; usize::try_from(length).map_err(|_| Unfit::Parts)?];
        file.read_exact_at(&mut json, from)?;
        if serde_json::from_slice::<FormOnly>(&json)?.form != form() {
            return Err(Unfit::Form);
        }
        Given::new(file, &serde_json::from_slice(&json)?)
    }
}

#[derive(serde::Deserialize)]
struct FormOnly {
    form: String,
}

/// What a replica starts from.
pub struct Given {
    /// The state, as of [`Self::place`].
    pub snapshot: Snapshot,
    /// Where the replica stands.
    pub place: Place,
    /// What identifiers are found by.
    pub lookup_key: LookupKey,
    /// The file that it is read from.
    pub kept: Kept,
}

impl Given {
    fn new(file: File, letter: &Letter) -> Result<Self, Unfit> {
        let mapped = Arc::new(Mapped::new(&file, &letter.sections)?);
        if letter.sections.len() != SECTIONS || !mapped.is_whole() {
            return Err(Unfit::Parts);
        }
        let mut key = Secret::default();
        hex::decode_to_slice(&letter.states, key.as_mut_slice())
            .map_err(|_| CryptoError::Malformed)?;
        let from = letter.sections.iter().map(Section::end).max().unwrap_or(0);
        let gone = letter.gone.iter().copied().collect();
        let people = Arc::new(People { states: Sealed { file, from, key }, gone });
        let image =
            Image::new(&letter.contents, Arc::clone(&mapped) as _, Arc::clone(&people) as _);
        let image = Arc::new(image);
        let snapshot = resume(&letter.contents, Arc::clone(&image), &letter.gone);
        let snapshot = snapshot.ok_or(Unfit::Parts)?;
        let kept = Kept { sections: letter.sections.clone(), mapped, image, people };
        kept.blank(&kept.image.names_of_gone())?;
        let lookup_key = LookupKey::from_hex(&letter.lookup)?;
        Ok(Self { snapshot, place: letter.place(), lookup_key, kept })
    }
}

/// The states that were given, and who was gone already.
struct People {
    states: Sealed,
    gone: HashSet<SubjectId>,
}

impl States for People {
    fn state(&self, subject: SubjectId, place: u64) -> Option<SubjectState> {
        self.states.state(subject, place)
    }

    fn is_gone(&self, subject: SubjectId) -> bool {
        self.gone.contains(&subject)
    }
}

/// What a replica was given, where it lies.
pub struct Kept {
    sections: Vec<Section>,
    mapped: Arc<Mapped>,
    image: Arc<Image>,
    people: Arc<People>,
}

impl Kept {
    /// Overwrites what an entry takes away, before it is applied: names, and the state of somebody
    /// who is erased.
    ///
    /// # Errors
    /// It may still be there.
    pub fn obey(&self, entry: &Entry, snapshot: &Snapshot) -> io::Result<()> {
        let Some(subject) = entry.subject else { return Ok(()) };
        if !entry.events.contains(&Event::SubjectErased) {
            return self.blank(&self.image.names_taken(entry, None));
        }
        snapshot.remember(&[subject]);
        self.blank(&self.image.names_taken(entry, snapshot.subject(subject).as_deref()))?;
        self.image.place(subject).map_or(Ok(()), |place| self.people.states.blank(place))
    }

    /// Overwrites digests, in the file and where it is mapped.
    fn blank(&self, names: &[Name]) -> io::Result<()> {
        for Name { section, word } in names {
            let place = self.sections[*section].place(*word);
            self.people.states.file.write_all_at(&[0; 16], place)?;
            let words = &self.mapped.section(*section)[*word..*word + 2];
            words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        }
        Ok(())
    }
}
