use std::hash::BuildHasher as _;
use std::sync::atomic::Ordering;

use dualkey_limit::Timestamp;
use foldhash::quality::RandomState;
use portable_atomic::AtomicU128;

use super::freshness::RequestTime;

/// Keys that the store does not have: a negative cache of fixed size, so that requests with made-up keys
/// and tokens evict one another and never make it grow.
///
/// A slot holds a keyed 64-bit hash of the absent key, and when its absence was confirmed.
pub(crate) struct NegativeCache {
    slots: Box<[AtomicU128]>,
    hasher: RandomState,
}

const SLOTS: usize = 1 << 14;

impl NegativeCache {
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU128::new(0)).collect();
        Self { slots, hasher: RandomState::default() }
    }

    pub(crate) fn insert(&self, key: &[u8], confirmed_at: Timestamp) {
        let (slot, hash) = self.slot(key);
        slot.store(u128::from(hash) << 64 | u128::from(confirmed_at.as_nanos()), Ordering::SeqCst);
    }

    pub(crate) fn contains(&self, key: &[u8], time: &RequestTime<'_>) -> bool {
        let (slot, hash) = self.slot(key);
        let entry = slot.load(Ordering::SeqCst);
        let confirmed_at = u64::try_from(entry & u128::from(u64::MAX)).unwrap_or(0);
        entry >> 64 == u128::from(hash) && time.is_fresh(Timestamp::from_nanos(confirmed_at))
    }

    pub(crate) fn invalidate(&self, key: &[u8]) {
        self.slot(key).0.store(0, Ordering::SeqCst);
    }

    pub(crate) fn invalidate_all(&self) {
        self.slots.iter().for_each(|slot| slot.store(0, Ordering::SeqCst));
    }

    fn slot(&self, key: &[u8]) -> (&AtomicU128, u64) {
        // A slot of zero is empty, so no hash is zero.
        let hash = self.hasher.hash_one(key) | 1;
        let at = usize::try_from(hash >> 1).unwrap_or(usize::MAX) % SLOTS;
        (&self.slots[at], hash)
    }
}
