//! Everyone's slot, in one open-addressed table in parts.
//!
//! A part is the top bits of the random subject id, so that parts in order are people in order,
//! and a part grows by itself. Within a part the place is found by a hash under a key that is
//! drawn at random: nobody can choose whom to collide with. A slot keeps 32 bits of the hash; who
//! exactly is in it stands in a column beside the slots, which decisions never touch. Two people
//! whose hashes are equal share a slot that says [`ASK`]. Slots lie in lines ([`super::line`]), and
//! a search goes from line to line.

use std::{
    collections::BTreeMap,
    hash::Hasher,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sayso_consent::id::SubjectId;
use siphasher::{sip::SipHasher13, sip128};

use crate::engine::{
    line::{Line, Met, SLOTS, WORDS},
    saved::Run,
    slot::{ASK, GONE, NEVER, NO_POSITION, Said, Slot, Standing},
};

const PART_BITS: u32 = 10;
/// How many parts.
pub(crate) const PARTS: usize = 1 << PART_BITS;
/// Slots of a part at first.
const FIRST: usize = 8;

/// Who or what has a slot: a person, or a person's part in a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    part: usize,
    hash: u64,
    /// Tells it from every other: the subject id, or a digest of subject and device.
    whole: u128,
}

impl Key {
    /// Nobody's.
    pub(crate) const NONE: Self = Self { part: 0, hash: 0, whole: 0 };

    /// That of somebody or something whose digest is known.
    pub(crate) fn of(keyed: &Keyed, part: usize, whole: u128) -> Self {
        Self { part: part % PARTS, hash: keyed.hash(whole), whole }
    }
}

#[cfg(test)]
impl Key {
    /// What a slot keeps of it.
    pub(crate) fn fingerprint(&self) -> u32 {
        self.hash as u32
    }
}

/// Makes keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    key: [u8; 16],
    /// The same key, taken in.
    sip: SipHasher13,
    /// Which bits of a hash count: with few, everybody is like somebody.
    #[cfg(test)]
    mask: u64,
}

impl Keyed {
    /// With a key that nobody knows.
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self {
            key,
            sip: SipHasher13::new_with_key(&key),
            #[cfg(test)]
            mask: u64::MAX,
        }
    }

    /// With fingerprints of so few bits.
    #[cfg(test)]
    pub(crate) fn of_bits(key: [u8; 16], bits: u32) -> Self {
        Self { mask: !0xffff_ffff | ((1 << bits) - 1), ..Self::new(key) }
    }

    /// The key itself, to be saved.
    pub(crate) fn key(&self) -> [u8; 16] {
        self.key
    }

    /// A person's.
    #[inline]
    pub(crate) fn person(&self, subject: SubjectId) -> Key {
        Key { part: part_of(subject), hash: self.hash(subject.0), whole: subject.0 }
    }

    /// That of a person's part in a device.
    pub(crate) fn device(&self, subject: SubjectId, device: &str) -> Key {
        let mut hasher = sip128::SipHasher13::new_with_key(&self.key);
        hasher.write(&subject.0.to_le_bytes());
        hasher.write(device.as_bytes());
        let whole = sip128::Hasher128::finish128(&hasher).as_u128();
        Key { part: part_of(subject), hash: self.hash(whole), whole }
    }

    /// The digest of a name.
    pub(crate) fn name(&self, name: &str) -> u128 {
        self.device(SubjectId(0), name).whole
    }

    /// The digest of the text of a profile.
    pub(crate) fn text(&self, text: &[u8]) -> u128 {
        sip128::SipHasher13::new_with_key(&self.key).hash(text).as_u128()
    }

    #[inline]
    fn hash(&self, whole: u128) -> u64 {
        let hash = self.sip.hash(&whole.to_le_bytes());
        #[cfg(test)]
        let hash = hash & self.mask;
        hash
    }
}

/// The part that a person is in.
#[inline]
pub(crate) fn part_of(subject: SubjectId) -> usize {
    (subject.0 >> (128 - PART_BITS)) as usize
}

