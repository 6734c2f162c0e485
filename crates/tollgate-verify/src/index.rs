use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// From hashes to the numbers of entries: open addressing in words that are read without a lock.
///
/// A reader may miss an entry while a writer makes room; it then asks the store once more than needed.
/// Writers take turns by a lock of their own. A word holds the upper half of the hash, and the number
/// plus one; zero is free.
pub(crate) struct Index {
    /// Each twice as large as the one before, which stays for those who still read it.
    tables: [OnceLock<Box<[AtomicU64]>>; 27],
    current: AtomicUsize,
    len: AtomicUsize,
}

const SMALLEST: usize = 64;

impl Index {
    pub(crate) fn new() -> Self {
        let index = Self {
            tables: [const { OnceLock::new() }; 27],
            current: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
        };
        index.table(0);
        index
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The first of the entries with this hash that is accepted.
    pub(crate) fn find<T>(&self, hash: u64, accept: impl Fn(u32) -> Option<T>) -> Option<T> {
        let table = self.tables[self.current.load(Ordering::Acquire)].get()?;
        for slot in probe(table, hash) {
            let word = slot.load(Ordering::Acquire);
            if word == 0 {
                return None;
            }
            if word >> 32 == hash >> 32
                && let Some(found) = accept(number(word))
            {
                return Some(found);
            }
        }
        None
    }

    /// Adds an entry. With three quarters of the words in use, the table is doubled.
    pub(crate) fn insert(&self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let mut table = self.table(self.current.load(Ordering::Relaxed));
        if (self.len() + 1) * 4 > table.len() * 3 {
            let next = self.current.load(Ordering::Relaxed) + 1;
            let larger = self.table(next);
            for word in table.iter().map(|slot| slot.load(Ordering::Relaxed)) {
                if word != 0 {
                    put(larger, hash_of(self::number(word)), word);
                }
            }
            self.current.store(next, Ordering::Release);
            table = larger;
        }
        put(table, hash, hash >> 32 << 32 | (u64::from(number) + 1));
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes an entry, and moves those that had to pass it to where they are found without it.
    pub(crate) fn remove(&self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let table = self.table(self.current.load(Ordering::Relaxed));
        let mask = table.len() - 1;
        let is_it = |at: &usize| self::number(table[*at].load(Ordering::Relaxed)) == number;
        let mut on_the_way = (0..table.len()).map(|step| (home(table, hash) + step) & mask);
        let Some(mut gap) = on_the_way.find(is_it) else { return };
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let word = table[at].load(Ordering::Relaxed);
            if word == 0 {
                break;
            }
            let from_home = at.wrapping_sub(home(table, hash_of(self::number(word)))) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                table[gap].store(word, Ordering::Release);
                gap = at;
            }
        }
        table[gap].store(0, Ordering::Release);
        self.len.fetch_sub(1, Ordering::Relaxed);
    }

    fn table(&self, level: usize) -> &[AtomicU64] {
        let size = SMALLEST << level;
        self.tables[level].get_or_init(|| (0..size).map(|_| AtomicU64::new(0)).collect())
    }
}

fn home(table: &[AtomicU64], hash: u64) -> usize {
    usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0) & (table.len() - 1)
}

fn probe(table: &[AtomicU64], hash: u64) -> impl Iterator<Item = &AtomicU64> {
    let (before, from_home) = table.split_at(home(table, hash));
    from_home.iter().chain(before)
}

fn put(table: &[AtomicU64], hash: u64, word: u64) {
    if let Some(free) = probe(table, hash).find(|slot| slot.load(Ordering::Relaxed) == 0) {
        free.store(word, Ordering::Release);
    }
}

/// Of a free word, a number that no entry has.
fn number(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few distinct hashes, so that entries get into each other's way.
        #[test]
        fn the_index_is_a_map(steps in proptest::collection::vec((any::<bool>(), 0..300_u32), 0..600)) {
            let hash_of = |number: u32| u64::from(number % 7) << 40 | u64::from(number % 50);
            let index = Index::new();
            let mut model = HashMap::new();
            for (is_insertion, number) in steps {
                if is_insertion && model.insert(number, ()).is_none() {
                    index.insert(hash_of(number), number, hash_of);
                } else if !is_insertion && model.remove(&number).is_some() {
                    index.remove(hash_of(number), number, hash_of);
                }
            }
            prop_assert_eq!(index.len(), model.len());
            for number in 0..300 {
                let found = index.find(hash_of(number), |other| (other == number).then_some(()));
                prop_assert_eq!(found, model.get(&number).copied());
            }
        }
    }
}
