//! Everyone's state in memory, folded from the ledger.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use sayso_consent::{
    Choice, apply,
    catalog::{Catalog, InForce},
    choice::Effect,
    event::{Entry, Event, Key},
    handle::Facts,
    id::{Id, Lookup, Position, SubjectId},
    request::{Decision, Reason, Request},
    sink::{self, SinkState, Sinks},
    subject::{Held, SubjectState},
    time::Timestamp,
};

use crate::{
    decide::{Passing, People, decide},
    engine::{
        Brief, Engine, View,
        plan::{Answer, Question},
    },
    image::{Frozen, Image},
    index::{Change, changes, is_birth},
    layers::{Known, Layers, SHARDS, Sharded},
};

/// The state that decisions are read from.
#[derive(Default)]
pub struct Snapshot {
    pub(crate) people: Layers<SubjectId, Arc<SubjectState>>,
    pub(crate) count: AtomicUsize,
    pub(crate) engine: Engine,
    pub(crate) lookups: Layers<Lookup, SubjectId>,
    pub(crate) devices: Layers<Id, SubjectId>,
    pub(crate) base: ArcSwapOption<Image>,
    /// Catalogs that came into force since what is saved was: what they did to people who are not
    /// in memory is done when they are looked at.
    pub(crate) catalogs: ArcSwap<Vec<Arc<Came>>>,
    pub(crate) keys: ArcSwap<HashMap<String, Arc<Key>>>,
    pub(crate) sinks: ArcSwap<Sinks>,
    pub(crate) head: AtomicU64,
    pub(crate) latest: AtomicI64,
}

/// A catalog that came into force over another.
pub(crate) struct Came {
    in_force: InForce,
    changed: apply::Changed,
    at: Timestamp,
}

impl Snapshot {
    /// One with an engine of its own.
    #[cfg(test)]
    pub(crate) fn with(engine: Engine) -> Self {
        Self { engine, ..Self::default() }
    }

    /// The newest entry that every decision from here on has seen.
    pub fn head(&self) -> Position {
        Position::at(self.head.load(Ordering::Acquire))
    }

    /// The highest time ever recorded.
    pub fn latest(&self) -> Timestamp {
        Timestamp(self.latest.load(Ordering::Acquire))
    }

    /// Everyone's answers.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many people are known.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The catalog in force.
    pub fn in_force(&self) -> Option<Arc<InForce>> {
        self.engine.view().book.plan.in_force.clone()
    }

    /// The catalog in force, to be looked at and let go of soon. Unlike a copy of the [`Arc`] it
    /// writes nothing that other threads read, and decisions are asked on all of them at once.
    pub fn look(&self) -> Looked {
        Looked(self.engine.view())
    }

    /// What is known about a person.
    pub fn subject(&self, subject: SubjectId) -> Option<Arc<SubjectState>> {
        let below = || {
            let state = self.base.load().as_ref()?.state(subject)?;
            Some(Arc::new(state))
        };
        let state = self.people.get(&subject).or_below(below)?;
        Some(up_to_date(&self.catalogs.load(), state))
    }

    /// The snapshot as it is now, to be saved. Only the thread that applies entries may call this.
    pub fn freeze(self: &Arc<Self>) -> Frozen {
        Frozen::now(self)
    }

    /// Takes the states of people into memory, because what was saved of them is about to go while an
    /// entry about them is still to be applied. Only the thread that applies entries may call this.
    pub fn remember(&self, subjects: &[SubjectId]) {
        for subject in subjects.iter().filter(|subject| !self.people.is_live(subject)) {
            if let Some(state) = self.subject(*subject) {
                self.people.set(*subject, Some(state));
            }
        }
    }

    /// Forgets what catalogs did to people before an entry: it is in what was saved. Only the
    /// thread that applies entries may call this.
    pub fn settle_catalogs(&self, saved: Position) {
        let mut catalogs = Vec::clone(&self.catalogs.load());
        catalogs.retain(|came| came.in_force.position > saved);
        self.catalogs.store(Arc::new(catalogs));
    }

    /// Whose identifier a digest is.
    pub fn owner(&self, lookup: &Lookup) -> Option<SubjectId> {
        self.lookups.get(lookup).or_below(|| self.base.load().as_ref()?.owner(lookup))
    }

    /// Whose a device is.
    pub fn device_owner(&self, device: &Id) -> Option<SubjectId> {
        self.devices.get(device).or_below(|| self.base.load().as_ref()?.device_owner(device))
    }

