//! Writing a list, and seeing whether it was taken.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use sayso_consent::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    config::{Form, Settings},
    state::{State, Waiting},
};

/// Lists are for a partner, who shares a group with us at most.
const MODE: u32 = 0o640;

/// The page that goes with a list.
#[derive(Serialize)]
struct Manifest<'a> {
    /// The file that it speaks of.
    file: &'a str,
    number: u64,
    at: Timestamp,
    columns: &'a [&'a str],
    /// How many lines there are below the head.
    rows: u64,
    /// Of the file, in hexadecimal digits.
    sha256: &'a str,
    /// Everything up to here is in it.
    position: Option<String>,
    purpose: Option<&'a str>,
}

/// The lists of one recipient.
pub(super) struct Shelf<'a> {
    pub(super) settings: &'a Settings,
    pub(super) name: &'a str,
}

impl Shelf<'_> {
    fn path(&self, number: u64, end: &str) -> PathBuf {
        self.settings.exports.join(format!("{}-{number:06}.{end}", self.name))
    }

    /// Writes a complete list: whole, on the disk, and under its name last.
    pub(super) fn write(&self, state: &State, list: Waiting) -> io::Result<()> {
        let Waiting { number, at } = list;
        let one = self.settings.purpose.is_some();
        let column = self.settings.form.column();
        let columns: &[&str] = if one {
            &[column, "leaving"]
        } else {
            &[column, "purpose", "data", "channel", "leaving"]
        };
        let temporary = self.path(number, "csv.new");
        let (rows, sha256) = self.write_rows(state, &temporary, columns)?;
        let finished = self.path(number, "csv");
        let file = finished.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let position = state.position().map_err(io::Error::other)?;
        let manifest = Manifest {
            file,
            number,
            at,
            columns,
            rows,
            sha256: &sha256,
            position: position.map(|position| position.to_string()),
            purpose: self.settings.purpose.as_ref().map(|purpose| purpose.as_str()),
        };
        let beside = self.path(number, "json.new");
        let mut page = create(&beside)?;
        page.write_all(&serde_json::to_vec_pretty(&manifest)?)?;
        page.sync_all()?;
        fs::rename(&beside, self.path(number, "json"))?;
        fs::rename(&temporary, &finished)?;
        File::open(&self.settings.exports)?.sync_all()
    }

    fn write_rows(
        &self,
        state: &State,
        path: &Path,
        columns: &[&str],
    ) -> io::Result<(u64, String)> {
        let mut file = Hashing { inner: BufWriter::new(create(path)?), digest: Sha256::new() };
        let mut rows = 0;
        let mut csv = csv::Writer::from_writer(&mut file);
        csv.write_record(columns)?;
        let mut select = state.connection().prepare(LISTED).map_err(io::Error::other)?;
        let mut listed = select.query([]).map_err(io::Error::other)?;
        while let Some(row) = listed.next().map_err(io::Error::other)? {
            let text = |place| row.get::<_, String>(place).map_err(io::Error::other);
            let name = shown(&text(0)?, self.settings.form);
            let is_leaving: bool = row.get(4).map_err(io::Error::other)?;
            let leaving = if is_leaving { "1" } else { "0" };
            match columns.len() {
                2 => csv.write_record([&*name, leaving])?,
                _ => csv.write_record([&*name, &text(1)?, &text(2)?, &text(3)?, leaving])?,
            }
            rows += 1;
        }
        csv.flush()?;
        drop(csv);
        let Hashing { inner, digest } = file;
        inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok((rows, hex(&digest.finalize())))
    }

    /// Whether a list was taken. What is left of it is removed.
    pub(super) fn is_taken(&self, number: u64) -> io::Result<bool> {
        let is_marked = self.path(number, "csv.taken").try_exists()?;
        if !is_marked && self.path(number, "csv").try_exists()? {
            return Ok(false);
        }
        for end in ["csv", "json", "csv.taken"] {
            remove(&self.path(number, end))?;
        }
        Ok(true)
    }

    /// Takes back a list that a newer one replaces; whether somebody took it before.
    pub(super) fn take_back(&self, number: u64) -> io::Result<bool> {
        if self.is_taken(number)? {
            return Ok(true);
        }
        // Of two who remove a file one is told that it was there.
        let was_there = remove(&self.path(number, "csv"))?;
        remove(&self.path(number, "json"))?;
        Ok(!was_there)
    }
}

/// Whoever came to a name last says what may be done under it.
const LISTED: &str = "
select n.name, d.purpose, d.data, d.channel, p.leaving
from names n join people p on p.key = n.key join denied d on d.key = n.key
where not exists (
  select 1 from names other join people q on q.key = other.key
  where other.name = n.name and other.key <> n.key
  and (q.told_at_ms, q.epoch, q.position, not q.leaving)
    > (p.told_at_ms, p.epoch, p.position, not p.leaving))
order by n.name, d.purpose, d.data, d.channel";

fn shown(name: &str, form: Form) -> String {
    let value = name.split_once(':').map_or(name, |(_, value)| value);
    match form {
        Form::Plain => value.to_owned(),
        Form::Sha256 => hex(&Sha256::digest(value.trim().to_lowercase())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new file, also where a list that was not finished lies.
fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}

/// Removes a file; whether it was there.
fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sees everything that is written.
struct Hashing<W> {
    inner: W,
    digest: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
