//! Reading: whether it is all there and as it was written, and of this ledger.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, sync::Arc};

use sayso_decision::{
    Snapshot,
    image::{Image, SECTIONS, resume},
};

use super::{Beside, FILE, Head, Images, Mapped, VERSION, authenticate, end, states::People};
use crate::{
    keys::Secrets,
    store::{self, Store},
};

/// A snapshot that was taken up.
pub(crate) struct Loaded {
    pub(crate) snapshot: Snapshot,
    pub(crate) head: store::Head,
    pub(crate) beside: Beside,
    image: Arc<Image>,
    people: Arc<People>,
}

impl Loaded {
    /// Lets erasures find it.
    pub(crate) fn note(&self, images: &Images) {
        images.note(self.head.position, Arc::clone(&self.image), Arc::clone(&self.people));
    }
}

/// Takes up what was saved, if there is anything and it can be used. What cannot be used is said
/// why, and removed.
pub(crate) fn load(folder: &Path, store: &dyn Store, secrets: &Secrets) -> Option<Loaded> {
    let file = match File::open(folder.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, "snapshot.img cannot be opened; following the ledger instead");
            return None;
        }
    };
    match take_up(folder, &file, store, secrets) {
        Ok(loaded) => {
            remove_others(folder, loaded.people.name());
            Some(loaded)
        }
        Err(why) => {
            tracing::warn!(why, "snapshot.img is not used; following the ledger instead");
            let _ = std::fs::remove_file(folder.join(FILE));
            remove_others(folder, "");
            None
        }
    }
}

/// Removes what belongs to another snapshot.
pub(super) fn remove_others(folder: &Path, name: &str) {
    let own = [format!("people-{name}.img"), format!("gone-{name}.img")];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let is_beside = ["people-", "gone-"].iter().any(|begin| file.starts_with(begin))
            && file.ends_with(".img");
        let is_left = file.starts_with("snapshot-") && file.ends_with(".tmp");
        if is_left || is_beside && !own.contains(&file) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// What the file says of itself.
pub(super) fn read_head(file: &File, secrets: &Secrets) -> Result<Head, String> {
    let torn = |_: io::Error| "it is torn".to_owned();
    let length = file.metadata().map_err(torn)?.len();
    let from = length.checked_sub(end::BYTES as u64).ok_or("it is torn")?;
    let mut last = [0; end::BYTES];
    file.read_exact_at(&mut last, from).map_err(torn)?;
    let (mac, size) = end::read(&last).ok_or("it is torn")?;
    let begin = from.checked_sub(size).ok_or("it is torn")?;
    let mut json = vec![0; usize::try_from(size).map_err(|error| error.to_string())?];
    file.read_exact_at(&mut json, begin).map_err(torn)?;
    if authenticate(secrets, &json) != mac {
        return Err("it was not written with these keys, or was changed since".to_owned());
    }
    let version =
        serde_json::from_slice::<VersionOnly>(&json).map_err(|error| error.to_string())?;
    if version.version != VERSION {
        return Err(format!("it is of version {}, not {VERSION}", version.version));
    }
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

#[derive(serde::Deserialize)]
struct VersionOnly {
    version: u32,
}

fn take_up(
    folder: &Path,
    file: &File,
    store: &dyn Store,
    secrets: &Secrets,
) -> Result<Loaded, String> {
    let head = read_head(file, secrets)?;
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    if head.ledger != store.ledger_id().map_err(|error| failed(&error))? {
        return Err("it is of another ledger".to_owned());
    }
    let position = head.contents.head;
    let before = position.number.checked_sub(1).ok_or("it is of an empty ledger")?;
    let before = sayso_consent::Position { number: before, ..position };
    let own = store.read_after(before, 1).map_err(|error| failed(&error))?;
    if own.first().map(|own| (own.position, own.chain)) != Some((position, head.chain)) {
        return Err("it is of another history".to_owned());
    }
    let people = People::open(folder, &head.name, secrets).map_err(|error| failed(&error))?;
    let gone = people.gone();
    let keys = store.subject_keys(&gone).map_err(|error| failed(&error))?;
    if keys.iter().any(Option::is_some) {
        return Err("it lacks somebody whose erasure was not recorded".to_owned());
    }
    let mapped = Mapped::new(file, &head.sections).map_err(|error| failed(&error))?;
    if head.sections.len() != SECTIONS || !mapped.is_whole() {
        return Err("it is damaged".to_owned());
    }
    let people = Arc::new(people);
    let image = Arc::new(Image::new(&head.contents, Arc::new(mapped), Arc::clone(&people) as _));
    let snapshot = resume(&head.contents, Arc::clone(&image), &gone)
        .ok_or("its parts do not belong together")?;
    let at = store::Head { position, chain: head.chain };
    Ok(Loaded { snapshot, head: at, beside: head.beside, image, people })
}
