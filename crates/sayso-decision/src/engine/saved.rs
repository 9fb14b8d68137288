//! The table as it is saved and taken up again: words in sections, and what is said about them.
//!
//! | section | words |
//! |---------|-------|
//! | 2 × part | the slots of the part, as in [`super::slot`] |
//! | 2 × part + 1 | who is in each slot (two words), then where each one's state is (one word; 0: nowhere) |
//! | [`UNSETTLED`] | minute, and subject (two words), of each whose profile does not hold for ever |
//! | [`PROFILES`] | a row of six words for each, in the order of their numbers; see [`Row`] |
//! | [`FORMS`] | the texts of the profiles, each from the beginning of a word |
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
    ASK, Engine, OF_DEVICE,
    kept::{Form, Kept, words_of},
    line::{SLOTS, WORDS},
    slot::{GONE, Said, words},
    table::{Key, Keyed, PARTS, Part, Table, Writer},
};

/// The section of those whose profile does not hold for ever.
pub(crate) const UNSETTLED: usize = 2 * PARTS;
/// The section of profiles.
pub(crate) const PROFILES: usize = UNSETTLED + 1;
/// The section of what profiles say.
pub(crate) const FORMS: usize = PROFILES + 1;
/// The first section that is not the engine's.
pub(crate) const OTHERS: usize = FORMS + 1;

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
    /// From this word on.
    Own(Box<[AtomicU64]>, usize),
    Saved(Arc<dyn Sections>, usize),
}

impl Run {
    /// Words that are all 0, from the beginning of a line of the processor's cache on.
    pub(crate) fn zeroes(count: usize) -> Self {
        let words: Box<[AtomicU64]> = (0..count + WORDS).map(|_| AtomicU64::new(0)).collect();
        let begin = words.as_ptr().align_offset(WORDS * size_of::<AtomicU64>()) % WORDS;
        Self::Own(words, begin)
    }
}

impl Deref for Run {
    type Target = [AtomicU64];

    #[inline]
    fn deref(&self) -> &[AtomicU64] {
        match self {
            Self::Own(words, begin) => &words[*begin..],
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
        let count = self.profiles.count();
        out.section(&unsettled)?;
        let (mut rows, mut forms) = (Vec::with_capacity(6 * count), Vec::new());
        for (number, kept) in self.profiles.iter().take(count) {
            let text = kept.form.text();
            let row = Row {
                digest: self.keyed.text(&text),
                begin: forms.len(),
                bytes: text.len(),
                has_home: kept.has_home,
                people: if kept.is_of_device {
                    OF_DEVICE
                } else {
                    people.get(number).copied().unwrap_or(0)
                },
            };
            rows.extend(row.words());
            forms.extend(words_of(&text));
        }
        out.section(&rows)?;
        out.section(&forms)?;
        Ok(EngineContents { key: self.keyed.key(), parts, material, doubt, sharing })
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
        if contents.parts.len() != PARTS {
            return None;
        }
        let engine = Self::new(contents.keyed());
        let saved = |number| Run::Saved(Arc::clone(sections), number);
        let mut parts = Vec::with_capacity(PARTS);
        for (number, (capacity, _)) in contents.parts.iter().enumerate() {
            let capacity = *capacity as usize;
            let is_whole = capacity > 0 && capacity.is_multiple_of(SLOTS);
            if !is_whole || sections.section(2 * number).len() != 2 * capacity {
                return None;
            }
            parts.push(Part::saved(saved(2 * number), saved(2 * number + 1), capacity));
        }
        let mut guard = engine.writing();
        let writing = &mut *guard;
        let (rows, _) = sections.section(PROFILES).as_chunks();
        // The first profile, nobody's, every engine has by itself.
        for row in rows.iter().skip(1).map(Row::of) {
            let words = row.begin..row.begin.saturating_add(row.bytes.div_ceil(8));
            let form = Form::Saved(Arc::clone(sections), words, row.bytes);
            let kept = Kept::new(form, row.has_home, row.people == OF_DEVICE);
            engine.keep(writing, row.digest, kept, row.people)?;
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

/// What is saved of a profile beside its text.
struct Row {
    digest: u128,
    /// The word of the section of forms that its text begins with.
    begin: usize,
    bytes: usize,
    has_home: bool,
    /// How many people have it, or [`OF_DEVICE`].
    people: i64,
}

impl Row {
    fn words(&self) -> [u64; 6] {
        let [high, low] = [(self.digest >> 64) as u64, self.digest as u64];
        let (begin, bytes) = (self.begin as u64, self.bytes as u64);
        [high, low, begin, bytes, u64::from(self.has_home), self.people.cast_unsigned()]
    }

    fn of(words: &[AtomicU64; 6]) -> Self {
        let [high, low, begin, bytes, has_home, people] =
            words.each_ref().map(|word| word.load(Ordering::Relaxed));
        Self {
            digest: u128::from(high) << 64 | u128::from(low),
            begin: begin as usize,
            bytes: bytes as usize,
            has_home: has_home != 0,
            people: people.cast_signed(),
        }
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