    /// The key whose secret has this digest.
    pub fn key(&self, digest: &str) -> Option<Arc<Key>> {
        self.keys.load().get(digest).cloned()
    }

    /// Every key that is not withdrawn.
    pub fn keys(&self) -> Vec<Arc<Key>> {
        self.keys.load().values().cloned().collect()
    }

    /// How recipients are told.
    pub fn sinks(&self) -> Arc<Sinks> {
        self.sinks.load_full()
    }

    /// Answers a request, as of the head when it was called or later.
    pub fn decide(&self, request: &Request, at: Timestamp) -> Decision {
        self.answer(&Question::of(request), at).unwrap_or_else(|| self.by_rule(request, at))
    }

    /// Answers a question at once, if that takes no more than a look. `None` if it takes the rule:
    /// then put it as a request to [`Snapshot::by_rule`].
    pub fn answer(&self, question: &Question<'_>, at: Timestamp) -> Option<Decision> {
        // Read before the state: the answer is then at least as new as it says.
        let as_of = self.head();
        let decision = self.recall(&self.engine.view(), question, at.max(self.latest()))?;
        Some(Decision { as_of, ..decision })
    }

    fn recall(&self, view: &View, question: &Question<'_>, at: Timestamp) -> Option<Decision> {
        let device = question.device;
        let answer = view.book.plan.ask(question);
        let brief = match answer {
            Answer::Unprepared => return None,
            // What is never done with one device may be done with another.
            Answer::Never(Reason::PromisedNever, _) if device.is_some() => return None,
            Answer::Never(reason, _) => Brief { reason, grant: None },
            Answer::Cell(cell) => self.engine.brief(view, cell, question.subject, device, at)?,
        };
        Some(view.book.plan.whole(answer, brief, at))
    }

    /// The answer of the rule itself, over the person's state. [`Snapshot::decide`] gives the same,
    /// mostly sooner.
    pub fn by_rule(&self, request: &Request, at: Timestamp) -> Decision {
        let as_of = self.head();
        let at = at.max(self.latest());
        let look = self.look();
        let state = request.subject.and_then(|subject| self.subject(subject));
        let decision =
            decide(look.in_force(), self, state.as_deref(), request, at, Passing::Counts);
        Decision { as_of, ..decision }
    }

    /// The people from a subject on, in order, one shard at a time: `None` at the end.
    pub fn page_of_people(&self, from: SubjectId) -> Option<PageOfPeople> {
        (from.shard()..SHARDS).find_map(|shard| {
            let known = |subject: &SubjectId| Some((*subject, self.subject(*subject)?));
            let people: Vec<_> = self.subjects(shard).range(from..).filter_map(known).collect();
            let next = (shard + 1 < SHARDS).then(|| SubjectId(((shard + 1) as u128) << 120));
            (!people.is_empty()).then_some(PageOfPeople { people, next })
        })
    }

    /// Everybody, page by page.
    pub fn pages_of_people(&self) -> impl Iterator<Item = Vec<(SubjectId, Arc<SubjectState>)>> {
        let mut from = Some(SubjectId(0));
        std::iter::from_fn(move || {
            let page = self.page_of_people(from?)?;
            from = page.next;
            Some(page.people)
        })
    }

    /// Into how many shards people are put by the first byte of their ids.
    pub const SHARDS: usize = SHARDS;

    /// Everybody of a shard, also those whose saved state cannot be read.
    pub fn subjects(&self, shard: usize) -> BTreeSet<SubjectId> {
        let mut subjects: BTreeSet<SubjectId> = self.people.keys(shard).into_iter().collect();
        subjects.extend(self.base.load().iter().flat_map(|base| base.people(shard)));
        subjects.retain(|subject| !matches!(self.people.get(subject), Known::Gone));
        subjects
    }

    /// Applies entries in the order of the ledger. Visible to every decision that begins after
    /// this returns.
    pub fn apply(&self, entries: &[Entry]) {
        for entry in entries {
            self.apply_one(entry);
        }
        if let Some(last) = entries.last() {
            self.head.store(last.position.number, Ordering::Release);
        }
    }

    /// Notes that entries up to a position were read of which nothing is left to apply.
    pub fn advance(&self, position: Position) {
        self.head.fetch_max(position.number, Ordering::AcqRel);
    }

