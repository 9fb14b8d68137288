//! The table as it is saved and taken up again: words in sections, and what is said about them.
//!
//! | section | words |
//! |---------|-------|
//! | 2 × part | the slots of the part, as in [`super::slot`] |
//! | 2 × part + 1 | who is in each slot (two words), then where each one's state is (one word; 0: nowhere) |
//! | [`UNSETTLED`] | minute, and subject (two words), of each whose profile does not hold for ever |
//!
//! A table is saved while it is written to. What changes meanwhile may be in it or not: whoever
//! takes it up applies everything since the save began once more.

use std::{
    io,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sayso_consent::{
    catalog::InForce,
    id::{Position, SubjectId},
    subject::SubjectState,
};
use serde::{Deserialize, Serialize};

use crate::engine::{
    ASK, Engine,
    profile::Profile,
    slot::{GONE, Said, words},
    table::{Key, Keyed, PARTS, Part, Table, Writer},
};

/// The section of those whose profile does not hold for ever.
pub(crate) const UNSETTLED: usize = 2 * PARTS;
/// The first section that is not the engine's.
pub(crate) const OTHERS: usize = UNSETTLED + 1;

/// Words that were saved, by section.
pub trait Sections: Send + Sync {
    /// The words of a section. They may be written to, which changes nothing that is saved.
    fn section(&self, number: usize) -> &[AtomicU64];
}

/// Where a snapshot is written.
pub trait Out {
    /// Writes the next section.
    ///
    /// # Errors
    /// It cannot be written.
    fn section(&mut self, words: &[u64]) -> io::Result<()>;

    /// Writes what is known about a person. Gives the place it can be read from, which is not 0.
    ///
    /// # Errors
    /// It cannot be written.
    fn state(&mut self, subject: SubjectId, state: &SubjectState) -> io::Result<u64>;
}

/// What is said about the sections of an engine.
#[derive(Debug, Serialize, Deserialize)]
pub struct EngineContents {
    key: [u8; 16],
    /// For each part how many slots it has, and how many are taken.
    parts: Vec<(u32, u32)>,
    profiles: Vec<(Profile, i64)>,
    material: Vec<Position>,
    doubt: u32,
    /// Who shares a slot: the part, and the person or the digest of the device.
    sharing: Vec<(usize, u128)>,
}

impl EngineContents {
    /// What people's places are found by.
    pub(crate) fn keyed(&self) -> Keyed {
        Keyed::new(self.key)
    }

    /// Slots of a part.
    pub(crate) fn capacity(&self, part: usize) -> usize {
        self.parts.get(part).map_or(0, |(capacity, _)| *capacity as usize)
    }
}

/// Words of a part: its own, or a section of what was saved.
pub(crate) enum Run {
    Own(Box<[AtomicU64]>),
    Saved(Arc<dyn Sections>, usize),
}

impl Deref for Run {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        match self {
            Self::Own(words) => words,
            Self::Saved(sections, number) => sections.section(*number),
        }
    }
}

impl Engine {
    /// The table, to be saved while it is written to.
    pub(crate) fn table(&self) -> Table {
        self.view.load().table.clone()
    }

    /// The people whose slot may be another's as well.
    pub(crate) fn all_sharing(&self) -> Vec<SubjectId> {
        let writing = self.writing();
        let sharing = writing.unsettled.iter().take_while(|(lapse, _)| *lapse == 0);
        sharing.map(|(_, subject)| *subject).collect()
    }

    /// What a person is found by.
    pub(crate) fn key_of(&self, subject: SubjectId) -> Key {
        self.keyed.person(subject)
    }

