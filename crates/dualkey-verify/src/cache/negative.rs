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
    /// The hasher is that of the keys which [`contains_hash`](Self::contains_hash) receives hashed.
    pub(crate) fn new(hasher: RandomState) -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU128::new(0)).collect();
        Self { slots, hasher }
    }

    pub(crate) fn insert(&self, key: &[u8], confirmed_at: Timestamp) {
        let (slot, hash) = self.slot(self.hash(key));
        slot.store(u128::from(hash) << 64 | u128::from(confirmed_at.as_nanos()), Ordering::SeqCst);
    }

    pub(crate) fn contains(&self, key: &[u8], time: &RequestTime<'_>) -> bool {
        self.contains_hash(self.hash(key), time)
    }

    #[inline]
    pub(crate) fn contains_hash(&self, hash: u64, time: &RequestTime<'_>) -> bool {
        let (slot, hash) = self.slot(hash);
        let entry = slot.load(Ordering::SeqCst);
        let confirmed_at = u64::try_from(entry & u128::from(u64::MAX)).unwrap_or(0);
        entry >> 64 == u128::from(hash) && time.is_fresh(Timestamp::from_nanos(confirmed_at))
    }

    pub(crate) fn invalidate(&self, key: &[u8]) {
        self.slot(self.hash(key)).0.store(0, Ordering::SeqCst);
    }

    pub(crate) fn invalidate_all(&self) {
        self.slots.iter().for_each(|slot| slot.store(0, Ordering::SeqCst));
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    #[inline]
    fn slot(&self, hash: u64) -> (&AtomicU128, u64) {
        // A slot of zero is empty, so no hash is zero.
        let hash = hash | 1;
        let at = usize::try_from(hash >> 1).unwrap_or(usize::MAX) % SLOTS;
        (&self.slots[at], hash)
    }
}
