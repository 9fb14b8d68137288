//! A snapshot that was saved, read where it lies, and how it is made while decisions go on.
//!
//! What is saved are the engine's sections ([`crate::engine::saved`]), then people by identifier
//! and by device (256 sections each, by the first byte of the digest), the states of people, each
//! at a place of its own, and [`Contents`], which holds all of it together. Who writes and maps
//! files is not known here.
//!
//! A section of people is a table with open addressing, four words an entry: digest, subject.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sayso_consent::{
    catalog::InForce,
    event::{Entry, Key},
    id::{Id, Lookup, Position, SubjectId},
    sink::Sinks,
    subject::SubjectState,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

pub use crate::engine::saved::{EngineContents, Out, Sections};
use crate::{
    engine::{
        saved::{OTHERS, Run},
        table::{Keyed, PARTS, Part, Table, part_of},
    },
    index::{Change, changes},
    layers::{SHARDS, Sharded},
    snapshot::{Came, Snapshot},
};

/// The first section of people by identifier.
const LOOKUPS: usize = OTHERS;
/// The first section of people by device.
const DEVICES: usize = LOOKUPS + SHARDS;
/// How many sections there are.
pub const SECTIONS: usize = DEVICES + SHARDS;

/// What is said about the sections.
#[derive(Debug, Serialize, Deserialize)]
pub struct Contents {
    /// Everything through this entry is in it.
    pub head: Position,
    latest: Timestamp,
    count: usize,
    in_force: Option<InForce>,
    keys: Vec<Key>,
    #[serde(default)]
    sinks: Sinks,
    engine: EngineContents,
    /// People whose hash is another's, and where their states are.
    strays: Vec<(SubjectId, u64)>,
}

impl Contents {
    /// For who decides and tells nobody anything.
    #[must_use]
    pub fn without_sinks(self) -> Self {
        Self { sinks: Sinks::new(), ..self }
    }
}

/// The states of people, by their places.
pub trait States: Send + Sync {
    /// The state at a place; `None` if it is gone or cannot be read.
    fn state(&self, subject: SubjectId, place: u64) -> Option<SubjectState>;

    /// Whether a person was erased since it was saved.
    fn is_gone(&self, subject: SubjectId) -> bool;
}

/// Where a name stands: its digest is two words, and behind them is whose it is. Who overwrites the
/// digest leaves the rest: a search for another name may come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The section.
    pub section: usize,
    /// The first word within it.
    pub word: usize,
}

/// A saved snapshot. What it has does not change; what changed since is in memory.
pub struct Image {
    sections: Arc<dyn Sections>,
    states: Arc<dyn States>,
    keyed: Keyed,
    parts: Vec<Part>,
    strays: HashMap<SubjectId, u64>,
}

fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

fn pair(words: &[AtomicU64]) -> u128 {
    u128::from(load(&words[0])) << 64 | u128::from(load(&words[1]))
}

impl Image {
    /// What was saved, where it lies.
    pub fn new(contents: &Contents, sections: Arc<dyn Sections>, states: Arc<dyn States>) -> Self {
        let saved = |number| Run::Saved(Arc::clone(&sections), number);
        let part = |number| {
            let capacity = contents.engine.capacity(number);
            Part::saved(saved(2 * number), saved(2 * number + 1), capacity)
        };
        let parts = (0..PARTS).map(part).collect();
        let strays = contents.strays.iter().copied().collect();
        Self { states, keyed: contents.engine.keyed(), parts, strays, sections }
    }

    /// What was known about a person.
    pub(crate) fn state(&self, subject: SubjectId) -> Option<SubjectState> {
        let place = self.place(subject).filter(|_| !self.states.is_gone(subject))?;
        self.states.state(subject, place)
    }

    /// Whether somebody was known and is not gone.
    pub(crate) fn has(&self, subject: SubjectId) -> bool {
        self.place(subject).is_some() && !self.states.is_gone(subject)
    }

    /// Where a person's state is.
    pub fn place(&self, subject: SubjectId) -> Option<u64> {
        let number = part_of(subject);
        let part = &self.parts[number];
        if let Some(at) = part.at(self.keyed.person(subject)) {
            let beside = self.sections.section(2 * number + 1);
            let place = beside.get(2 * part.capacity() + at).map(load);
            return place.filter(|place| *place != 0);
        }
        self.strays.get(&subject).copied()
    }

    /// Whose identifier a digest was.
    pub(crate) fn owner(&self, lookup: &Lookup) -> Option<SubjectId> {
        self.find(LOOKUPS, u128::from_be_bytes(lookup.0))
    }

    /// Whose a device was.
    pub(crate) fn device_owner(&self, device: &Id) -> Option<SubjectId> {
        self.find(DEVICES, self.keyed.name(device.as_str()))
    }