/// The first and the last who can be in a part.
pub(crate) fn part_range(part: usize) -> (SubjectId, SubjectId) {
    let first = (part as u128) << (128 - PART_BITS);
    (SubjectId(first), SubjectId(first | u128::MAX >> PART_BITS))
}

/// A part of the table. It does not grow: a larger one takes its place.
pub(crate) struct Part {
    /// Lines of slots; see [`Line`] and [`Slot`].
    words: Run,
    /// Pairs of words: who is in the slot. What is saved has more behind them.
    who: Run,
    capacity: usize,
}

impl Part {
    /// With so many slots or a few more, so that they fill lines.
    fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.next_multiple_of(SLOTS);
        Self { words: Run::zeroes(2 * capacity), who: Run::zeroes(2 * capacity), capacity }
    }

    /// One that was saved.
    pub(crate) fn saved(words: Run, who: Run, capacity: usize) -> Self {
        Self { words, who, capacity }
    }

    /// How many slots.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The lines of slots. A run of its own may have some words more.
    #[inline]
    fn lines(&self) -> &[[AtomicU64; WORDS]] {
        &self.words.as_chunks().0[..self.capacity / SLOTS]
    }

    /// Where the search for a hash begins: its upper half, as a fraction of the part.
    #[inline]
    fn begin(&self, hash: u64) -> Search<'_> {
        let lines = self.lines();
        let number = ((hash >> 32) as usize * lines.len()) >> 32;
        Search { lines, number, fingerprint: hash as u32 }
    }

    pub(crate) fn slot(&self, at: usize) -> Slot<'_> {
        Slot { mark: &self.words[2 * at], state: &self.words[2 * at + 1] }
    }

    /// Who is in a slot.
    pub(crate) fn who(&self, at: usize) -> u128 {
        let half = |word: usize| u128::from(self.who[2 * at + word].load(Ordering::Relaxed));
        half(0) << 64 | half(1)
    }

    fn set_who(&self, at: usize, whole: u128) {
        self.who[2 * at].store((whole >> 64) as u64, Ordering::Relaxed);
        self.who[2 * at + 1].store(whole as u64, Ordering::Relaxed);
    }

    /// The slot that somebody has to themselves.
    pub(crate) fn at(&self, key: Key) -> Option<usize> {
        let (at, said) = self.begin(key.hash).end();
        (said.is_some() && self.who(at) == key.whole).then_some(at)
    }

    /// Each of these slots in the order of memory, empty ones too: its place, which profile, and
    /// until when. Devices are among them. What is said of somebody's newest grant is not looked at,
    /// so one word is enough and none has to be held against another.
    #[inline]
    pub(crate) fn each(&self, slots: Range<usize>, mut tell: impl FnMut(usize, Standing)) {
        let (words, _) = self.words.as_chunks::<2>();
        let begin = slots.start;
        for (at, [mark, state]) in words[slots].iter().enumerate() {
            tell(begin + at, Slot { mark, state }.standing());
        }
    }

    /// Who is in the slots, for whoever looks at many of them.
    pub(crate) fn owners(&self) -> Owners<'_> {
        Owners(self.who.as_chunks::<2>().0)
    }

    /// Everything that is said in this part, and of whom; devices among them, by their digest.
    fn all(&self) -> impl Iterator<Item = (Said, SubjectId)> {
        let said = |at: usize| Some((self.slot(at).said()?, SubjectId(self.who(at))));
        (0..self.capacity).filter_map(said)
    }

    /// What is said of these people, and of the devices that stand beside them, holds until a
    /// minute at most. Only the one writer. A device's slot is known by a digest, so `concerns` is
    /// asked about that.
    pub(crate) fn lapse_by(&self, lapse: u32, concerns: impl Fn(SubjectId) -> bool) {
        for at in 0..self.capacity {
            let Some(said) = self.slot(at).said().filter(|said| lapse < said.lapse) else {
                continue;
            };
            if concerns(SubjectId(self.who(at))) {
                self.slot(at).change(Said { lapse, ..said });
            }
        }
    }

    /// The same with room for more, and without those who are gone. Whoever shares a slot, or comes
    /// to in the new order, is told of.
    fn grown(&self, keyed: &Keyed, sharing: &[Key]) -> Larger {
        let stays = |said: &Said| said.profile != GONE;
        let taken = self.all().filter(|(said, _)| stays(said)).count() + sharing.len();
        // Grown to two thirds full, and grown again at five sixths: about three quarters between.
        let part = Self::with_capacity((taken * 3 / 2 + 1).max(FIRST));
        let mut grown = Larger { part, taken: 0, met: Vec::new() };
        for at in 0..self.capacity {
            if let Some(said) = self.slot(at).said().filter(stays) {
                let whole = self.who(at);
                grown.place(keyed.hash(whole), whole, said);
            }
        }
        for key in sharing {
            // Their slot may now stand where a search for them does not come by.
            if grown.part.begin(key.hash).end().1.is_none_or(|said| said.profile != ASK) {
                let said = Said { profile: ASK, lapse: NEVER, grant: NO_POSITION };
                grown.place(key.hash, key.whole, said);
            }
        }
        grown
    }
}

