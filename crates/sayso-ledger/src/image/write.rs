//! Writing: sections as they come, each with its digest; then the head; then the mark that all of
//! it is there.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use sayso_consent::{SubjectId, SubjectState};
use sayso_decision::image::{Frozen, Image, Out};

use super::{Beside, Fresh, Head, Mapped, Sheet, VERSION, authenticate, end, states::Writing};
use crate::{
    keys::{Secrets, random},
    record::Hash,
};

/// The files under way.
struct Both {
    sheet: Sheet,
    people: Writing,
}

/// A file that only its owner can read.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

impl Out for Both {
    fn section(&mut self, words: &[u64]) -> io::Result<()> {
        self.sheet.section(words)
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
    let mut both = Both { sheet: Sheet::new(private(&path)?), people };
    let contents = frozen.write(&mut both)?;
    let Both { sheet, people } = both;
    let (sections, mut file) = sheet.finish();
    let people = Arc::new(people.finish(folder, &name, secrets)?);
    let (version, ledger) = (VERSION, ledger.to_owned());
    let head = Head { version, name, ledger, chain, sections, contents, beside };
    let json = serde_json::to_vec(&head)?;
    file.write_all(&json)?;
    file.write_all(&end::write(&authenticate(secrets, &json), json.len()))?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    let mapped = Arc::new(Mapped::new(&file, &head.sections)?);
    let image = Arc::new(Image::new(&head.contents, mapped, Arc::clone(&people) as _));
    Ok(Fresh { head: frozen.head(), image, people, path })
}
