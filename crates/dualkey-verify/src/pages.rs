use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use prefetch_index::prefetch_index;

use crate::slab::Slab;
use crate::slot::{Contents, Key, Slot};

/// Slots by key: extendible hashing in pages of 4 KiB.
///
/// A directory leads from the first bits of a key to a page. It is short, so that it stays in the cache,
/// and a slot is found with one access to memory that is far. A page that is full is divided in two; no
/// other moves, so nobody ever waits for the whole table to grow.
///
/// It is read without a lock: the word of the directory counts what happens to its page, and is odd while
/// something does. Whoever sees another word afterwards reads once more, under the lock of writers.
///
/// R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong: Extendible hashing, a fast access method for dynamic
/// files. ACM TODS 4 (1979).
pub(crate) struct Pages {
    /// By the number of bits, each twice as long as the one before. What is no longer current is odd.
    directories: [OnceLock<Box<[AtomicU64]>>; MOST_BITS + 1],
    bits: AtomicUsize,
    pages: Slab<Page>,
    len: AtomicUsize,
    /// How many pages there are; held while one is written.
    writing: Mutex<u32>,
}

#[repr(align(4096))]
struct Page([Slot; SLOTS]);

const SLOTS: usize = 85;
/// A page with so many tokens is full: with fewer free slots, there would be far to go for the next.
const FULL: usize = 76;
/// Pages that were just divided are half full. Keys are random, so hardly any has less than this.
const FEWEST: usize = 24;
const MOST_BITS: usize = 26;
/// So many pages stay in a processor's caches, 512 KiB.
const NEAR: usize = 128;

/// Of a word of the directory: the rest is the number of the page.
const CHANGE: u64 = 1 << 32;

impl Default for Page {
    fn default() -> Self {
        Self(array::from_fn(|_| Slot::default()))
    }
}

impl Pages {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let pages = Slab::with_capacity(capacity / FEWEST + 8);
        pages.make(0);
        let mut directories = [const { OnceLock::new() }; MOST_BITS + 1];
        directories[0] = OnceLock::from(Box::from([AtomicU64::new(0)]));
        let (bits, len) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { directories, bits, pages, len, writing: Mutex::new(1) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Has the slot of this key brought from memory, if there is one and it may be far.
    #[inline]
    pub(crate) fn fetch(&self, key: Key) {
        let directory = self.directory();
        if directory.len() <= NEAR {
            return;
        }
        let page = number(directory[place(directory, key)].load(Ordering::Relaxed));
        if let Some(page) = self.pages.get(page) {
            prefetch_index(&page.0, home(key));
            prefetch_index(&page.0, home(key) + 1);
        }
    }

    /// Reads the slot of this key, if there is one: twice, should it be written meanwhile.
    #[inline(always)]
    pub(crate) fn read<'a, T>(&'a self, key: Key, read: impl Fn(&'a Slot) -> T) -> Option<T> {
        let directory = self.directory();
        let word = &directory[place(directory, key)];
        let before = word.load(Ordering::Acquire);
        let found = self.pages.get(number(before))?.find(key).map(&read);
        fence(Ordering::Acquire);
        if before & CHANGE == 0 && word.load(Ordering::Relaxed) == before {
            return found;
        }
        self.write().find(key).map(read)
    }

    pub(crate) fn write(&self) -> Writer<'_> {
        let made = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        Writer { pages: self, made }
    }

    #[inline]
    fn directory(&self) -> &[AtomicU64] {
        self.directories[self.bits.load(Ordering::Acquire)].get().map_or(&[], |words| words)
    }
}

impl Page {
    #[inline]
    fn find(&self, key: Key) -> Option<&Slot> {
        for at in home(key)..home(key) + SLOTS {
            let slot = &self.0[at % SLOTS];
            if slot.is_of(key) {
                return Some(slot);
            }
            if slot.is_free() {
                break;
            }
        }
        None
    }

    fn put(&self, contents: &Contents) {
        let (before, from_home) = self.0.split_at(home(contents.key));
        if let Some(free) = from_home.iter().chain(before).find(|slot| slot.is_free()) {
            free.put(contents);
        }
    }

    fn taken(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().filter(|slot| !slot.is_free())
    }

