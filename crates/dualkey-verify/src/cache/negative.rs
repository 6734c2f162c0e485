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

#[cfg(test)]
mod tests {
    use std::cell::OnceCell;
    use std::time::Duration;

    use dualkey_limit::FakeClock;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const AGE: Duration = Duration::from_secs(5);

    fn contains(cache: &NegativeCache, key: u32, clock: &FakeClock) -> bool {
        let (now, watermark) = (OnceCell::new(), Timestamp::EPOCH);
        let time = RequestTime { clock, now, max_staleness: AGE, watermark };
        cache.contains(&key.to_ne_bytes(), &time)
    }

    #[test]
    fn a_key_is_absent_until_its_answer_is_stale() {
        let (cache, clock) = (NegativeCache::new(RandomState::default()), FakeClock::new(NOW));
        assert!(!contains(&cache, 7, &clock));
        cache.insert(&7_u32.to_ne_bytes(), NOW);
        assert!(contains(&cache, 7, &clock));
        clock.advance(AGE);
        assert!(contains(&cache, 7, &clock));
        clock.advance(Duration::from_nanos(1));
        assert!(!contains(&cache, 7, &clock));
    }

    #[test]
    fn another_key_is_not_absent() {
        let (cache, clock) = (NegativeCache::new(RandomState::default()), FakeClock::new(NOW));
        for key in 0..100 {
            cache.insert(&u32::to_ne_bytes(key), NOW);
        }
        assert!(!(100..10_000).any(|key| contains(&cache, key, &clock)));
    }

    #[test]
    fn keys_are_spread_over_all_slots() {
        let (cache, clock) = (NegativeCache::new(RandomState::default()), FakeClock::new(NOW));
        for key in 0..10_000 {
            cache.insert(&u32::to_ne_bytes(key), NOW);
        }
        let held = (0..10_000).filter(|key| contains(&cache, *key, &clock)).count();
        assert!(held > 6_600, "{held}"); // 7,485 of 16,384 slots are expected, 5,774 of half as many
    }

    #[test]
    fn invalidation_concerns_one_key_or_all() {
        let (cache, clock) = (NegativeCache::new(RandomState::default()), FakeClock::new(NOW));
        let keys = || (0..10).filter(|key| contains(&cache, *key, &clock)).count();
        for key in 0..10 {
            cache.insert(&u32::to_ne_bytes(key), NOW);
        }
        let held = keys();
        cache.invalidate(&9_u32.to_ne_bytes());
        assert!(!contains(&cache, 9, &clock));
        assert_eq!(keys(), held - 1);
        cache.invalidate_all();
        assert_eq!(keys(), 0);
    }
}
