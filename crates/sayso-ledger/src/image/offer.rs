//! What a replica is given to start from: the files that are in place, as they are, then a letter
//! that says what is in them. They are sent while the ledger goes on, so whatever changes meanwhile
//! comes last: whose state was overwritten on the way stands in the letter.
//!
//! | bytes | what |
//! |-------|------|
//! | sections | of `snapshot.img`, without its head |
//! | states | `people-NAME.img` |
//! | letter | JSON: [`Letter`] |
//! | [end](super::end) | a keyed digest of all before it, and how long the letter is |
//!
//! The key of the digest is known to whoever has the API key that asked. So what is torn, changed or
//! was meant for another is told from what is whole.

use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
};

use sayso_consent::{SubjectId, id::Position};
use sayso_decision::image::Contents;
use serde::{Deserialize, Serialize};

use super::{Head, Section, VERSION, end, read::read_head, states::People};
use crate::{record::Hash, shared::Shared, store, tail::Place};

/// How much is read at a time, in bytes.
const PIECE_BYTES: usize = 1 << 18;

/// The form of what is given: the version of what is saved, and the order of a machine's bytes. Who
/// knows another follows the ledger from its beginning.
pub fn form() -> String {
    let order = if cfg!(target_endian = "little") { "le" } else { "be" };
    format!("{VERSION}-{order}")
}

/// What the digest is keyed with, by the digest of the secret of the API key that asks.
pub(super) fn digester(asker: &str) -> blake3::Hasher {
    let key = blake3::derive_key("sayso replica snapshot v1", asker.as_bytes());
    blake3::Hasher::new_keyed(&key)
}

/// What is said of the bytes before it. Nothing in it is anybody's name, and no key in it opens
/// anything but the states that were sent, or tests more than a guess at a name.
#[derive(Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) form: String,
    pub(super) sections: Vec<Section>,
    pub(super) contents: Contents,
    /// What the states were sealed with when they were saved.
    pub(super) states: String,
    /// What identifiers are found by.
    pub(super) lookup: String,
    /// The chain up to the newest entry that is in it.
    pub(super) chain: Hash,
    /// Since when the server knows of erasures. See [`Place`].
    epoch: String,
    /// Who was erased since it was saved.
    pub(super) gone: Vec<SubjectId>,
}

impl Letter {
    /// Where its reader stands. Erasures since are told again: those that the letter knew of are no
    /// harm.
    pub(super) fn place(&self) -> Place {
        let position = self.contents.head;
        let through = store::Head { position, chain: self.chain };
        Place { through, epoch: self.epoch.clone(), told: position }
    }
}

/// A snapshot on its way to a replica.
pub struct Offer {
    shared: Arc<Shared>,
    bytes: io::Chain<io::Take<File>, File>,
    people: Arc<People>,
    letter: Option<Letter>,
    digest: blake3::Hasher,
    /// Counts how many are under way.
    _under_way: Arc<()>,
}

/// What is in place, opened.
pub(super) struct InPlace {
    pub(super) file: File,
    pub(super) states: File,
    pub(super) people: Arc<People>,
    pub(super) under_way: Arc<()>,
}

impl Offer {
    /// Of what is saved, for the API key whose secret has this digest; `None` if nothing is saved.
    ///
    /// # Errors
    /// It cannot be read; [`io::ErrorKind::ResourceBusy`] if too many are under way.
    pub(crate) fn new(shared: &Arc<Shared>, asker: &str) -> io::Result<Option<Self>> {
        let Some(images) = &shared.images else { return Ok(None) };
        // Before it is looked who is gone: who is forgotten here from now on changes the epoch.
        let epoch = shared.erasures.after(Position::START).epoch;
        let Some(InPlace { file, states, people, under_way }) = images.open()? else {
            return Ok(None);
        };
        let head = read_head(&file, &shared.secrets).map_err(io::Error::other)?;
        let Head { name, chain, sections, contents, .. } = head;
        if name != people.name() {
            return Err(io::Error::other("snapshot.img is not the one that was put in place"));
        }
        let through = sections.iter().map(Section::end).max().unwrap_or(0);
        let letter = Letter {
            form: form(),
            sections,
            contents: contents.without_sinks(),
            states: hex::encode(*shared.secrets.image_states(&name)),
            lookup: shared.secrets.lookup_key().to_hex().to_string(),
            chain,
            epoch,
            gone: Vec::new(),
        };
        Ok(Some(Self {
            shared: Arc::clone(shared),
            bytes: file.take(through).chain(states),
            people,
            letter: Some(letter),
            digest: digester(asker),
            _under_way: under_way,
        }))
    }

    /// The next bytes; none at the end. Blocks.
    ///
    /// # Errors
    /// They cannot be read, and what was sent is worth nothing.
    pub fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut piece = vec![0; PIECE_BYTES];
        let count = self.bytes.read(&mut piece)?;
        piece.truncate(count);
        if count == 0 {
            let Some(letter) = self.letter.take() else { return Ok(None) };
            let images = self.shared.images.as_ref().ok_or(io::ErrorKind::Unsupported)?;
            piece = serde_json::to_vec(&Letter { gone: images.gone_of(&self.people), ..letter })?;
            self.digest.update(&piece);
            piece.extend(end::write(self.digest.finalize().as_bytes(), piece.len()));
        } else {
            self.digest.update(&piece);
        }
        Ok(Some(piece))
    }
}
