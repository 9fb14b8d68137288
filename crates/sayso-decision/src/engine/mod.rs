//! How millions of people are decided about in little memory, near the cost of one look at it.
//!
//! In the order in which to read it:
//!
//! - [`plan`]: the catalog. Questions become numbers ([`plan::Cell`]).
//! - [`profile`]: what people said. Most said what many others said; equal people share a profile.
//! - [`table`], [`line`], [`slot`]: for each person 16 bytes: which profile, and until when it holds.
//! - here: for each profile and cell the answer, worked out by the rule of [`crate::decide`] when
//!   it is first asked for, and kept ([`grown`]).
//! - [`lapse`]: what ends by itself, and who is summed up anew.
//! - [`many`]: one question about many people, or how many it is yes for; [`whom`]: who they are.
//! - [`saved`]: the table on its way to a file and back.
//!
//! A decision is a hash, a slot and a byte. Whatever a slot cannot answer (time has passed, a
//! household has its say, a channel may rest) is not answered here, and the rule itself decides.
//! So this is a memo of the rule and has no rule of its own.

mod grown;
pub(crate) mod kept;
mod lapse;
mod line;
pub(crate) mod many;
pub(crate) mod plan;
pub(crate) mod profile;
pub(crate) mod saved;
pub(crate) mod slot;
pub(crate) mod table;
pub(crate) mod whom;

use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU8, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use sayso_consent::{
    catalog::InForce,
    id::{Position, SubjectId},
    request::{Reason, Request},
    subject::{DeviceLink, SubjectState},
    time::Timestamp,
};

use crate::{
    decide::{Passing, People, decide},
    engine::{
        grown::Grown,
        kept::{Form, Kept},
        plan::{Cell, Plan},
        profile::{NEWEST, Profile, Summary, sum_up},
        slot::{ASK, GONE, NEVER, NO_POSITION, Said},
        table::{Key, Keyed, Table, Writer},
    },
};

/// Most profiles. People beyond them are decided about by the rule itself.
const PROFILES_MAX: usize = (1 << 24) - 2;
/// The profile of whoever is not known.
const NOBODY: u32 = 0;

/// In place of a number of people: nobody is counted by a profile of a device.
const OF_DEVICE: i64 = i64::MIN;

/// What is said of somebody of whom nothing is.
const UNKNOWN: Said = Said { profile: NOBODY, lapse: NEVER, grant: NO_POSITION };
/// What is said of somebody who goes.
const GOING: Said = Said { profile: GONE, lapse: NEVER, grant: NO_POSITION };

/// An answer was worked out.
const KNOWN: u8 = 0x80;
/// A slot cannot say.
const BY_RULE: u8 = 0x40;
/// It rests on the newest grant.
const ON_NEWEST: u8 = 0x20;
const REASON: u8 = 0x1f;

/// A plan, and the answers by cell and profile; zero where nobody asked yet. Those of one cell lie
/// side by side: whoever asks about many people mostly asks them all the same.
pub(crate) struct Book {
    /// Counts the catalogs: what was prepared under one says nothing under another.
    number: u64,
    pub(crate) plan: Plan,
    answers: Vec<Grown<AtomicU8>>,
}

impl Book {
    fn new(number: u64, plan: Plan) -> Self {
        let answers = plan.cells.iter().map(|_| Grown::default()).collect();
        Self { number, plan, answers }
    }
}

/// Everything that a decision reads. Replaced whole, so that a reader holds what belongs together.
pub(crate) struct View {
    pub(crate) book: Arc<Book>,
    table: Table,
}

/// What a person comes to. See [`Engine::sum_up`].
#[derive(Clone, Copy, Debug)]
pub struct Sum(Said);

impl Sum {
    /// The same of somebody whose newest grant stands elsewhere.
    #[must_use]
    pub fn at(self, grant: Position) -> Self {
        let grant = if self.0.grant == NO_POSITION { NO_POSITION } else { short(grant) };
        Self(Said { grant, ..self.0 })
    }
}

/// A decision in brief: what of it differs between people who are asked about alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Why.
    pub reason: Reason,
    /// The grant that a yes rests on.
    pub grant: Option<Position>,
}

