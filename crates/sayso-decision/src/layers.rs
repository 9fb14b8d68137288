//! Maps of which only what changed lately is in memory.
//!
//! | layer | what it has | who reads it first |
//! |-------|-------------|--------------------|
//! | live | what changed since the last save began | everyone |
//! | frozen | what is being saved | whoever finds nothing in the live one |
//! | [`crate::image::Image`] | what was saved | whoever finds nothing in either |
//!
//! A key that is gone is kept as such while a layer below may still have it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use sayso_consent::id::{Id, Lookup, SubjectId};

/// How many parts a map is kept in, so that two threads rarely want the same lock.
pub(crate) const SHARDS: usize = 256;

/// Keys that know their part.
pub(crate) trait Sharded: Eq + Hash + Clone {
    /// Below [`SHARDS`].
    fn shard(&self) -> usize;
}

impl Sharded for SubjectId {
    /// The top bits of the random id: shards in order are people in order.
    fn shard(&self) -> usize {
        (self.0 >> 120) as usize
    }
}

impl Sharded for Lookup {
    /// A digest is as random as a subject's id.
    fn shard(&self) -> usize {
        let [shard, ..] = self.0;
        usize::from(shard)
    }
}

impl Sharded for Id {
    /// Serials differ in what they end in.
    fn shard(&self) -> usize {
        self.as_str().as_bytes().last().copied().map_or(0, usize::from)
    }
}

/// What the layers in memory know of a key.
pub(crate) enum Known<V> {
    /// Its value.
    Is(V),
    /// That it has none, whatever was saved.
    Gone,
    /// Nothing: what was saved counts.
    NotHere,
}

impl<V> Known<V> {
    /// The value, from below if nothing is known here.
    pub(crate) fn or_below(self, below: impl FnOnce() -> Option<V>) -> Option<V> {
        match self {
            Self::Is(value) => Some(value),
            Self::Gone => None,
            Self::NotHere => below(),
        }
    }
}

type Layer<K, V> = HashMap<K, Option<V>>;

struct Shard<K, V> {
    live: Layer<K, V>,
    frozen: Layer<K, V>,
}

/// A shard that is locked to be looked at.
pub(crate) struct Locked<'a, K, V>(RwLockReadGuard<'a, Shard<K, V>>);

impl<K: Sharded, V: Clone> Locked<'_, K, V> {
    /// What is known of a key of this shard.
    pub(crate) fn get(&self, key: &K) -> Known<V> {
        match known(&self.0.live, key) {
            Known::NotHere => known(&self.0.frozen, key),
            known => known,
        }
    }
}

/// A map in layers.
pub(crate) struct Layers<K, V>(Vec<RwLock<Shard<K, V>>>);

/// A lock whose holder panicked still guards whole values: every write here is one insert.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn known<K: Sharded, V: Clone>(layer: &Layer<K, V>, key: &K) -> Known<V> {
    match layer.get(key) {
        Some(Some(value)) => Known::Is(value.clone()),
        Some(None) => Known::Gone,
        None => Known::NotHere,
    }
}

impl<K: Sharded, V: Clone> Default for Layers<K, V> {
    fn default() -> Self {
        let shard = |_| RwLock::new(Shard { live: HashMap::new(), frozen: HashMap::new() });
        Self((0..SHARDS).map(shard).collect())
    }
}

impl<K: Sharded, V: Clone> Layers<K, V> {
    /// What is known of a key.
    pub(crate) fn get(&self, key: &K) -> Known<V> {
        self.shard_of(key).get(key)
    }

    /// The shard of a key, to look at several keys in it.
    pub(crate) fn shard_of(&self, key: &K) -> Locked<'_, K, V> {
        Locked(read(&self.0[key.shard()]))
    }

    /// What was known of a key when the save began.
    pub(crate) fn frozen(&self, key: &K) -> Known<V> {
        known(&read(&self.0[key.shard()]).frozen, key)
    }

    /// Gives a key another value, or none.
    pub(crate) fn set(&self, key: K, value: Option<V>) {
        write(&self.0[key.shard()]).live.insert(key, value);
    }

    /// The keys of a shard that anything is known of.
    pub(crate) fn keys(&self, shard: usize) -> Vec<K> {
        let shard = read(&self.0[shard]);
        shard.live.keys().chain(shard.frozen.keys()).cloned().collect()
    }

    /// The frozen keys and their values.
    pub(crate) fn frozen_all(&self) -> impl Iterator<Item = (K, Option<V>)> {
        self.0.iter().flat_map(|shard| {
            let pair = |(key, value): (&K, &Option<V>)| (key.clone(), value.clone());
            read(shard).frozen.iter().map(pair).collect::<Vec<_>>()
        })
    }

    /// Changes every live value where it is.
    pub(crate) fn each_live(&self, mut change: impl FnMut(&K, &mut V)) {
        for shard in &self.0 {
            for (key, value) in &mut write(shard).live {
                value.iter_mut().for_each(|value| change(key, value));
            }
        }
    }

    /// Whether anything is known of a key that changed since the last save began.
    pub(crate) fn is_live(&self, key: &K) -> bool {
        read(&self.0[key.shard()]).live.contains_key(key)
    }

    /// Whether anything is being saved, or could not be.
    pub(crate) fn has_frozen(&self) -> bool {
        self.0.iter().any(|shard| !read(shard).frozen.is_empty())
    }

    /// Begins a save: what is live is frozen.
    pub(crate) fn freeze(&self) {
        for shard in &self.0 {
            let shard = &mut *write(shard);
            // What an earlier save could not finish is saved by this one.
            let live = std::mem::take(&mut shard.live);
            shard.frozen.extend(live);
        }
    }

    /// Ends a save: what was frozen is found below by now.
    pub(crate) fn melt(&self) {
        self.0.iter().for_each(|shard| write(shard).frozen = HashMap::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(known: Known<u32>) -> Option<u32> {
        known.or_below(|| Some(0))
    }

    #[test]
    fn the_newest_layer_that_knows_a_key_counts() {
        let layers = Layers::<SubjectId, u32>::default();
        let [ana, ben] = [SubjectId(1), SubjectId(2 << 120)];
        layers.set(ana, Some(1));
        layers.set(ben, Some(2));
        layers.freeze();
        assert_eq!([value(layers.get(&ana)), value(layers.get(&ben))], [Some(1), Some(2)]);
        layers.set(ana, Some(3));
        layers.set(ben, None);
        assert_eq!([value(layers.get(&ana)), value(layers.get(&ben))], [Some(3), None]);
        assert_eq!(value(layers.frozen(&ben)), Some(2), "as it was when the save began");
        layers.melt();
        assert_eq!([value(layers.get(&ana)), value(layers.get(&ben))], [Some(3), None]);
        layers.freeze();
        layers.melt();
        assert_eq!([value(layers.get(&ana)), value(layers.get(&ben))], [Some(0), Some(0)]);
    }

    #[test]
    fn a_save_that_failed_loses_nothing() {
        let layers = Layers::<SubjectId, u32>::default();
        layers.set(SubjectId(1), Some(1));
        layers.freeze();
        layers.set(SubjectId(2), Some(2));
        layers.freeze();
        for who in 1..=2_u32 {
            assert_eq!(value(layers.frozen(&SubjectId(u128::from(who)))), Some(who));
        }
    }
}
