//! The journal of withdrawals: whatever takes something away, which a restored backup must not
//! forget.
//!
//! A backup of yesterday knows nothing of today's withdrawals; brought back as it is, it would
//! use people's data against their word. So every entry that takes something away is written here
//! too, in a file of its own (best on a disk of its own), before it is acknowledged. It holds
//! random ids and scopes, no identifier; a line says which entry, and is authenticated.
//!
//! Positions begin anew behind a restored backup, so a line names its entry by the chain up to it,
//! which no two branches share. The file is never cut or put aside: a later restore may bring back
//! a copy from before what an earlier one replayed.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sayso_consent::{Entry, Event, Position, Scope, SubjectId, Timestamp, choice::Effect};
use serde::{Deserialize, Serialize};

use crate::{keys::Secrets, record::Hash, store::Head};

/// One line. One with a member that this program does not know is not read: it may be what denies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Which entry; without a chain, the newest one when it was asked for.
    pub position: Position,
    /// The chain up to that entry; none if it could not be recorded yet.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hexadecimal")]
    pub chain: Option<Hash>,
    /// When.
    pub at: Timestamp,
    /// Whose; none for a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
    /// What was denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<Scope>,
    /// The person was erased or asked for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_erased: bool,
    /// What else was taken away, as on the ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// A mark: what stands above it in the journal is on the ledger, as of this entry.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_caught_up: bool,
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Hash;

    #[expect(clippy::ref_option, reason = "this is what `with` hands over")]
    pub(super) fn serialize<S: Serializer>(chain: &Option<Hash>, to: S) -> Result<S::Ok, S::Error> {
        chain.map(hex::encode).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Hash>, D::Error> {
        let mut chain = Hash::default();
        hex::decode_to_slice(String::deserialize(from)?, &mut chain).map_err(D::Error::custom)?;
        Ok(Some(chain))
    }
}

impl Line {
    /// The line of an entry, if it takes anything away.
    pub fn of(entry: &Entry, chain: Option<Hash>) -> Option<Self> {
        let denied = |event: &Event| match event {
            Event::ChoiceRecorded(choice) if choice.effect == Effect::Denial => {
                Some(choice.scope.clone())
            }
            _ => None,
        };
        let goes = |event: &Event| matches!(event, Event::ErasureRequested | Event::SubjectErased);
        let line = Self {
            position: entry.position,
            chain,
            at: entry.at,
            subject: entry.subject,
            denials: entry.events.iter().filter_map(denied).collect(),
            is_erased: entry.events.iter().any(goes),
            events: entry.events.iter().filter_map(|event| taken(entry.subject, event)).collect(),
            is_caught_up: false,
        };
        let takes_away = line.is_erased || !line.denials.is_empty() || !line.events.is_empty();
        takes_away.then_some(line)
    }

    /// The mark that all above it is on the ledger.
    pub fn mark(head: Head, at: Timestamp) -> Self {
        Self {
            position: head.position,
            chain: Some(head.chain),
            at,
            subject: None,
            denials: Vec::new(),
            is_erased: false,
            events: Vec::new(),
            is_caught_up: true,
        }
    }
}

/// What an event other than a denial or an erasure takes away. An identifier that was removed is
/// left out: its digest would outlive the person's erasure here.
fn taken(subject: Option<SubjectId>, event: &Event) -> Option<Event> {
    match event {
        Event::RestrictionChanged { is_restricted: true }
        | Event::RelationshipChanged { is_active: false }
        | Event::MinorityChanged { minor_until: Some(_) }
        | Event::GuardianChanged { is_guardian: false, .. }
        | Event::DeviceReleased { .. }
        | Event::KeyRevoked { .. } => Some(event.clone()),
        Event::HouseholdChanged { device, household } => {
            let has_left = subject.is_some_and(|subject| !household.contains(&subject));
            let released = || Event::DeviceReleased { device: device.clone() };
            Some(if has_left { released() } else { event.clone() })
        }
        _ => None,
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
    /// Opens a journal, or begins one that only its owner can read.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).read(true).mode(0o600).open(path)?;
        if is_new && let Some(folder) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            // Without it a power cut could take the whole file, with lines that were synced.
            File::open(folder)?.sync_all()?;
        }
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

    /// How far it goes, if all of it is on the ledger and the other way round.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn settled(&self) -> io::Result<Settled> {
        Settled::at(&self.file, self.file.metadata()?.len())
    }

    /// Opens the file afresh: what a failed write left in memory cannot be trusted.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn reopen(&mut self) -> io::Result<()> {
        *self = Self::open(&self.path)?;
        Ok(())
    }

    /// Takes in the lines of another journal that this one lacks.
    ///
    /// # Errors
    /// One of the files fails.
    pub fn take_over(&mut self, from: &Path, secrets: &Secrets) -> io::Result<()> {
        let mut own = HashSet::new();
        each(&self.path, secrets, |line, digest| own.extend(line.map(|_| digest)))?;
        // A mark speaks of the lines above it. Behind lines of this journal it would speak of
        // those, of which it knows nothing.
        let is_empty = own.is_empty();
        let mut missing = Vec::new();
        each(from, secrets, |line, digest| {
            let is_missing =
                |line: &Line| !own.contains(&digest) && (is_empty || !line.is_caught_up);
            missing.extend(line.filter(is_missing));
        })?;
        if missing.is_empty() { Ok(()) } else { self.append(&missing, secrets) }
    }
}

