//! The journal of withdrawals and erasures: what a restored backup must not forget.
//!
//! A backup of yesterday knows nothing of today's withdrawals; brought back as it is, it would
//! use people's data against their word. So every denial and erasure is written here too, in a
//! file of its own (best on a disk of its own), before it is acknowledged. It holds random ids
//! and scopes, no identifier; a line says which entry, and is authenticated.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use sayso_consent::{Entry, Event, Position, Scope, SubjectId, Timestamp, choice::Effect};
use serde::{Deserialize, Serialize};

use crate::keys::Secrets;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which entry.
    pub position: Position,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub subject: SubjectId,
    /// What was denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<Scope>,
    /// The person was erased or asked for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_erased: bool,
}

impl Line {
    /// The line of an entry, if it takes anything away.
    pub fn of(entry: &Entry) -> Option<Self> {
        let denied = |event: &Event| match event {
            Event::ChoiceRecorded(choice) if choice.effect == Effect::Denial => {
                Some(choice.scope.clone())
            }
            _ => None,
        };
        let denials: Vec<Scope> = entry.events.iter().filter_map(denied).collect();
        let goes = |event: &Event| matches!(event, Event::ErasureRequested | Event::SubjectErased);
        let is_erased = entry.events.iter().any(goes);
        let subject = entry.subject.filter(|_| is_erased || !denials.is_empty())?;
        Some(Self { position: entry.position, at: entry.at, subject, denials, is_erased })
    }
}

/// The open journal.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// The file may end in half a line. The next one begins on a line of its own, for otherwise
    /// it would be unreadable with the torn one.
    is_torn: bool,
}

/// Whether a file ends in the middle of a line.
fn ends_torn(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl Journal {
    /// Opens a journal, or begins one.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let is_torn = ends_torn(&mut file)?;
        Ok(Self { path: path.to_owned(), file, is_torn })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends lines and waits until they are on disk.
    ///
    /// # Errors
    /// They may not be.
    pub fn append(&mut self, lines: &[Line], secrets: &Secrets) -> io::Result<()> {
        let mut bytes = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        for line in lines {
            let json = serde_jcs::to_vec(line)?;
            bytes.extend_from_slice(hex::encode(&secrets.journal_mac(&json)[..16]).as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(&json);
            bytes.push(b'\n');
        }
        self.is_torn = true;
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.is_torn = false;
        Ok(())
    }

    /// Puts the journal aside and begins a new one: after a restore its lines are on the ledger.
    ///
    /// # Errors
    /// The file cannot be renamed.
    pub fn rotate(&mut self, to: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, to)?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

/// Reads the lines of a journal after a position, in order, and how many could not be read: a
/// line torn by a crash was never acknowledged, a changed one was tampered with.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path, after: Position, secrets: &Secrets) -> io::Result<(Vec<Line>, usize)> {
    let mut lines = Vec::new();
    let mut unreadable = 0;
    for text in BufReader::new(File::open(path)?).split(b'\n') {
        let text = text?;
        if text.is_empty() {
            continue;
        }
        match parse(&text, secrets) {
            Some(line) if line.position > after => lines.push(line),
            Some(_) => {}
            None => unreadable += 1,
        }
    }
    Ok((lines, unreadable))
}

fn parse(text: &[u8], secrets: &Secrets) -> Option<Line> {
    let (mac, json) = (text.get(..32)?, text.get(33..)?);
    let is_ours = hex::encode(&secrets.journal_mac(json)[..16]).as_bytes() == mac;
    is_ours.then(|| serde_json::from_slice(json).ok()).flatten()
}
