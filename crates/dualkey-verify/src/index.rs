use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// From hashes to the numbers of entries: open addressing in words that are read without a lock. What is
/// inserted stays.
///
/// A reader may miss an entry while a writer makes room; it then asks the store once more than needed.
/// Writers take turns by a lock of their own. A word holds the number plus one, and above it as much of
/// the hash as there is room for; zero is free.
pub(crate) struct Index {
    /// Each twice as large as the one before, which stays for those who still read it.
    tables: [OnceLock<Box<[Group]>>; 27],
    current: AtomicUsize,
    len: AtomicUsize,
    number_bits: u32,
}

/// Words that are looked at together: where an entry is among them is nothing that a processor guesses.
#[derive(Default)]
#[repr(align(32))]
struct Group([AtomicU32; GROUP]);

const GROUP: usize = 8;
const SMALLEST: usize = 8;

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

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// The first of the entries with this hash that is accepted.
    #[inline(always)]
    pub(crate) fn find<T>(&self, hash: u64, accept: impl Fn(u32) -> Option<T>) -> Option<T> {
        let table = self.tables[self.current.load(Ordering::Acquire)].get()?;
        for group in probe(table, hash) {
            let words = group.words();
            let mut matching = words.iter().rev().fold(0_u8, |so_far, word| {
                so_far << 1 | u8::from(*word != 0 && self.is_tagged(*word, hash))
            });
            while matching != 0 {
                let found = accept(self.number(words[matching.trailing_zeros() as usize]));
                if found.is_some() {
                    return found;
                }
                matching &= matching - 1;
            }
            if words[GROUP - 1] == 0 {
                return None;
            }
        }
        None
    }

    /// Adds an entry. With seven eighths of the words in use, the table is doubled.
    pub(crate) fn insert(&self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let mut table = self.table(self.current.load(Ordering::Relaxed));
        if (self.len() + 1) * 8 > table.len() * GROUP * 7 {
            let next = self.current.load(Ordering::Relaxed) + 1;
            let larger = self.table(next);
            for word in table.iter().flat_map(Group::words).filter(|word| *word != 0) {
                put(larger, hash_of(self.number(word)), word);
            }
            self.current.store(next, Ordering::Release);
            table = larger;
        }
        put(table, hash, self.tag(hash) << self.number_bits | (number + 1));
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    fn table(&self, level: usize) -> &[Group] {
        let size = SMALLEST << level;
        self.tables[level].get_or_init(|| (0..size).map(|_| Group::default()).collect())
    }

    /// The upper bits of the hash: the lower ones say where to look.
    #[inline]
    fn tag(&self, hash: u64) -> u32 {
        (hash >> 32 >> self.number_bits) as u32
    }

    #[inline]
    fn is_tagged(&self, word: u32, hash: u64) -> bool {
        word >> self.number_bits == self.tag(hash)
    }

    #[inline]
    fn number(&self, word: u32) -> u32 {
        (word & !(u32::MAX << self.number_bits)) - 1
    }
}

impl Group {
    #[inline]
    fn words(&self) -> [u32; GROUP] {
        array::from_fn(|at| self.0[at].load(Ordering::Acquire))
    }
}

/// The groups in which an entry may be, in the order in which they are looked at.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "no table has more than 2^32 groups")]
fn probe(table: &[Group], hash: u64) -> impl Iterator<Item = &Group> {
    let mask = table.len() - 1;
    (0..table.len()).map(move |step| &table[(hash as usize + step) & mask])
}

/// Groups are filled from the front, so one with a free word ends with one.
fn put(table: &[Group], hash: u64, word: u32) {
    let mut words = probe(table, hash).flat_map(|group| &group.0);
    if let Some(free) = words.find(|free| free.load(Ordering::Relaxed) == 0) {
        free.store(word, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few distinct hashes, so that entries get into each other's way.
        #[test]
        fn the_index_finds_what_was_inserted(numbers in proptest::collection::btree_set(0..3_000_u32, 0..600)) {
            let hash_of = |number: u32| u64::from(number % 7) << 61 | u64::from(number % 50);
            let index = Index::of_numbers_below(3_000);
            let mut inserted = BTreeSet::new();
            for number in numbers {
                index.insert(hash_of(number), number, hash_of);
                inserted.insert(number);
            }
            for number in 0..3_000 {
                let found = index.find(hash_of(number), |other| (other == number).then_some(()));
                prop_assert_eq!(found.is_some(), inserted.contains(&number));
            }
        }
    }
}
