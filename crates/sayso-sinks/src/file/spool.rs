//! The file that is being written, and how it is finished.
//!
//! The number of a file is in the name of its part from the beginning, and the next part is made
//! before a file is finished: so no number comes twice, whatever was fetched and removed meanwhile.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sayso_consent::Timestamp;
use serde::Deserialize;

/// Files are their owner's alone: what is in them is about people.
const MODE: u32 = 0o600;
/// How much of a file's end is looked through for its last whole line at a time, in bytes.
const TAIL_BYTES: u64 = 64 * 1024;

/// A file that is being written.
pub(super) struct Spool {
    folder: PathBuf,
    name: String,
    number: u64,
    part: File,
    bytes: u64,
    /// When its first message was composed.
    since: Option<Timestamp>,
    /// Held as long as this is: two programs must not write to one file.
    _lock: File,
}

#[derive(Deserialize)]
struct Event {
    time: Timestamp,
}

impl Spool {
    /// Goes on with what is there.
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let lock =
            private().create(true).truncate(false).open(folder.join(format!("{name}.lock")))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
            TryLockError::Error(error) => error,
        })?;
        let (parts, finished) = numbers(folder, name)?;
        let newest = parts.last().copied();
        let number = newest.unwrap_or_else(|| finished.last().map_or(1, |number| number + 1));
        // A program that ended while it finished a file had made the next part already.
        for older in parts.iter().filter(|older| **older != number) {
            finish(folder, name, *older)?;
        }
        let path = folder.join(part_name(name, number));
        let mut part = private().create(true).truncate(false).open(&path)?;
        let bytes = whole_lines(&mut part)?;
        part.set_len(bytes)?;
        part.seek(SeekFrom::Start(0))?;
        let mut first = String::new();
        BufReader::new(&part).read_line(&mut first)?;
        let since = serde_json::from_str::<Event>(&first).ok().map(|event| event.time);
        part.seek(SeekFrom::End(0))?;
        sync(folder)?;
        let (folder, name) = (folder.to_owned(), name.to_owned());
        Ok(Self { folder, name, number, part, bytes, since, _lock: lock })
    }

    /// Whether the file is still the one under its name: somebody may have moved it.
    pub(super) fn is_in_place(&self) -> bool {
        let named = fs::metadata(self.folder.join(part_name(&self.name, self.number)));
        match (named, self.part.metadata()) {
            (Ok(named), Ok(own)) => (named.dev(), named.ino()) == (own.dev(), own.ino()),
            _ => false,
        }
    }

    /// Writes lines, and comes back when they are on the disk; otherwise none of them is there.
    pub(super) fn append(&mut self, lines: &[u8], at: Timestamp) -> io::Result<()> {
        let written = self.part.write_all(lines).and_then(|()| self.part.sync_data());
        if let Err(error) = written {
            // What cannot be taken back is cut off when the file is opened again.
            let _ = self.part.set_len(self.bytes).and_then(|()| self.part.seek(SeekFrom::End(0)));
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        self.since.get_or_insert(at);
        Ok(())
    }

    /// Whether it is old or large enough to be finished.
    pub(super) fn is_due(&self, at: Timestamp, rotate_bytes: u64, rotate_seconds: u64) -> bool {
        let age_ms = self.since.map_or(0, |since| at.0.saturating_sub(since.0));
        let is_old = i64::try_from(rotate_seconds * 1_000).is_ok_and(|longest| age_ms >= longest);
        self.bytes >= rotate_bytes || is_old
    }

    /// Finishes it and begins the next.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        let next = self.number + 1;
        let part =
            private().create_new(true).open(self.folder.join(part_name(&self.name, next)))?;
        sync(&self.folder)?;
        let done = std::mem::replace(&mut self.number, next);
        (self.part, self.bytes, self.since) = (part, 0, None);
        finish(&self.folder, &self.name, done)?;
        sync(&self.folder)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(MODE);
    options
}

fn part_name(name: &str, number: u64) -> String {
    format!("{name}-{number:06}.part")
}

/// Gives a file its finished name, if it holds anything. A name that exists is never taken: linking
/// refuses where renaming would overwrite.
fn finish(folder: &Path, name: &str, number: u64) -> io::Result<()> {
    let part = folder.join(part_name(name, number));
    let finished = folder.join(format!("{name}-{number:06}.ndjson"));
    let own = fs::metadata(&part)?;
    if own.len() > 0 {
        match fs::hard_link(&part, &finished) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // It may be this very file, linked by a program that ended before the next line.
                let there = fs::metadata(&finished)?;
                if (there.dev(), there.ino()) != (own.dev(), own.ino()) {
                    return Err(error);
                }
            }
            linked => linked?,
        }
    }
    fs::remove_file(&part)
}

/// The numbers of unfinished and of finished files, in order.
fn numbers(folder: &Path, name: &str) -> io::Result<(Vec<u64>, Vec<u64>)> {
    let (mut parts, mut finished) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name();
        let own = file.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix('-'));
        let Some((number, end)) = own.and_then(|own| own.split_once('.')) else { continue };
        let Ok(number) = number.parse() else { continue };
        match end {
            "part" => parts.push(number),
            "ndjson" => finished.push(number),
            _ => {}
        }
    }
    parts.sort_unstable();
    finished.sort_unstable();
    Ok((parts, finished))
}

/// How many bytes whole lines fill: a line without an end was not delivered.
fn whole_lines(part: &mut File) -> io::Result<u64> {
    let mut end = part.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(TAIL_BYTES);
        part.seek(SeekFrom::Start(begin))?;
        let mut tail = Vec::new();
        Read::by_ref(part).take(end - begin).read_to_end(&mut tail)?;
        if let Some(place) = tail.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + place as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// A new name is on the disk once its folder is.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