/// A search that has not begun.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    lines: &'a [[AtomicU64; WORDS]],
    /// The line where it begins.
    number: usize,
    fingerprint: u32,
}

impl Search<'_> {
    /// Reads the beginning. Who reads many in a row before the first is looked at waits for memory
    /// once.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.lines[self.number][0].load(Ordering::Relaxed)
    }

    /// The slot that has the fingerprint, or the empty one where the search ends. There is always
    /// one, for a part is never full.
    #[inline]
    fn end(&self) -> (usize, Option<Said>) {
        let mut number = self.number;
        loop {
            match Line(&self.lines[number]).look(self.fingerprint) {
                Met::Found(slot, said) => return (number * SLOTS + slot, Some(said)),
                Met::Nobody(slot) => return (number * SLOTS + slot, None),
                Met::Others => number = if number + 1 == self.lines.len() { 0 } else { number + 1 },
            }
        }
    }

    /// What is said of whoever is looked for; `None` if they are not in the table.
    #[inline]
    pub(crate) fn said(&self) -> Option<Said> {
        self.end().1.filter(|said| said.profile != GONE)
    }
}

/// Who is in the slots of a part; devices among them, by their digest.
#[derive(Clone, Copy)]
pub(crate) struct Owners<'a>(&'a [[AtomicU64; 2]]);

impl Owners<'_> {
    /// Who is in one of them.
    #[inline]
    pub(crate) fn of(self, at: usize) -> SubjectId {
        let [high, low] = &self.0[at];
        let half = |word: &AtomicU64| u128::from(word.load(Ordering::Relaxed));
        SubjectId(half(high) << 64 | half(low))
    }
}

/// A larger part that takes the place of another.
struct Larger {
    part: Part,
    taken: usize,
    /// Who shares a slot and did not before, and what was said of each.
    met: Vec<(u128, Said)>,
}

impl Larger {
    /// Puts somebody where a search for them ends. If that is somebody else, who is alike, from now
    /// on neither is told by the slot.
    fn place(&mut self, hash: u64, whole: u128, said: Said) {
        let (at, before) = self.part.begin(hash).end();
        if let Some(before) = before {
            self.met.extend([(self.part.who(at), before), (whole, said)]);
            self.part.slot(at).change(Said { profile: ASK, ..before });
        } else {
            self.part.set_who(at, whole);
            self.part.slot(at).put(hash as u32, said);
            self.taken += 1;
        }
    }
}

/// The table as readers see it.
#[derive(Clone)]
pub(crate) struct Table {
    parts: Box<[Arc<Part>]>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { parts: (0..PARTS).map(|_| Arc::new(Part::with_capacity(FIRST))).collect() }
    }

    /// One that was saved.
    pub(crate) fn saved(parts: Vec<Part>) -> Self {
        Self { parts: parts.into_iter().map(Arc::new).collect() }
    }

    /// The search for somebody.
    #[inline]
    pub(crate) fn search(&self, key: Key) -> Search<'_> {
        self.parts[key.part].begin(key.hash)
    }

    /// What is said of somebody; `None` if they are not in the table.
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<Said> {
        self.search(key).said()
    }

    /// Whose slot somebody's search ends at.
    pub(crate) fn owner(&self, key: Key) -> Option<SubjectId> {
        let part = &self.parts[key.part];
        let (at, said) = part.begin(key.hash).end();
        said.map(|_| SubjectId(part.who(at)))
    }

    /// One part.
    pub(crate) fn part(&self, part: usize) -> &Part {
        &self.parts[part]
    }

    /// What it takes in memory, in bytes: what decisions need, and who is in the slots.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let sum = |of: fn(&Part) -> usize| self.parts.iter().map(|part| 8 * of(part)).sum();
        (sum(|part| 2 * part.capacity), sum(|part| 2 * part.capacity))
    }
}