    fn find(&self, first: usize, digest: u128) -> Option<SubjectId> {
        let Name { section, word } = self.seek(first, digest)?;
        let subject = SubjectId(pair(&self.sections.section(section)[word + 2..]));
        (!self.states.is_gone(subject)).then_some(subject)
    }

    /// Where a digest stands.
    fn seek(&self, first: usize, digest: u128) -> Option<Name> {
        let section = first + (digest >> 120) as usize;
        let words = self.sections.section(section);
        let capacity = words.len() / 4;
        let mut at = home(digest, capacity);
        for _ in 0..capacity {
            if pair(&words[4 * at + 2..]) == 0 {
                return None;
            }
            if pair(&words[4 * at..]) == digest {
                return Some(Name { section, word: 4 * at });
            }
            at = (at + 1) % capacity;
        }
        None
    }

    /// Where the names stand that an entry takes from a person, whose state before it is `before`.
    pub fn names_taken(&self, entry: &Entry, before: Option<&SubjectState>) -> Vec<Name> {
        let Some(subject) = entry.subject else { return Vec::new() };
        let taken = changes(subject, entry, before).into_iter().filter_map(|change| match change {
            Change::Lookup { lookup, is_owner: false, .. } => {
                self.seek(LOOKUPS, u128::from_be_bytes(lookup.0))
            }
            Change::Device { device, is_owner: false, .. } => {
                self.seek(DEVICES, self.keyed.name(device.as_str()))
            }
            _ => None,
        });
        taken.filter(|name| self.owner_of(*name) == subject).collect()
    }

    /// Where the names of those stand who were erased since it was saved.
    pub fn names_of_gone(&self) -> Vec<Name> {
        let names = |section| {
            let count = self.sections.section(section).len() / 4;
            (0..count).map(move |at| Name { section, word: 4 * at })
        };
        let is_gone = |name: &Name| self.states.is_gone(self.owner_of(*name));
        (LOOKUPS..SECTIONS).flat_map(names).filter(is_gone).collect()
    }

    fn owner_of(&self, name: Name) -> SubjectId {
        SubjectId(pair(&self.sections.section(name.section)[name.word + 2..]))
    }

    /// The people whose ids begin with a byte, in no order, without those who are gone.
    pub(crate) fn people(&self, first: usize) -> Vec<SubjectId> {
        let parts = PARTS / SHARDS;
        let of_part = |number: usize| {
            let part = &self.parts[number];
            let beside = self.sections.section(2 * number + 1);
            let has_state = |at: &usize| {
                beside.get(2 * part.capacity() + at).is_some_and(|place| load(place) != 0)
            };
            (0..part.capacity()).filter(has_state).map(|at| SubjectId(part.who(at)))
        };
        let strays = self.strays.keys().copied().filter(|subject| subject.shard() == first);
        let all = (first * parts..(first + 1) * parts).flat_map(of_part).chain(strays);
        all.filter(|subject| !self.states.is_gone(*subject)).collect()
    }

    fn entries(&self, section: usize) -> impl Iterator<Item = (u128, SubjectId)> {
        let entries = self.sections.section(section).chunks_exact(4);
        let entries = entries.map(|words| (pair(words), SubjectId(pair(&words[2..]))));
        entries.filter(|(_, subject)| subject.0 != 0 && !self.states.is_gone(*subject))
    }
}

fn home(digest: u128, capacity: usize) -> usize {
    // The upper byte names the section; the lower half is as random as the rest.
    ((u128::from(digest as u64) * capacity as u128) >> 64) as usize
}

/// A table of people by digest.
fn tabulate(entries: &HashMap<u128, SubjectId>) -> Vec<u64> {
    let capacity = if entries.is_empty() { 0 } else { entries.len() * 5 / 4 + 1 };
    let mut words = vec![0; 4 * capacity];
    for (digest, subject) in entries {
        let mut at = home(*digest, capacity);
        while words[4 * at + 2] != 0 || words[4 * at + 3] != 0 {
            at = (at + 1) % capacity;
        }
        let halves = |whole: u128| [(whole >> 64) as u64, whole as u64];
        words[4 * at..4 * at + 2].copy_from_slice(&halves(*digest));
        words[4 * at + 2..4 * at + 4].copy_from_slice(&halves(subject.0));
    }
    words
}

/// A snapshot as it was at a moment, to be saved while the ledger goes on.
pub struct Frozen {
    snapshot: Arc<Snapshot>,
    pub(crate) head: Position,
    latest: Timestamp,
    count: usize,
    in_force: Option<Arc<InForce>>,
    catalogs: Arc<Vec<Arc<Came>>>,
    keys: Vec<Arc<Key>>,
    sinks: Arc<Sinks>,
    base: Option<Arc<Image>>,
    table: Table,
}