/// What only the writer touches.
struct Writing {
    /// By the digest of the profile's form.
    numbers: HashMap<u128, u32>,
    table: Writer,
    /// Since when notices count, in order.
    material: Vec<Position>,
    /// Whose profile does not hold for ever, and until when. At 0 stands whoever shares a slot.
    unsettled: BTreeSet<(u32, SubjectId)>,
    /// From this minute on there may be people whose profile no longer holds and who do not stand
    /// among the unsettled.
    doubt: u32,
    /// Up to where those were summed up again whose profile no longer held. See [`Engine::settle`].
    settled: (u32, SubjectId),
    /// Counts changes of slots.
    changes: u64,
}

/// Everyone's answers, without their states: a slot a person, a profile for all who are alike.
///
/// One thread puts people in, any number ask. It has no I/O and knows no clock. Where it does not
/// know an answer it says so, and the rule ([`crate::decide`]) has to be put to the person's state:
/// [`crate::Snapshot`] keeps the states too and does that by itself.
pub struct Engine {
    keyed: Keyed,
    view: ArcSwap<View>,
    profiles: boxcar::Vec<Kept>,
    /// How many people have each profile, by its number; [`OF_DEVICE`] if it is of a device.
    people: Grown<AtomicI64>,
    writing: Mutex<Writing>,
}

/// The one person whom a profile knows of.
struct Alone<'a>(&'a Arc<SubjectState>);

impl People for Alone<'_> {
    fn person(&self, _: SubjectId) -> Option<Arc<SubjectState>> {
        Some(Arc::clone(self.0))
    }
}

impl Default for Engine {
    fn default() -> Self {
        let random = RandomState::new();
        let half = |number: u8| random.hash_one(number).to_le_bytes();
        let mut key = [0; 16];
        key[..8].copy_from_slice(&half(0));
        key[8..].copy_from_slice(&half(1));
        Self::new(Keyed::new(key))
    }
}

impl Engine {
    fn new(keyed: Keyed) -> Self {
        let book = Book::new(0, Plan::new(None));
        let writing = Writing {
            numbers: HashMap::new(),
            table: Writer::new(),
            material: Vec::new(),
            unsettled: BTreeSet::new(),
            doubt: NEVER,
            settled: (1, SubjectId(0)),
            changes: 0,
        };
        let engine = Self {
            keyed,
            view: ArcSwap::from_pointee(View { book: Arc::new(book), table: Table::new() }),
            profiles: boxcar::Vec::new(),
            people: Grown::default(),
            writing: Mutex::new(writing),
        };
        engine.number(&mut engine.writing(), &Profile::of_nobody());
        engine
    }

    /// One in which a fingerprint has so few bits that everybody is like somebody.
    #[cfg(test)]
    pub(crate) fn of_bits(bits: u32) -> Self {
        Self::new(Keyed::of_bits(*b"known to a test!", bits))
    }

    /// Two people in one part whose fingerprints are equal.
    #[cfg(test)]
    pub(crate) fn two_alike(&self) -> [SubjectId; 2] {
        let mut known = HashMap::new();
        let mut all = (0..1 << 20).map(|number| SubjectId(number << 64 | 7));
        let twin = all.find_map(|subject| {
            let other = known.insert(self.keyed.person(subject).fingerprint(), subject)?;
            Some([other, subject])
        });
        twin.unwrap()
    }

    /// What decisions are read from now. To be let go of soon.
    #[inline]
    pub(crate) fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// Answers, if a slot can say; otherwise the rule has to decide.
    pub(crate) fn brief(
        &self,
        view: &View,
        cell: Cell,
        subject: Option<SubjectId>,
        device: Option<&str>,
        at: Timestamp,
    ) -> Option<Brief> {
        let person = |subject| Some((subject, view.table.find(self.keyed.person(subject))?));
        // A device's slot counts only while its person's does: of somebody who was erased it may
        // have been left behind.
        let said = subject.and_then(person).and_then(|(subject, said)| match device {
            None => Some(said),
            Some(device) => view.table.find(self.keyed.device(subject, device)),
        });
        self.say(&view.book, cell, said, at)
    }

    /// What holds in a cell of somebody of whom this is said, if anything is.
    pub(crate) fn say(
        &self,
        book: &Book,
        cell: Cell,
        said: Option<Said>,
        at: Timestamp,
    ) -> Option<Brief> {
        let said = said.unwrap_or(UNKNOWN);
        let (reason, is_on_newest) = self.recall(book, cell, said, at)?;
        if book.plan.may_rest(book.plan.declared(cell), at) {
            return None;
        }
        if reason != Reason::Granted {
            return Some(Brief { reason, grant: None });
        }
        // Which grant it rests on and when it ends is known here only of the newest and endless.
        let is_told = is_on_newest && said.lapse == NEVER && said.grant != NO_POSITION;
        is_told.then(|| Brief { reason, grant: Some(Position::at(u64::from(said.grant))) })
    }

