use std::array;
use std::ops::Range;
use std::sync::PoisonError;

use dualkey_store::OrganizationId;

use super::access::{Access, AccessIndex, AccessRecords, EncodedAccess};
use super::arena::Arena;
use super::geometry::{CPU_CACHE_PAGES, FEWEST, FULL, MAX_BITS};
use super::page::Page;
use super::slot::{Contents, Key, Slot};
use super::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, OnceLock, Ordering, fence};

/// Tokens by key: extendible hashing, with a seqlock per page.
///
/// The directory leads from the first bits of a key to a page. It is short enough to stay in a CPU cache,
/// so a lookup is one access to memory. A full page is split, and no other page changes, so no request
/// waits for the whole table to grow.
///
/// R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong: Extendible hashing, a fast access method for
/// dynamic files. ACM TODS 4 (1979).
pub(crate) struct TokenTable {
    /// By the number of bits that index it, each twice as long as the one before.
    directories: [OnceLock<Box<[AtomicU64]>>; MAX_BITS + 1],
    bits: AtomicUsize,
    pages: Arena<Page>,
    accesses: AccessRecords,
    len: AtomicUsize,
    writer: Mutex<WriterState>,
}

struct WriterState {
    /// How many pages there are.
    pages: u32,
    accesses: AccessIndex,
}

/// A token, copied at one moment, and its slot.
pub(crate) struct Entry<'a> {
    pub(crate) slot: &'a Slot,
    pub(crate) contents: Contents,
    pub(crate) access: EncodedAccess,
}

/// In a word of a directory: the version, odd while the page is written. The page number is below it.
const SEQ_STEP: u64 = 1 << 32;

impl TokenTable {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let pages = Arena::with_capacity(capacity / FEWEST + 8);
        pages.get_or_init(0);
        let directories = array::from_fn(|_| OnceLock::new());
        directories[0].get_or_init(|| Box::from([AtomicU64::new(0)]));
        Self {
            directories,
            bits: AtomicUsize::new(0),
            pages,
            // A token whose access changes refers to the old one until the new one is written.
            accesses: AccessRecords::with_capacity(capacity + 1),
            len: AtomicUsize::new(0),
            writer: Mutex::new(WriterState { pages: 1, accesses: AccessIndex::default() }),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Brings the slot of this key from memory, unless all pages stay in a CPU cache.
    #[inline]
    pub(crate) fn prefetch(&self, key: Key) {
        let directory = self.directory();
        if directory.len() <= CPU_CACHE_PAGES {
            return;
        }
        let word = &directory[key.directory_index(directory.len())];
        if let Some(page) = self.pages.get(page_number(word.load(Ordering::Relaxed))) {
            page.prefetch(key);
        }
    }

    /// The token of this key. Seqlock: if the version was odd or changed while reading, retry under the
    /// writer lock.
    #[inline(always)]
    pub(crate) fn get(&self, key: Key) -> Option<Entry<'_>> {
        let mut _writer = None;
        loop {
            let directory = self.directory();
            let word = &directory[key.directory_index(directory.len())];
            let before = word.load(Ordering::Acquire);
            let page = self.pages.get(page_number(before))?;
            let found = page.find(key).and_then(|slot| self.entry(slot));
            fence(Ordering::Acquire);
            if before & SEQ_STEP == 0 && word.load(Ordering::Relaxed) == before {
                return found;
            }
            _writer = Some(self.write_lock());
        }
    }

    /// The organization of an access that was read before; none if its name is long and the token may have
    /// changed since.
    pub(crate) fn organization(&self, access: &EncodedAccess) -> Option<OrganizationId> {
        self.accesses.organization(access)
    }

    pub(crate) fn write_lock(&self) -> Writer<'_> {
        let state = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Writer { table: self, state }
    }

    #[inline]
    fn directory(&self) -> &[AtomicU64] {
        self.directories[self.bits.load(Ordering::Acquire)].get().map_or(&[], |words| words)
    }

    #[inline(always)]
    fn entry<'a>(&'a self, slot: &'a Slot) -> Option<Entry<'a>> {
        let contents = slot.contents();
        Some(Entry { slot, contents, access: self.accesses.read(contents.access)? })
    }
}

/// The writer lock of a [`TokenTable`].
pub(crate) struct Writer<'a> {
    table: &'a TokenTable,
    state: MutexGuard<'a, WriterState>,
}

