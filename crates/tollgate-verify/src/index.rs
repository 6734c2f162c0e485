use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// From hashes to the numbers of entries: open addressing in words that are read without a lock.
///
/// A reader may miss an entry while a writer makes room; it then asks the store once more than needed.
/// Writers take turns by a lock of their own. A word holds the number plus one, and above it as much of
/// the hash as there is room for; zero is free.
pub(crate) struct Index {
    /// Each twice as large as the one before, which stays for those who still read it.
    tables: [OnceLock<Box<[AtomicU32]>>; 27],
    current: AtomicUsize,
    len: AtomicUsize,
    number_bits: u32,
}

const SMALLEST: usize = 64;

impl Index {
    /// Numbers have room for at most 31 bits.
    pub(crate) fn of_numbers_below(capacity: usize) -> Self {
        let index = Self {
            tables: [const { OnceLock::new() }; 27],
            current: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            number_bits: capacity.checked_ilog2().unwrap_or(0) + 1,
        };
        index.table(0);
        index
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The first of the entries with this hash that is accepted.
    #[inline(always)]
    pub(crate) fn find<T>(&self, hash: u64, accept: impl Fn(u32) -> Option<T>) -> Option<T> {
        let table = self.tables[self.current.load(Ordering::Acquire)].get()?;
        let tag = self.tag(hash);
        for at in probe(table, hash) {
            let word = table[at].load(Ordering::Acquire);
            if word == 0 {
                return None;
            }
            if self.tag_of(word) == tag
                && let Some(found) = accept(self.number(word))
            {
                return Some(found);
            }
        }
        None
    }

    /// Adds an entry. With seven eighths of the words in use, the table is doubled.
    pub(crate) fn insert(&self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let mut table = self.table(self.current.load(Ordering::Relaxed));
        if (self.len() + 1) * 8 > table.len() * 7 {
            let next = self.current.load(Ordering::Relaxed) + 1;
            let larger = self.table(next);
            for word in table.iter().map(|slot| slot.load(Ordering::Relaxed)) {
                if word != 0 {
                    put(larger, hash_of(self.number(word)), word);
                }
            }
            self.current.store(next, Ordering::Release);
            table = larger;
        }
        put(table, hash, self.tag(hash) << self.number_bits | (number + 1));
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes an entry, and moves those that had to pass it to where they are found without it.
    pub(crate) fn remove(&self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let table = self.table(self.current.load(Ordering::Relaxed));
        let mask = table.len() - 1;
        let is_it = |at: &usize| self.number(table[*at].load(Ordering::Relaxed)) == number;
        let Some(mut gap) = probe(table, hash).find(is_it) else { return };
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let word = table[at].load(Ordering::Relaxed);
            if word == 0 {
                break;
            }
            let from_home = at.wrapping_sub(home(table, hash_of(self.number(word)))) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                table[gap].store(word, Ordering::Release);
                gap = at;
            }
        }
        table[gap].store(0, Ordering::Release);
        self.len.fetch_sub(1, Ordering::Relaxed);
    }

    fn table(&self, level: usize) -> &[AtomicU32] {
        let size = SMALLEST << level;
        self.tables[level].get_or_init(|| (0..size).map(|_| AtomicU32::new(0)).collect())
    }

    /// The upper bits of the hash: the lower ones say where to look.
    fn tag(&self, hash: u64) -> u32 {
        (hash >> 32 >> self.number_bits) as u32
    }

    fn tag_of(&self, word: u32) -> u32 {
        word >> self.number_bits
    }

    /// Of a free word, a number that no entry has.
    fn number(&self, word: u32) -> u32 {
        (word & !(u32::MAX << self.number_bits)).wrapping_sub(1)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "no table has more than 2^32 words")]
fn home(table: &[AtomicU32], hash: u64) -> usize {
    hash as usize & (table.len() - 1)
}

/// The places where an entry may be, in the order in which they are looked at.
fn probe(table: &[AtomicU32], hash: u64) -> impl Iterator<Item = usize> {
    let (home, mask) = (home(table, hash), table.len() - 1);
    (0..table.len()).map(move |step| (home + step) & mask)
}

fn put(table: &[AtomicU32], hash: u64, word: u32) {
    if let Some(free) = probe(table, hash).find(|at| table[*at].load(Ordering::Relaxed) == 0) {
        table[free].store(word, Ordering::Release);
    }
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
            let hash_of = |number: u32| u64::from(number % 7) << 61 | u64::from(number % 50);
            let index = Index::of_numbers_below(300);
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
