//! Writing: sections as they come, each with its digest; then the head; then the mark that all of
//! it is there.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use sayso_consent::{SubjectId, SubjectState};
use sayso_decision::image::{Frozen, Image, Out};

use super::{
    Beside, Fresh, Head, MAGIC, Section, VERSION, authenticate, read::Mapped, states::Writing,
};
use crate::{
    keys::{Secrets, random},
    record::Hash,
};

/// The table under way.
struct Sheet {
    file: BufWriter<File>,
    sections: Vec<Section>,
    words: u64,
    people: Writing,
}

/// A file that only its owner can read.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

impl Out for Sheet {
    fn section(&mut self, words: &[u64]) -> io::Result<()> {
        let mut digest = blake3::Hasher::new();
        for some in words.chunks(4_096) {
            let bytes: Vec<u8> = some.iter().flat_map(|word| word.to_ne_bytes()).collect();
            digest.update(&bytes);
            self.file.write_all(&bytes)?;
        }
        let (from, words) = (self.words, words.len() as u64);
        self.sections.push(Section { from, words, digest: *digest.finalize().as_bytes() });
        self.words += words;
        Ok(())
    }

    fn state(&mut self, subject: SubjectId, state: &SubjectState) -> io::Result<u64> {
        self.people.write(subject, state)
    }
}

/// Writes a snapshot beside the one that is in place. It is on disk when this returns.
pub(crate) fn write(
    folder: &Path,
    frozen: &Frozen,
    (ledger, chain): (&str, Hash),
    beside: Beside,
    secrets: &Secrets,
) -> io::Result<Fresh> {
    let name: [u8; 8] = random().map_err(io::Error::other)?;
    let name = hex::encode(name);
    let path = folder.join(format!("snapshot-{name}.tmp"));
    let people = Writing::create(folder, &name, secrets)?;
    let file = BufWriter::with_capacity(1 << 20, private(&path)?);
    let mut sheet = Sheet { file, sections: Vec::new(), words: 0, people };
    let contents = frozen.write(&mut sheet)?;
    let Sheet { mut file, sections, people, .. } = sheet;
    let people = Arc::new(people.finish(folder, &name, secrets)?);
    let (version, ledger) = (VERSION, ledger.to_owned());
    let head = Head { version, name, ledger, chain, sections, contents, beside };
    let json = serde_json::to_vec(&head)?;
    file.write_all(&json)?;
    file.write_all(&authenticate(secrets, &json))?;
    file.write_all(&(json.len() as u64).to_le_bytes())?;
    file.write_all(&MAGIC)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    let mapped = Arc::new(Mapped::new(&file, &head.sections)?);
    let image = Arc::new(Image::new(&head.contents, mapped, Arc::clone(&people) as _));
    Ok(Fresh { head: frozen.head(), image, people, path })
}