/// How far a journal says nothing that its ledger lacks, and lacks nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Bytes from its beginning.
    bytes: u64,
    /// BLAKE3 of the last of them: another journal does not end alike there.
    end: Hash,
}

/// How many bytes tell one journal from another.
const END_BYTES: u64 = 64;

impl Settled {
    fn at(file: &File, bytes: u64) -> io::Result<Self> {
        let mut end = vec![0; bytes.min(END_BYTES) as usize];
        let from = bytes - end.len() as u64;
        file.read_exact_at(&mut end, from)?;
        Ok(Self { bytes, end: *blake3::hash(&end).as_bytes() })
    }

    /// Whether a journal is still the same so far.
    fn is_of(&self, file: &File) -> bool {
        Self::at(file, self.bytes).is_ok_and(|now| now == *self)
    }
}

/// What a journal speaks of, held against the entries of a ledger.
#[derive(Default)]
pub struct Index {
    /// Where in the journal it begins.
    from: u64,
    /// By chain, whether the ledger has the entry of a line.
    lines: HashMap<Hash, bool>,
    /// By chain, whether the ledger has the entry of a mark.
    marks: HashMap<Hash, bool>,
    /// How many lines could not be read.
    pub unreadable: usize,
}

impl Index {
    /// Reads what a journal speaks of.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(path: &Path, secrets: &Secrets) -> io::Result<Self> {
        Self::read_behind(path, None, secrets).map(|index| index.unwrap_or_default())
    }

    /// The same behind what is settled already; `None` if the journal is another by now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_behind(
        path: &Path,
        settled: Option<&Settled>,
        secrets: &Secrets,
    ) -> io::Result<Option<Self>> {
        let mut index = Self::default();
        if let Some(settled) = settled {
            if !settled.is_of(&File::open(path)?) {
                return Ok(None);
            }
            index.from = settled.bytes;
        }
        index.unreadable = each_from(path, index.from, secrets, |line, _| {
            let Some((line, chain)) = line.and_then(|line| line.chain.map(|chain| (line, chain)))
            else {
                return;
            };
            let known = if line.is_caught_up { &mut index.marks } else { &mut index.lines };
            // Every ledger has its beginning, of which there is no entry to see.
            known.insert(chain, chain == Hash::default());
        })?;
        Ok(Some(index))
    }

    /// Notes that the ledger has an entry. Whether the journal has a line of it.
    pub fn see(&mut self, chain: &Hash) -> bool {
        if let Some(is_there) = self.marks.get_mut(chain) {
            *is_there = true;
        }
        self.lines.get_mut(chain).is_some_and(|is_there| {
            *is_there = true;
            true
        })
    }

    /// The lines that the ledger lacks, once all of its entries were seen.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lacking(&self, path: &Path, secrets: &Secrets) -> io::Result<Vec<Line>> {
        let is_there = |known: &HashMap<Hash, bool>, line: &Line| {
            line.chain.is_some_and(|chain| known.get(&chain) == Some(&true))
        };
        let mut lacking = Vec::new();
        each_from(path, self.from, secrets, |line, _| match line {
            Some(line) if line.is_caught_up && is_there(&self.marks, &line) => lacking.clear(),
            Some(line) if !line.is_caught_up && !is_there(&self.lines, &line) => lacking.push(line),
            _ => {}
        })?;
        Ok(lacking)
    }
}

/// Reads the lines of a journal in order, without its marks, and how many could not be read: a
/// line torn by a crash was never acknowledged, a changed one was tampered with.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path, secrets: &Secrets) -> io::Result<(Vec<Line>, usize)> {
    let mut lines = Vec::new();
    let unreadable = each(path, secrets, |line, _| {
        lines.extend(line.filter(|line| !line.is_caught_up));
    })?;
    Ok((lines, unreadable))
}

/// Hands over every line with its digest, `None` for one that cannot be read. How many those are.
fn each(
    path: &Path,
    secrets: &Secrets,
    take: impl FnMut(Option<Line>, Vec<u8>),
) -> io::Result<usize> {
    each_from(path, 0, secrets, take)
}

fn each_from(
    path: &Path,
    from: u64,
    secrets: &Secrets,
    mut take: impl FnMut(Option<Line>, Vec<u8>),
) -> io::Result<usize> {
    let mut unreadable = 0;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    for text in BufReader::new(file).split(b'\n') {
        let text = text?;
        if text.is_empty() {
            continue;
        }
        let line = parse(&text, secrets);
        unreadable += usize::from(line.is_none());
        take(line, text.get(..32).unwrap_or_default().to_vec());
    }
    Ok(unreadable)
}

fn parse(text: &[u8], secrets: &Secrets) -> Option<Line> {
    let (mac, json) = (text.get(..32)?, text.get(33..)?);
    let is_ours = hex::encode(&secrets.journal_mac(json)[..16]).as_bytes() == mac;
    is_ours.then(|| serde_json::from_slice(json).ok()).flatten()
}