    /// Takes everything out, and puts back what is to stay.
    fn keep(&self, stays: impl Fn(&Contents) -> bool) -> Vec<Contents> {
        let taken: Vec<Contents> = self.taken().map(Slot::contents).collect();
        self.taken().for_each(Slot::free);
        let (staying, leaving): (Vec<_>, Vec<_>) = taken.into_iter().partition(stays);
        staying.iter().for_each(|contents| self.put(contents));
        leaving
    }
}

/// Who writes, while nobody else does.
pub(crate) struct Writer<'a> {
    pages: &'a Pages,
    made: MutexGuard<'a, u32>,
}

impl<'a> Writer<'a> {
    pub(crate) fn find(&self, key: Key) -> Option<&'a Slot> {
        let directory = self.pages.directory();
        self.page(directory, place(directory, key)).find(key)
    }

    /// Keeps this token, if there is room.
    pub(crate) fn put(&mut self, contents: &Contents) -> bool {
        loop {
            let directory = self.pages.directory();
            let place = place(directory, contents.key);
            let page = self.page(directory, place);
            let slot = page.find(contents.key);
            if slot.is_some() || page.taken().count() < FULL {
                self.change(directory, place, |page| match slot {
                    Some(slot) => slot.renew(contents),
                    None => page.put(contents),
                });
                self.pages.len.fetch_add(usize::from(slot.is_none()), Ordering::Relaxed);
                return true;
            }
            if !self.divide(directory, place) {
                return false;
            }
        }
    }

    pub(crate) fn remove(&mut self, key: Key) {
        if self.find(key).is_some() {
            let directory = self.pages.directory();
            self.retain_in(directory, place(directory, key), |contents| contents.key != key);
        }
    }

    pub(crate) fn retain(&mut self, stays: impl Fn(&Contents) -> bool) {
        let directory = self.pages.directory();
        let mut place = 0;
        while place < directory.len() {
            self.retain_in(directory, place, &stays);
            place = span(directory, place).end;
        }
    }

    pub(crate) fn each(&self, change: impl Fn(&Slot)) {
        let pages = (0..*self.made).filter_map(|number| self.pages.pages.get(number));
        pages.flat_map(Page::taken).for_each(change);
    }

    fn retain_in(&self, directory: &[AtomicU64], place: usize, stays: impl Fn(&Contents) -> bool) {
        if self.page(directory, place).taken().all(|slot| stays(&slot.contents())) {
            return;
        }
        self.change(directory, place, |page| {
            let removed = page.keep(stays);
            self.pages.len.fetch_sub(removed.len(), Ordering::Relaxed);
        });
    }

    /// Moves half of a page's tokens to a new one, after doubling the directory if it leads to this page by
    /// one word only.
    fn divide(&mut self, directory: &[AtomicU64], place: usize) -> bool {
        let span = span(directory, place);
        if span.len() == 1 {
            return self.double(directory);
        }
        let new = *self.made;
        let Some(page) = self.pages.pages.make(new) else { return false };
        *self.made += 1;
        let upper = span.start + span.len() / 2..span.end;
        self.change(directory, place, |old| {
            let is_lower = |contents: &Contents| self::place(directory, contents.key) < upper.start;
            old.keep(is_lower).iter().for_each(|contents| page.put(contents));
            for word in &directory[upper.clone()] {
                let changes = word.load(Ordering::Relaxed) & !u64::from(u32::MAX);
                word.store(changes | u64::from(new), Ordering::Relaxed);
            }
        });
        true
    }

    fn double(&mut self, directory: &[AtomicU64]) -> bool {
        let bits = self.pages.bits.load(Ordering::Relaxed) + 1;
        let Some(doubled) = self.pages.directories.get(bits) else { return false };
        let words = directory.iter().map(|word| word.load(Ordering::Relaxed));
        doubled.get_or_init(|| words.flat_map(|word| [word, word]).map(AtomicU64::new).collect());
        self.pages.bits.store(bits, Ordering::Release);
        // For good: whoever still reads by the old one sees that it must not.
        directory.iter().for_each(|word| _ = word.fetch_or(CHANGE, Ordering::AcqRel));
        true
    }

    /// Runs this while readers see that the page is being changed.
    fn change(&self, directory: &[AtomicU64], place: usize, change: impl FnOnce(&Page)) {
        let words = &directory[span(directory, place)];
        let count = |ordering| words.iter().for_each(|word| _ = word.fetch_add(CHANGE, ordering));
        let page = self.page(directory, place);
        count(Ordering::Relaxed);
        fence(Ordering::Release);
        change(page);
        count(Ordering::Release);
    }

    fn page(&self, directory: &[AtomicU64], place: usize) -> &'a Page {
        let number = number(directory[place].load(Ordering::Relaxed));
        self.pages.pages.get(number).expect("a directory leads to pages that are made")
    }
}