impl<'a> Writer<'a> {
    pub(crate) fn find(&self, key: Key) -> Option<&'a Slot> {
        let directory = self.table.directory();
        self.page(directory, key.directory_index(directory.len())).find(key)
    }

    /// Adds the token of this key, or updates it. False if there is no room.
    pub(crate) fn upsert(&mut self, contents: &Contents, access: &Access) -> bool {
        let table = self.table;
        let acquired = table.accesses.acquire(&mut self.state.accesses, access);
        let Some(number) = acquired else { return false };
        let before = self.find(contents.key).map(Slot::contents);
        let is_written = self.write(&Contents { access: number, ..*contents });
        let unused = if is_written { before.map(|before| before.access) } else { Some(number) };
        if let Some(unused) = unused {
            table.accesses.release(&mut self.state.accesses, unused);
        }
        is_written
    }

    pub(crate) fn remove(&mut self, key: Key) {
        if self.find(key).is_some() {
            let directory = self.table.directory();
            let index = key.directory_index(directory.len());
            self.retain_in(directory, index, |contents| contents.key != key);
        }
    }

    /// Removes all tokens but those to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Contents) -> bool) {
        let directory = self.table.directory();
        let mut index = 0;
        while index < directory.len() {
            self.retain_in(directory, index, &keep);
            index = words_of_page(directory, index).end;
        }
    }

    pub(crate) fn for_each(&self, visit: impl Fn(&Slot)) {
        let pages = (0..self.state.pages).filter_map(|number| self.table.pages.get(number));
        pages.flat_map(Page::occupied).for_each(visit);
    }

    fn write(&mut self, contents: &Contents) -> bool {
        loop {
            let directory = self.table.directory();
            let index = contents.key.directory_index(directory.len());
            let page = self.page(directory, index);
            let slot = page.find(contents.key);
            if slot.is_some() || page.occupied().count() < FULL {
                self.write_section(directory, index, |page| match slot {
                    Some(slot) => slot.update(contents),
                    None => page.insert(contents),
                });
                self.table.len.fetch_add(usize::from(slot.is_none()), Ordering::Relaxed);
                return true;
            }
            if !self.split_page(directory, index) {
                return false;
            }
        }
    }

    fn retain_in(
        &mut self,
        directory: &[AtomicU64],
        index: usize,
        keep: impl Fn(&Contents) -> bool,
    ) {
        if self.page(directory, index).occupied().all(|slot| keep(&slot.contents())) {
            return;
        }
        let removed = self.write_section(directory, index, |page| page.retain(keep));
        self.table.len.fetch_sub(removed.len(), Ordering::Relaxed);
        for contents in removed {
            self.table.accesses.release(&mut self.state.accesses, contents.access);
        }
    }

    /// Moves half of a page's tokens to a new page. If only one word leads to the page, doubles the
    /// directory first. False if there is no room.
    fn split_page(&mut self, directory: &[AtomicU64], index: usize) -> bool {
        let words = words_of_page(directory, index);
        if words.len() == 1 {
            return self.double(directory);
        }
        let number = self.state.pages;
        let Some(new) = self.table.pages.get_or_init(number) else { return false };
        self.state.pages += 1;
        let upper = words.start + words.len() / 2..words.end;
        self.write_section(directory, index, |old| {
            let is_lower =
                |contents: &Contents| contents.key.directory_index(directory.len()) < upper.start;
            old.retain(is_lower).iter().for_each(|contents| new.insert(contents));
            for word in &directory[upper.clone()] {
                let version = word.load(Ordering::Relaxed) & !u64::from(u32::MAX);
                word.store(version | u64::from(number), Ordering::Relaxed);
            }
        });
        true
    }

    fn double(&mut self, directory: &[AtomicU64]) -> bool {
        let bits = self.table.bits.load(Ordering::Relaxed) + 1;
        let Some(doubled) = self.table.directories.get(bits) else { return false };
        let words = directory.iter().map(|word| word.load(Ordering::Relaxed));
        doubled.get_or_init(|| words.flat_map(|word| [word, word]).map(AtomicU64::new).collect());
        self.table.bits.store(bits, Ordering::Release);
        // The outgrown directory stays odd for good: a reader that still uses it retries under the lock.
        directory.iter().for_each(|word| _ = word.fetch_or(SEQ_STEP, Ordering::AcqRel));
        true
    }

    /// Writes a page while its version is odd.
    fn write_section<T>(
        &self,
        directory: &[AtomicU64],
        index: usize,
        write: impl FnOnce(&Page) -> T,
    ) -> T {
        let words = &directory[words_of_page(directory, index)];
        let step = |ordering| words.iter().for_each(|word| _ = word.fetch_add(SEQ_STEP, ordering));
        let page = self.page(directory, index);
        step(Ordering::Relaxed);
        fence(Ordering::Release);
        let result = write(page);
        step(Ordering::Release);
        result
    }

    fn page(&self, directory: &[AtomicU64], index: usize) -> &'a Page {
        let number = page_number(directory[index].load(Ordering::Relaxed));
        self.table.pages.get(number).expect("a directory leads to allocated pages")
    }
}

/// The words that lead to the same page as this one: a power of two of them, at a multiple of it.
fn words_of_page(directory: &[AtomicU64], index: usize) -> Range<usize> {
    let page = |at: usize| page_number(directory[at].load(Ordering::Relaxed));
    let mut len = 1;
    while len < directory.len()
        && page(index & !(2 * len - 1)) == page(index & !(2 * len - 1) | len)
    {
        len *= 2;
    }
    let start = index & !(len - 1);
    start..start + len
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half of a word is the page number")]
fn page_number(word: u64) -> u32 {
    word as u32
}
