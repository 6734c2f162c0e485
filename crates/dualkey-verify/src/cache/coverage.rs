use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether the cache holds every partner and token of the store. While it does, a cache miss is final once
/// every change before it was published.
#[derive(Debug, Default)]
pub(crate) struct Coverage(AtomicU8);

/// Entries are cached as they are asked for.
const PARTIAL: u8 = 0;
/// All entries are being read.
const LOADING: u8 = 1;
const COMPLETE: u8 = 2;
/// Not all entries fit.
const OVERFLOWED: u8 = 3;

/// All entries are being read. If this is dropped before the end, some may be missing.
pub(crate) struct Loading<'a>(&'a Coverage);

impl Loading<'_> {
    /// All entries were read. False if some may be missing all the same.
    pub(crate) fn finish(self) -> bool {
        self.0.replace(LOADING, COMPLETE)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.replace(LOADING, PARTIAL);
    }
}

impl Coverage {
    /// None if all entries are being read already.
    pub(crate) fn start_loading(&self) -> Option<Loading<'_>> {
        let before = self.0.swap(LOADING, Ordering::SeqCst);
        (before != LOADING).then_some(Loading(self))
    }

    fn replace(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Changes may have been missed, or not be known by name.
    pub(crate) fn lose(&self) {
        let lost = |coverage| matches!(coverage, LOADING | COMPLETE).then_some(PARTIAL);
        let _before = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lost);
    }

    /// An entry was evicted, or found no room.
    pub(crate) fn overflow(&self) {
        self.0.store(OVERFLOWED, Ordering::SeqCst);
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.0.load(Ordering::SeqCst) == LOADING
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.0.load(Ordering::SeqCst) == COMPLETE
    }

    /// Whether reading all entries again may make the cache complete.
    pub(crate) fn is_partial(&self) -> bool {
        self.0.load(Ordering::SeqCst) == PARTIAL
    }
}

/// The keys that changes named and that the cache does not hold: a miss is looked up.
pub(crate) struct Announced {
    keys: Mutex<HashSet<Box<[u8]>>>,
    coverage: Arc<Coverage>,
}

/// Beyond this, changes no longer name each key: everything has to be read again.
const MAX_ANNOUNCED: usize = 1 << 16;

impl Announced {
    pub(crate) fn new(coverage: &Arc<Coverage>) -> Self {
        Self { keys: Mutex::default(), coverage: Arc::clone(coverage) }
    }

    pub(crate) fn insert(&self, key: &[u8]) {
        let mut keys = self.keys();
        if keys.len() < MAX_ANNOUNCED {
            keys.insert(key.into());
        } else {
            self.coverage.lose();
        }
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.keys().contains(key)
    }

    /// Whether no change since all entries began to be read may concern this key.
    pub(crate) fn is_unchanged(&self, key: &[u8]) -> bool {
        self.coverage.is_loading() && !self.contains(key)
    }

    /// Removes a key that was looked up, unless the answer is outdated, or all entries are being read: what was
    /// read before the change is not to overwrite the answer. A change marks lookups before it announces the
    /// key.
    pub(crate) fn remove(&self, key: &[u8], is_current: impl FnOnce() -> bool) {
        let mut keys = self.keys();
        if is_current() && !self.coverage.is_loading() {
            keys.remove(key);
        }
    }

    pub(crate) fn clear(&self) {
        *self.keys() = HashSet::new();
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<Box<[u8]>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
