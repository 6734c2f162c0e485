use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// A hash table that grows by an eighth, where one that doubles takes up to twice as much for each
/// entry.
///
/// An entry is in the first place from its home on that was free when it came. Nothing but
/// [`retain`](Self::retain) removes one, and that builds the table anew.
pub(crate) struct Table<K, V> {
    /// A byte of the hash of each entry, or zero where there is none: so few other keys are looked at.
    tags: Box<[u8]>,
    entries: Box<[Option<(K, V)>]>,
    len: usize,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { tags: Box::default(), entries: Box::default(), len: 0 }
    }
}

impl<K, V> Table<K, V> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

impl<K: Hash + Eq, V> Table<K, V> {
    #[inline]
    pub(crate) fn get(&self, hash: u64, key: &K) -> Option<&V> {
        let place = self.find(hash, key)?;
        self.entries[place].as_ref().map(|entry| &entry.1)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, hash: u64, key: &K) -> Option<&mut V> {
        let place = self.find(hash, key)?;
        self.entries[place].as_mut().map(|entry| &mut entry.1)
    }

    /// Adds an entry whose key is not there.
    pub(crate) fn insert(&mut self, hash: u64, key: K, value: V, hasher: &RandomState) {
        let places = self.tags.len();
        // At least a sixth stays free, else the ways from home grow long.
        if (self.len + 1) * 6 > places * 5 {
            self.rebuild(places + places / 8 + 4, self.hashes(hasher, |_, _| true));
        }
        self.put(hash, (key, value));
    }

    /// Keeps the entries for which this is true, and gives back what the others took.
    pub(crate) fn retain(&mut self, hasher: &RandomState, keep: impl Fn(&K, &V) -> bool) {
        let hashes = self.hashes(hasher, keep);
        let kept = hashes.iter().flatten().count();
        if kept < self.len {
            self.rebuild(kept + kept / 4 + 1, hashes);
        }
    }

    #[inline]
    fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let home = self.home(hash);
        // The tag is not waited for: the processor fetches the entry, which is mostly here, beside it.
        self.entries.get(home)?.as_ref()?;
        let tag = tag(hash);
        let mut place = home;
        while self.tags[place] != 0 {
            if self.tags[place] == tag
                && self.entries[place].as_ref().is_some_and(|entry| entry.0 == *key)
            {
                return Some(place);
            }
            place = self.after(place);
        }
        None
    }

    fn put(&mut self, hash: u64, entry: (K, V)) {
        let mut place = self.home(hash);
        while self.tags[place] != 0 {
            place = self.after(place);
        }
        self.tags[place] = tag(hash);
        self.entries[place] = Some(entry);
        self.len += 1;
    }

    /// The first bits of a hash say where it belongs.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it is less than the number of places")]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.tags.len() as u128) >> 64) as usize
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        if place + 1 < self.tags.len() { place + 1 } else { 0 }
    }

    /// The hash of each entry for which this is true.
    fn hashes(&self, hasher: &RandomState, keep: impl Fn(&K, &V) -> bool) -> Vec<Option<u64>> {
        let kept = |entry: &Option<(K, V)>| match entry {
            Some((key, value)) if keep(key, value) => Some(hasher.hash_one(key)),
            _ => None,
        };
        self.entries.iter().map(kept).collect()
    }

    /// Makes so many places, of which at least one stays free, for the entries that have a hash here.
    /// It runs no code of a key, which might panic while the table is half built.
    fn rebuild(&mut self, places: usize, hashes: Vec<Option<u64>>) {
        let entries = std::mem::take(&mut self.entries);
        self.tags = (0..places).map(|_| 0).collect();
        self.entries = (0..places).map(|_| None).collect();
        self.len = 0;
        for (entry, hash) in entries.into_iter().zip(hashes) {
            if let (Some(entry), Some(hash)) = (entry, hash) {
                self.put(hash, entry);
            }
        }
    }
}

/// The last bits of a hash, and one by which it is not zero.
#[inline]
const fn tag(hash: u64) -> u8 {
    (hash & 0x7f) as u8 | 0x80
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_map_would(
            keys in vec(0..500_u16, 0..1_000),
            drop_every in 1..5_u16,
            more in vec(0..500_u16, 0..50),
        ) {
            let hasher = RandomState::default();
            let (mut table, mut map) = (Table::default(), BTreeMap::new());
            let note = |table: &mut Table<u16, u16>, key, value| {
                let hash = hasher.hash_one(key);
                match table.get_mut(hash, &key) {
                    Some(noted) => *noted = value,
                    None => table.insert(hash, key, value, &hasher),
                }
            };
            for (value, key) in (0..).zip(keys) {
                note(&mut table, key, value);
                map.insert(key, value);
            }
            table.retain(&hasher, |key, _| key % drop_every != 0);
            map.retain(|key, _| *key % drop_every != 0);
            for key in more {
                note(&mut table, key, 0);
                map.insert(key, 0);
            }
            prop_assert_eq!(table.len(), map.len());
            prop_assert!(table.tags.len() <= map.len() * 2 + 4);
            for key in 0..500 {
                prop_assert_eq!(table.get(hasher.hash_one(key), &key), map.get(&key));
            }
        }
    }

    #[test]
    fn an_entry_takes_little_more_than_itself() {
        let hasher = RandomState::default();
        let mut table = Table::<u32, ()>::default();
        for key in 0..100_000 {
            table.insert(hasher.hash_one(key), key, (), &hasher);
            if key > 100 {
                assert!(table.tags.len() * 10 < table.len() * 14);
            }
        }
    }
}