impl Frozen {
    /// As it is now. Only the thread that applies entries may call this, between two of them.
    pub(crate) fn now(snapshot: &Arc<Snapshot>) -> Self {
        snapshot.people.freeze();
        snapshot.lookups.freeze();
        snapshot.devices.freeze();
        Self {
            head: snapshot.head(),
            latest: snapshot.latest(),
            count: snapshot.count(),
            in_force: snapshot.in_force(),
            catalogs: snapshot.catalogs.load_full(),
            keys: snapshot.keys(),
            sinks: snapshot.sinks(),
            base: snapshot.base.load_full(),
            table: snapshot.engine.table(),
            snapshot: Arc::clone(snapshot),
        }
    }

    /// Everything through this entry is in it.
    pub fn head(&self) -> Position {
        self.head
    }

    fn state(&self, subject: SubjectId) -> Option<Arc<SubjectState>> {
        let below = || Some(Arc::new(self.base.as_ref()?.state(subject)?));
        let state = self.snapshot.people.frozen(&subject).or_below(below)?;
        Some(crate::snapshot::up_to_date(&self.catalogs, state))
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, out: &mut dyn Out) -> io::Result<Contents> {
        let engine = &self.snapshot.engine;
        let mut strays = Vec::new();
        for subject in engine.all_sharing() {
            let is_beside = self.table.part(part_of(subject)).at(engine.key_of(subject)).is_none();
            if let Some(state) = self.state(subject).filter(|_| is_beside) {
                strays.push((subject, out.state(subject, &state)?));
            }
        }
        let engine = engine.save(&self.table, out, |out, subject| match self.state(subject) {
            Some(state) => Ok(Some(out.state(subject, &state)?)),
            None => Ok(None),
        })?;
        let lookups = self.snapshot.lookups.frozen_all();
        let lookups = lookups.map(|(lookup, subject)| (u128::from_be_bytes(lookup.0), subject));
        self.write_names(LOOKUPS, lookups, out)?;
        let devices = self.snapshot.devices.frozen_all();
        let devices = devices.map(|(device, owner)| (engine.keyed().name(device.as_str()), owner));
        self.write_names(DEVICES, devices, out)?;
        Ok(Contents {
            head: self.head,
            latest: self.latest,
            count: self.count,
            in_force: self.in_force.as_deref().cloned(),
            keys: self.keys.iter().map(|key| Key::clone(key)).collect(),
            sinks: Sinks::clone(&self.sinks),
            engine,
            strays,
        })
    }

    /// What was saved before, and over it what changed since.
    fn write_names(
        &self,
        first: usize,
        changed: impl Iterator<Item = (u128, Option<SubjectId>)>,
        out: &mut dyn Out,
    ) -> io::Result<()> {
        let mut by_shard = vec![HashMap::new(); SHARDS];
        for (digest, subject) in changed {
            by_shard[(digest >> 120) as usize].insert(digest, subject);
        }
        for (shard, changed) in by_shard.iter().enumerate() {
            let before = self.base.iter().flat_map(|base| base.entries(first + shard));
            let mut entries: HashMap<u128, SubjectId> = before.collect();
            for (digest, subject) in changed {
                match subject {
                    Some(subject) => entries.insert(*digest, *subject),
                    None => entries.remove(digest),
                };
            }
            out.section(&tabulate(&entries))?;
        }
        Ok(())
    }

    /// Lets what was written take the place of what it was written from.
    pub fn replace(self, image: Arc<Image>) {
        let snapshot = &self.snapshot;
        // In this order: whoever finds nothing in memory looks here next.
        snapshot.base.store(Some(image));
        snapshot.people.melt();
        snapshot.lookups.melt();
        snapshot.devices.melt();
    }
}

/// Takes up a saved snapshot: what was in force at its head is in force again. `None` if what was
/// saved does not belong together. `gone` are those who were erased since.
pub fn resume(contents: &Contents, image: Arc<Image>, gone: &[SubjectId]) -> Option<Snapshot> {
    let in_force = contents.in_force.as_ref();
    let engine = crate::Engine::resume(&contents.engine, &image.sections, in_force)?;
    let was_there = |subject: &&SubjectId| image.place(**subject).is_some();
    let fewer = gone.iter().filter(was_there).count();
    for subject in gone {
        engine.put(*subject, None, None, contents.latest);
    }
    let keys = contents.keys.iter().map(|key| (key.digest.clone(), Arc::new(key.clone())));
    Some(Snapshot {
        count: contents.count.saturating_sub(fewer).into(),
        head: contents.head.number.into(),
        latest: contents.latest.0.into(),
        keys: arc_swap::ArcSwap::from_pointee(keys.collect()),
        sinks: arc_swap::ArcSwap::from_pointee(contents.sinks.clone()),
        base: Some(image).into(),
        engine,
        ..Snapshot::default()
    })
}