    /// Puts in force what takes something away and could not be recorded yet. Denials rank above
    /// everything until the same ones are applied from the ledger; for whom nothing is known
    /// nothing is allowed anyway.
    pub fn hold(&self, subject: Option<SubjectId>, events: &[Event]) {
        for event in events {
            if let Event::KeyRevoked { id } = event {
                self.change_keys(|keys| keys.retain(|_, key| key.id != *id));
            }
        }
        let Some(subject) = subject else { return };
        if let Some(mut known) = self.subject(subject) {
            let state = Arc::make_mut(&mut known);
            events.iter().for_each(|event| hold(state, event));
            self.people.set(subject, Some(Arc::clone(&known)));
            self.engine.put(subject, Some(&known), Some(&known), self.latest());
        }
    }

    fn apply_one(&self, entry: &Entry) {
        self.latest.fetch_max(entry.at.0, Ordering::AcqRel);
        if let Some(subject) = entry.subject {
            self.apply_subject(subject, entry);
        }
        if entry.events.iter().any(sink::concerns) {
            let mut sinks = self.sinks();
            sink::apply(&mut sinks, entry);
            self.sinks.store(sinks);
        }
        for event in &entry.events {
            match event {
                Event::CatalogApplied { catalog } => {
                    let before = self.in_force();
                    let next = InForce::follow(
                        before.as_deref(),
                        Arc::new((**catalog).clone()),
                        entry.position,
                    );
                    self.bring_into_force(before.as_deref(), next, entry.at);
                }
                Event::KeyCreated(key) => {
                    let key = Arc::new(key.clone());
                    self.change_keys(|keys| drop(keys.insert(key.digest.clone(), key)));
                }
                Event::KeyRevoked { id } => {
                    self.change_keys(|keys| keys.retain(|_, key| key.id != *id));
                }
                _ => {}
            }
        }
    }

    fn apply_subject(&self, subject: SubjectId, entry: &Entry) {
        let in_force = self.in_force();
        let before = self.subject(subject);
        let is_new = before.is_none();
        if is_new && !is_birth(entry) {
            self.lose(subject);
            return;
        }
        for change in changes(subject, entry, before.as_deref()) {
            self.change(change);
        }
        let state = before.as_deref().cloned().unwrap_or_default();
        match apply::apply(state, entry, in_force.as_deref()) {
            Some(mut state) => {
                if let Some(in_force) = in_force.as_deref() {
                    share_names(&mut state, entry.position, &in_force.catalog);
                }
                let state = Arc::new(state);
                self.people.set(subject, Some(Arc::clone(&state)));
                self.engine.put(subject, before.as_deref(), Some(&state), self.latest());
                self.count.fetch_add(usize::from(is_new), Ordering::Relaxed);
            }
            None => {
                self.people.set(subject, None);
                self.engine.put(subject, before.as_deref(), None, self.latest());
                self.count.fetch_sub(usize::from(!is_new), Ordering::Relaxed);
            }
        }
    }