/// The words that lead to the same page: a power of two of them, at a multiple of it.
fn span(directory: &[AtomicU64], place: usize) -> std::ops::Range<usize> {
    let page = |at: usize| number(directory[at].load(Ordering::Relaxed));
    let mut len = 1;
    while len < directory.len()
        && page(place & !(2 * len - 1)) == page(place & !(2 * len - 1) | len)
    {
        len *= 2;
    }
    let start = place & !(len - 1);
    start..start + len
}

#[expect(clippy::cast_possible_truncation, reason = "it is the lower half that holds the number")]
fn number(word: u64) -> u32 {
    word as u32
}

#[inline]
fn place(directory: &[AtomicU64], key: Key) -> usize {
    scaled(key.0[0], directory.len())
}

#[inline]
fn home(key: Key) -> usize {
    scaled(key.0[1], SLOTS)
}

/// Spreads 32 random bits over so many places.
#[inline]
fn scaled(random: u64, places: usize) -> usize {
    (((random >> 32) * places as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    /// What a digest is: random, and the same for the same number.
    fn key(number: u64) -> Key {
        let word =
            |salt: u64| (number * 2 + salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        Key([word(0), word(1)])
    }

    fn contents(number: u64, rights: u32) -> Contents {
        Contents { rights, ..Contents::new(key(number), number.into()) }
    }

    fn rights(pages: &Pages, number: u64) -> Option<u32> {
        let read = |slot: &Slot| (slot.id(), slot.rights.load(Ordering::Relaxed));
        let (id, rights) = pages.read(key(number), read)?;
        assert_eq!(id, number.into());
        Some(rights)
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Put(u64, u32),
        Remove(u64),
        RetainAbove(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            60 => (0..700_u64, any::<u32>()).prop_map(|(number, rights)| Step::Put(number, rights)),
            20 => (0..700_u64).prop_map(Step::Remove),
            1 => any::<u32>().prop_map(Step::RetainAbove),
        ];
        proptest::collection::vec(step, 0..2_000)
    }

    proptest! {
        #[test]
        fn pages_are_a_map(steps in steps()) {
            let pages = Pages::with_capacity(700);
            let mut model = HashMap::new();
            for step in steps {
                let mut writer = pages.write();
                match step {
                    Step::Put(number, rights) => {
                        prop_assert!(writer.put(&contents(number, rights)));
                        model.insert(number, rights);
                    }
                    Step::Remove(number) => {
                        writer.remove(key(number));
                        model.remove(&number);
                    }
                    Step::RetainAbove(least) => {
                        writer.retain(|contents| contents.rights >= least);
                        model.retain(|_, rights| *rights >= least);
                    }
                }
                prop_assert_eq!(pages.len(), model.len());
            }
            for number in 0..700 {
                prop_assert_eq!(rights(&pages, number), model.get(&number).copied());
            }
        }
    }

    #[test]
    fn what_stays_is_found_while_pages_are_divided_and_others_come_and_go() {
        let (pages, is_over) = (Pages::with_capacity(100_000), AtomicBool::new(false));
        for number in 0..50 {
            pages.write().put(&contents(number, 7));
        }
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for number in 0..50 {
                        assert_eq!(rights(&pages, number), Some(7), "number {number}");
                    }
                }
            });
            for number in 50..20_000 {
                pages.write().put(&contents(number, 8));
                if number % 3 == 0 {
                    pages.write().remove(key(number - 1));
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(pages.len(), 20_000 - 6_650);
    }

    #[test]
    fn a_use_that_is_noted_late_is_not_noted_of_who_has_the_slot_then() {
        let pages = Pages::with_capacity(10);
        pages.write().put(&contents(1, 0));
        let (slot, turn) = pages.read(key(1), |slot| (slot, slot.contents().turn())).unwrap();
        assert!(slot.note_use(turn, 5));
        assert!(!slot.note_use(turn, 6), "somebody waits to write it already");
        assert_eq!(slot.last_use(), 6);

        slot.put(&contents(2, 0));
        assert!(!slot.note_use(turn, 7));
        assert!(slot.note_use(slot.contents().turn(), 7), "nobody waits to write it");
    }
}