    /// Writes a table. `place` says where the state of a person is; who has none is not written.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn save(
        &self,
        table: &Table,
        out: &mut dyn Out,
        mut place: impl FnMut(&mut dyn Out, SubjectId) -> io::Result<Option<u64>>,
    ) -> io::Result<EngineContents> {
        let mut parts = Vec::with_capacity(PARTS);
        let mut people = vec![0_i64; self.profiles.count()];
        for number in 0..PARTS {
            let part = table.part(number);
            let (mut slots, mut beside) = (Vec::new(), vec![0; 3 * part.capacity()]);
            let mut taken = 0;
            for at in 0..part.capacity() {
                let Some((fingerprint, said)) = part.entry(at) else {
                    slots.extend([0, 0]);
                    continue;
                };
                taken += 1;
                let who = part.who(at);
                let mut said = said;
                // Whoever went while this is written was still there when it began.
                if self.is_person(said.profile) || said.profile == GONE {
                    match place(out, SubjectId(who))? {
                        Some(place) => beside[2 * part.capacity() + at] = place,
                        None if said.profile != ASK => said.profile = GONE,
                        None => {}
                    }
                    if let Some(people) = people.get_mut(said.profile as usize) {
                        *people += 1;
                    }
                }
                beside[2 * at] = (who >> 64) as u64;
                beside[2 * at + 1] = who as u64;
                slots.extend(words(fingerprint, said));
            }
            out.section(&slots)?;
            out.section(&beside)?;
            parts.push((part.capacity() as u32, taken));
        }
        self.end_saving(parts, &people, out)
    }

    fn end_saving(
        &self,
        parts: Vec<(u32, u32)>,
        people: &[i64],
        out: &mut dyn Out,
    ) -> io::Result<EngineContents> {
        let mut unsettled = Vec::new();
        let writing = &mut *self.writing();
        for (lapse, subject) in &writing.unsettled {
            unsettled.extend([u64::from(*lapse), (subject.0 >> 64) as u64, subject.0 as u64]);
        }
        let (material, doubt) = (writing.material.clone(), writing.doubt);
        let sharing = writing.table.sharing();
        let mut profiles: Vec<(Profile, u32)> =
            writing.numbers.iter().map(|(profile, number)| (profile.clone(), *number)).collect();
        out.section(&unsettled)?;
        profiles.sort_unstable_by_key(|(_, number)| *number);
        let counted = |(profile, number): (Profile, u32)| {
            (profile, people.get(number as usize).copied().unwrap_or(0))
        };
        let profiles = profiles.into_iter().map(counted).collect();
        Ok(EngineContents { key: self.keyed.key(), parts, profiles, material, doubt, sharing })
    }

    /// Writes the engine by itself, without anybody's state: for who keeps those elsewhere, or
    /// needs none.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, out: &mut dyn Out) -> io::Result<EngineContents> {
        self.save(&self.table(), out, |_, _| Ok(Some(1)))
    }

    /// Takes up what was saved. `None` if it does not belong together.
    pub fn resume(
        contents: &EngineContents,
        sections: &Arc<dyn Sections>,
        in_force: Option<&InForce>,
    ) -> Option<Self> {
        if contents.parts.len() != PARTS || contents.profiles.is_empty() {
            return None;
        }
        let engine = Self::new(contents.keyed());
        let saved = |number| Run::Saved(Arc::clone(sections), number);
        let mut parts = Vec::with_capacity(PARTS);
        for (number, (capacity, _)) in contents.parts.iter().enumerate() {
            let capacity = *capacity as usize;
            if capacity == 0 || sections.section(2 * number).len() != 2 * capacity {
                return None;
            }
            parts.push(Part::saved(saved(2 * number), saved(2 * number + 1), capacity));
        }
        let mut guard = engine.writing();
        let writing = &mut *guard;
        // The first profile, nobody's, every engine has by itself.
        for (profile, people) in contents.profiles.iter().skip(1) {
            let number = engine.number(writing, profile.clone());
            // Devices are not counted.
            if profile.device.is_none() {
                engine.people.at(number)?.store(*people, Ordering::Relaxed);
            }
        }
        writing.table = Writer::saved(
            contents.parts.iter().map(|(_, taken)| *taken as usize),
            contents.sharing.iter().map(|(part, whole)| Key::of(&engine.keyed, *part, *whole)),
        );
        writing.doubt = contents.doubt;
        writing.unsettled = unsettled(sections.section(UNSETTLED));
        engine.seat(Table::saved(parts));
        writing.material.clone_from(&contents.material);
        if let Some(in_force) = in_force {
            engine.put_in_force(writing, in_force);
        }
        drop(guard);
        Some(engine)
    }
}

fn unsettled(words: &[AtomicU64]) -> std::collections::BTreeSet<(u32, SubjectId)> {
    let word = |word: &AtomicU64| word.load(Ordering::Relaxed);
    let one = |words: &[AtomicU64]| {
        (
            word(&words[0]) as u32,
            SubjectId(u128::from(word(&words[1])) << 64 | u128::from(word(&words[2]))),
        )
    };
    words.chunks_exact(3).map(one).collect()
}

impl Part {
    /// The fingerprint and what is said in a slot; `None` if nobody was ever there.
    fn entry(&self, at: usize) -> Option<(u32, Said)> {
        let slot = self.slot(at);
        Some((slot.fingerprint(), slot.said()?))
    }
}
