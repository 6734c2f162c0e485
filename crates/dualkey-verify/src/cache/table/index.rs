use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Entry numbers by hash: open addressing, read without a lock. Entries are never removed.
///
/// A reader may miss an entry while the table grows: a cache miss, which costs one more lookup in the
/// store. Writers are serialized by the caller. A word holds a number plus one and, in the bits above it,
/// a part of the hash; zero is free.
pub(crate) struct Index {
    /// Each twice as large as the one before. Outgrown tables stay for the readers that still use them.
    tables: [OnceLock<Box<[Group]>>; 27],
    current: AtomicUsize,
    len: AtomicUsize,
    number_bits: u32,
}

/// Eight words in one half of a cache line, compared together without a branch per word.
#[derive(Default)]
#[repr(align(32))]
struct Group([AtomicU32; GROUP]);

const GROUP: usize = 8;
const SMALLEST: usize = 8;

impl Index {
    /// An index of the numbers below this capacity, at most 2 to the power of 31.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
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

    /// The first result of `accept` for an entry with this hash.
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

    /// Adds an entry. When seven eighths of the words are in use, the table doubles.
    pub(crate) fn insert(&self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let mut table = self.table(self.current.load(Ordering::Relaxed));
        if (self.len() + 1) * 8 > table.len() * GROUP * 7 {
            let next = self.current.load(Ordering::Relaxed) + 1;
            let larger = self.table(next);
            for word in table.iter().flat_map(Group::words).filter(|word| *word != 0) {
                insert_word(larger, hash_of(self.number(word)), word);
            }
            self.current.store(next, Ordering::Release);
            table = larger;
        }
        insert_word(table, hash, self.tag(hash) << self.number_bits | (number + 1));
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    fn table(&self, level: usize) -> &[Group] {
        let size = SMALLEST << level;
        self.tables[level].get_or_init(|| (0..size).map(|_| Group::default()).collect())
    }

    /// The upper bits of the hash; the lower ones select the group.
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

/// The probe sequence of a hash.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "no table has more than 2^32 groups")]
fn probe(table: &[Group], hash: u64) -> impl Iterator<Item = &Group> {
    let mask = table.len() - 1;
    (0..table.len()).map(move |step| &table[(hash as usize + step) & mask])
}

/// Groups fill from the front, so a group with a free word ends with one.
fn insert_word(table: &[Group], hash: u64, word: u32) {
    let mut words = probe(table, hash).flat_map(|group| &group.0);
    if let Some(free) = words.find(|free| free.load(Ordering::Relaxed) == 0) {
        free.store(word, Ordering::Release);
    }
}