    /// What holds of somebody in a cell, and whether it rests on their newest grant. `None` if the
    /// rule has to decide.
    #[inline]
    fn recall(&self, book: &Book, cell: Cell, said: Said, at: Timestamp) -> Option<(Reason, bool)> {
        if said.profile == ASK || said.lapse != NEVER && minute(at) >= said.lapse {
            return None;
        }
        let code = self.code(book, said.profile, cell);
        let reason = *Reason::ALL.get(usize::from(code & REASON))?;
        (code & BY_RULE == 0).then_some((reason, code & ON_NEWEST != 0))
    }

    /// The answer of a profile in a cell, from the book; the first to ask writes it there. Two
    /// that ask at once write the same.
    #[inline]
    fn code(&self, book: &Book, profile: u32, cell: Cell) -> u8 {
        let Some(answer) = book.answers.get(cell.0 as usize).and_then(|cell| cell.at(profile))
        else {
            return BY_RULE;
        };
        match answer.load(Ordering::Relaxed) {
            0 => {
                let code = self.work_out(&book.plan, profile, cell);
                answer.store(code, Ordering::Relaxed);
                code
            }
            code => code,
        }
    }

    fn work_out(&self, plan: &Plan, profile: u32, cell: Cell) -> u8 {
        let declared = &plan.cells[cell.0 as usize];
        let Some(kept) = self.profiles.get(profile as usize) else { return KNOWN | BY_RULE };
        if kept.has_home && declared.is_household {
            return KNOWN | BY_RULE;
        }
        let Some(known) = kept.somebody() else { return KNOWN | BY_RULE };
        let device = known.devices.first().map(|link| link.device.clone());
        let request = Request { device, ..declared.request.clone() };
        let somebody = Some(&**known).filter(|_| profile != NOBODY);
        let people = Alone(known);
        // The moment does not matter: what depends on it was decided when the person was summed up.
        let at = Timestamp::MIN.plus_ms(1);
        let decision =
            decide(plan.in_force.as_deref(), &people, somebody, &request, at, Passing::LeftOut);
        let is_newest = decision.until == Some(NEWEST);
        KNOWN | decision.reason as u8 | if is_newest { ON_NEWEST } else { 0 }
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What somebody comes to. Others of whom the same holds can be put in by it.
    pub fn sum_up(&self, state: &SubjectState, at: Timestamp) -> Sum {
        let writing = &mut *self.writing();
        let summary = sum_up(state, None, at, &writing.material);
        Sum(self.said(writing, &summary))
    }

    /// Puts in somebody without devices, of whom nothing was known, by what they come to.
    pub fn set(&self, subject: SubjectId, sum: Sum) {
        let writing = &mut *self.writing();
        self.put_slot(writing, self.keyed.person(subject), sum.0, Some(subject));
    }

    /// Takes in what is known about somebody now; `before` is what was known about them.
    pub fn put(
        &self,
        subject: SubjectId,
        before: Option<&SubjectState>,
        state: Option<&SubjectState>,
        at: Timestamp,
    ) {
        self.put_in(&mut self.writing(), subject, (before, state), at);
    }

    fn put_in(
        &self,
        writing: &mut Writing,
        subject: SubjectId,
        (before, state): (Option<&SubjectState>, Option<&SubjectState>),
        at: Timestamp,
    ) {
        let person = state.map(|state| sum_up(state, None, at, &writing.material));
        let said = person.map_or(GOING, |summary| self.said(writing, &summary));
        self.put_slot(writing, self.keyed.person(subject), said, Some(subject));
        let has = |link: &DeviceLink| state.is_some_and(|now| now.device(&link.device).is_some());
        let gone = before.iter().flat_map(|before| &before.devices).filter(|link| !has(link));
        for link in gone {
            let key = self.keyed.device(subject, link.device.as_str());
            self.put_slot(writing, key, GOING, None);
        }
        for (state, link) in
            state.iter().flat_map(|now| now.devices.iter().map(|link| (*now, link)))
        {
            let key = self.keyed.device(subject, link.device.as_str());
            let summary = sum_up(state, Some(link), at, &writing.material);
            let said = self.said(writing, &summary);
            self.put_slot(writing, key, said, None);
        }
    }

    fn said(&self, writing: &mut Writing, summary: &Summary) -> Said {
        Said {
            lapse: summary.lapse.map_or(NEVER, minute),
            grant: summary.newest.map_or(NO_POSITION, short),
            profile: self.number(writing, &summary.profile),
        }
    }

    fn put_slot(&self, writing: &mut Writing, key: Key, said: Said, person: Option<SubjectId>) {
        let view = self.view.load();
        let saying = writing.table.say(&view.table, &self.keyed, key, said);
        if let Some(table) = saying.grown {
            self.view.store(Arc::new(View { book: Arc::clone(&view.book), table }));
        }
        writing.changes += 1;
        for (met, said) in saying.met {
            self.count(said.profile, -1);
            writing.unsettled.remove(&(said.lapse, met));
            writing.unsettled.insert((0, met));
        }
        if let Some(shared) = saying.shared_with {
            writing.unsettled.insert((0, shared));
        }
        if let Some(before) =
            saying.before.filter(|_| person.is_some() || saying.shared_with.is_some())
        {
            self.count(before.profile, -1);
        }
        let Some(subject) = person else { return };
        if let Some(before) = saying.before {
            writing.unsettled.remove(&(before.lapse, subject));
        }
        if saying.shared_with.is_some() {
            writing.unsettled.insert((0, subject));
        } else {
            self.count(said.profile, 1);
        }
        if said.lapse != NEVER && said.profile != GONE {
            writing.unsettled.insert((said.lapse, subject));
        }
    }

    /// Counts people by a profile. Whom none tells of ([`ASK`], [`GONE`]) is not counted by one, and
    /// devices are not counted.
    fn count(&self, profile: u32, more: i64) {
        if (profile as usize) < PROFILES_MAX
            && let Some(people) = self.people.at(profile)
            && people.load(Ordering::Relaxed) != OF_DEVICE
        {
            people.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// The number of a profile: an equal one's, or the next.
    fn number(&self, writing: &mut Writing, profile: &Profile) -> u32 {
        let Ok(text) = postcard::to_allocvec(profile) else { return ASK };
        let digest = self.keyed.text(&text);
        if let Some(number) = writing.numbers.get(&digest) {
            return *number;
        }
        let people = if profile.device.is_some() { OF_DEVICE } else { 0 };
        let form = Form::Own(text.into());
        let kept = Kept::new(form, profile.has_home, profile.device.is_some());
        self.keep(writing, digest, kept, people).unwrap_or(ASK)
    }

    /// Gives a profile the next number; `None` if there is none left.
    fn keep(&self, writing: &mut Writing, digest: u128, kept: Kept, people: i64) -> Option<u32> {
        let next = self.profiles.count();
        let counted = self.people.at(next as u32).filter(|_| next < PROFILES_MAX)?;
        counted.store(people, Ordering::Release);
        self.profiles.push(kept);
        writing.numbers.insert(digest, next as u32);
        Some(next as u32)
    }

    /// What the table takes in memory, in bytes: what decisions need, and who is in the slots.
    pub fn bytes(&self) -> (usize, usize) {
        self.view.load().table.bytes()
    }

    /// Puts a catalog in force. The new plan is prepared beside the one that is read meanwhile, and
    /// takes its place whole.
    pub fn bring_into_force(&self, in_force: &InForce) {
        self.put_in_force(&mut self.writing(), in_force);
    }

    fn put_in_force(&self, writing: &mut Writing, in_force: &InForce) {
        writing.material.extend(in_force.material_since.values());
        writing.material.sort_unstable();
        writing.material.dedup();
        let plan = Plan::new(Some(Arc::new(in_force.clone())));
        let view = self.view.load();
        let book = Arc::new(Book::new(view.book.number + 1, plan));
        self.view.store(Arc::new(View { book, table: view.table.clone() }));
    }

    /// Lets a table take the place of the one before.
    fn seat(&self, table: Table) {
        let book = Arc::clone(&self.view.load().book);
        self.view.store(Arc::new(View { book, table }));
    }
}

/// The minute of a moment, from 1970: rounded down, so that what ends within it ends with its
/// beginning.
fn minute(at: Timestamp) -> u32 {
    u32::try_from(at.0.max(0) / 60_000).map_or(NEVER - 1, |minute| minute.min(NEVER - 1))
}

/// A position in half a word.
fn short(position: Position) -> u32 {
    u32::try_from(position.number).unwrap_or(NO_POSITION)
}