    /// Gives up somebody whose saved state cannot be read, if not nobody is meant: what was said
    /// before must not outlive what is said now.
    fn lose(&self, subject: SubjectId) {
        let is_saved = self.base.load().as_ref().is_some_and(|base| base.has(subject));
        if is_saved && matches!(self.people.get(&subject), Known::NotHere) {
            self.people.set(subject, None);
            self.engine.put(subject, None, None, self.latest());
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn change(&self, change: Change) {
        match change {
            Change::Lookup { lookup, subject, is_owner: true } => {
                self.lookups.set(lookup, Some(subject));
            }
            Change::Lookup { lookup, subject, is_owner: false } => {
                if self.owner(&lookup) == Some(subject) {
                    self.lookups.set(lookup, None);
                }
            }
            Change::Device { device, subject, is_owner: true } => {
                self.devices.set(device, Some(subject));
            }
            Change::Device { device, subject, is_owner: false } => {
                if self.device_owner(&device) == Some(subject) {
                    self.devices.set(device, None);
                }
            }
        }
    }

    fn bring_into_force(&self, before: Option<&InForce>, next: InForce, at: Timestamp) {
        self.engine.bring_into_force(&next);
        let Some(before) = before else { return };
        let changed = apply::Changed::between(&before.catalog, &next);
        self.people.each_live(|subject, state| {
            let state = Arc::make_mut(state);
            if let Some(due) = apply::apply_catalog(state, &changed, &next, at) {
                self.engine.lapse_by(*subject, state, due);
            }
        });
        let is_below = |subject| !self.people.is_live(&subject);
        let has_below = self.base.load().is_some() || self.people.has_frozen();
        if let Some(due) = changed.first_due(&next, at).filter(|_| has_below) {
            self.engine.lapse_all_by(due, is_below);
        }
        let mut catalogs = Vec::clone(&self.catalogs.load());
        catalogs.push(Arc::new(Came { in_force: next, changed, at }));
        self.catalogs.store(Arc::new(catalogs));
    }

    /// Keys change rarely and are asked for with every request: they are changed as a copy. Entries
    /// are applied by one thread, so no change is lost between copying and putting back.
    fn change_keys(&self, change: impl FnOnce(&mut HashMap<String, Arc<Key>>)) {
        let mut keys = HashMap::clone(&self.keys.load());
        change(&mut keys);
        self.keys.store(Arc::new(keys));
    }
}

/// With what catalogs did to a person since they were last looked at.
pub(crate) fn up_to_date(
    catalogs: &[Arc<Came>],
    mut state: Arc<SubjectState>,
) -> Arc<SubjectState> {
    for came in catalogs {
        if state.position < came.in_force.position {
            let state = Arc::make_mut(&mut state);
            apply::apply_catalog(state, &came.changed, &came.in_force, came.at);
        }
    }
    state
}

/// Lets the choices of an entry use the catalog's own copies of the names that they speak of. Each
/// entry brings copies of its own; kept, every decision would fetch them from a corner of memory
/// that no other decision touches.
fn share_names(state: &mut SubjectState, position: Position, catalog: &Catalog) {
    for held in state.choices.iter_mut().filter(|held| held.position == position) {
        share(held.scope.purpose.as_mut(), &catalog.purposes);
        share(held.scope.data.as_mut(), &catalog.data);
        share(held.scope.recipient.as_mut(), &catalog.recipients);
        share(held.scope.channel.as_mut(), &catalog.channels);
        share(held.notice.as_mut().map(|(notice, _)| notice), &catalog.notices);
    }
}

fn share<T>(name: Option<&mut Id>, known: &BTreeMap<Id, T>) {
    if let Some(name) = name
        && let Some((shared, _)) = known.get_key_value(name)
    {
        *name = shared.clone();
    }
}

fn hold(state: &mut SubjectState, event: &Event) {
    match event {
        Event::ChoiceRecorded(choice) if choice.effect == Effect::Denial => {
            let choice = Choice::of_person(Effect::Denial, choice.scope.clone());
            state.hold(Held::new(&choice, Position::at(u64::MAX)));
        }
        Event::RestrictionChanged { is_restricted: true } => state.is_restricted = true,
        // Nothing is allowed to somebody who leaves; the rest goes when it can be recorded.
        Event::ErasureRequested | Event::SubjectErased => state.is_leaving = true,
        _ => {}
    }
}

/// A look at the catalog in force.
pub struct Looked(Guard<Arc<View>>);

impl Looked {
    /// The catalog in force.
    pub fn in_force(&self) -> Option<&InForce> {
        self.0.book.plan.in_force.as_deref()
    }
}

/// Some people in order, and where the next ones begin.
pub struct PageOfPeople {
    /// The people.
    pub people: Vec<(SubjectId, Arc<SubjectState>)>,
    /// Where to go on.
    pub next: Option<SubjectId>,
}

impl People for Snapshot {
    fn person(&self, subject: SubjectId) -> Option<Arc<SubjectState>> {
        self.subject(subject)
    }
}

/// A snapshot in which nothing moves, for commands. See [`crate::Staged`].
pub(crate) struct Still<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) in_force: Option<Arc<InForce>>,
}

impl Facts for Still<'_> {
    fn in_force(&self) -> Option<&InForce> {
        self.in_force.as_deref()
    }

    fn subject(&self, subject: SubjectId) -> Option<Arc<SubjectState>> {
        self.snapshot.subject(subject)
    }

    fn owner(&self, lookup: &Lookup) -> Option<SubjectId> {
        self.snapshot.owner(lookup)
    }

    fn device_owner(&self, device: &Id) -> Option<SubjectId> {
        self.snapshot.device_owner(device)
    }

    fn has_key(&self, id: &str) -> bool {
        self.snapshot.keys.load().values().any(|key| key.id == id)
    }

    fn sink(&self, recipient: &Id) -> Option<SinkState> {
        self.snapshot.sinks.load().get(recipient).cloned()
    }
}