/// What only the writer knows.
pub(crate) struct Writer {
    /// Slots that are not empty, by part.
    taken: Vec<usize>,
    /// Who shares a slot, by part.
    sharing: BTreeMap<usize, Vec<Key>>,
}

impl Writer {
    /// That of an empty table.
    pub(crate) fn new() -> Self {
        Self { taken: vec![0; PARTS], sharing: BTreeMap::new() }
    }

    /// That of a saved one.
    pub(crate) fn saved(
        taken: impl Iterator<Item = usize>,
        sharing: impl Iterator<Item = Key>,
    ) -> Self {
        let mut writer = Self { taken: taken.collect(), sharing: BTreeMap::new() };
        sharing.for_each(|key| writer.share(key));
        writer
    }

    /// Who shares a slot: the part, and what tells them from others.
    pub(crate) fn sharing(&self) -> Vec<(usize, u128)> {
        self.sharing.values().flatten().map(|key| (key.part, key.whole)).collect()
    }

    /// Says something of somebody.
    pub(crate) fn say(&mut self, table: &Table, keyed: &Keyed, key: Key, said: Said) -> Saying {
        let part = &table.parts[key.part];
        let (at, before) = part.begin(key.hash).end();
        if let Some(before) = before {
            let other = part.who(at);
            // Once shared it stays so: the slot cannot say which of the two it speaks of.
            let is_shared = other != key.whole || before.profile == ASK;
            let said = if is_shared { Said { profile: ASK, ..said } } else { said };
            part.slot(at).change(said);
            let other = Key { hash: keyed.hash(other), whole: other, ..key };
            if is_shared {
                self.share(other);
                self.share(key);
            }
            let shared_with = is_shared.then_some(SubjectId(other.whole));
            return Saying { before: Some(before), shared_with, ..Saying::default() };
        }
        // Six slots in seven at most: the search for somebody who is not there stays short.
        if self.taken[key.part] * 7 >= part.capacity * 6 {
            let sharing = self.sharing.get(&key.part).map_or(&[][..], Vec::as_slice);
            let Larger { part, taken, met } = part.grown(keyed, sharing);
            self.taken[key.part] = taken;
            for (whole, _) in &met {
                self.share(Key { hash: keyed.hash(*whole), whole: *whole, ..key });
            }
            let mut table = table.clone();
            table.parts[key.part] = Arc::new(part);
            let mut saying = self.say(&table, keyed, key, said);
            saying.met.extend(met.into_iter().map(|(whole, said)| (SubjectId(whole), said)));
            saying.grown.get_or_insert(table);
            return saying;
        }
        part.set_who(at, key.whole);
        part.slot(at).put(key.hash as u32, said);
        self.taken[key.part] += 1;
        Saying::default()
    }

    fn share(&mut self, key: Key) {
        let sharing = self.sharing.entry(key.part).or_default();
        if sharing.iter().all(|known| known.whole != key.whole) {
            sharing.push(key);
        }
    }
}

/// What came of saying something.
#[derive(Default)]
pub(crate) struct Saying {
    /// What the slot said before.
    pub(crate) before: Option<Said>,
    /// The other one, if the slot has to stand for two.
    pub(crate) shared_with: Option<SubjectId>,
    /// Who shares a slot since the part has grown, and what was said of each before.
    pub(crate) met: Vec<(SubjectId, Said)>,
    /// The table that takes the place of the one before, if a part had to grow.
    pub(crate) grown: Option<Table>,
}
