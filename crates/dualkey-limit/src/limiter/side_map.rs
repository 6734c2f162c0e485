use std::hash::Hash;
use std::sync::OnceLock;

use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::map::{new_map, shrink};

/// A value for the few keys that need one. The map is created for the first of them.
pub(super) struct SideMap<K, V>(OnceLock<DashMap<K, V, RandomState>>);

impl<K: Hash + Eq + Clone, V: Copy> SideMap<K, V> {
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.0.get()?.get(key).map(|value| *value)
    }

    pub(super) fn set(&self, key: &K, value: V, hasher: &RandomState) {
        let values = self.0.get_or_init(|| new_map(hasher.clone()));
        if let Some(mut current) = values.get_mut(key) {
            *current = value;
            return;
        }
        values.insert(key.clone(), value);
    }

    #[inline]
    pub(super) fn remove(&self, key: &K) {
        if let Some(values) = self.0.get() {
            values.remove(key);
        }
    }

    pub(super) fn shrink(&self) {
        self.0.get().into_iter().for_each(shrink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_map_returns_the_memory_of_removed_values() {
        let (map, hasher) = (SideMap::new(), RandomState::default());
        for key in 0..20_000 {
            map.set(&key, key, &hasher);
        }
        let capacity = || map.0.get().map_or(0, DashMap::capacity);
        let before = capacity();
        for key in 1..20_000 {
            map.remove(&key);
        }
        map.shrink();
        assert!(capacity() < before / 4);
        assert_eq!((map.get(&0), map.get(&1)), (Some(0), None));
    }
}
