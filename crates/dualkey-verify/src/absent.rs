use std::hash::BuildHasher as _;
use std::sync::atomic::Ordering;

use dualkey_limit::Timestamp;
use foldhash::quality::RandomState;
use portable_atomic::AtomicU128;

use crate::directory::Moment;

/// What a store was asked for and did not have: a table of fixed size, so that strangers who make up
/// keys and tokens take turns in it and never make it grow.
///
/// A slot holds a keyed 64-bit hash of what is absent and since when that is known; what comes to the
/// same slot takes its place.
pub(crate) struct Absent {
    slots: Box<[AtomicU128]>,
    hasher: RandomState,
}

const SLOTS: usize = 1 << 14;

impl Absent {
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU128::new(0)).collect();
        Self { slots, hasher: RandomState::default() }
    }

    pub(crate) fn note(&self, what: &[u8], now: Timestamp) {
        let (slot, hash) = self.slot(what);
        slot.store(u128::from(hash) << 64 | u128::from(now.as_nanos()), Ordering::SeqCst);
    }

    pub(crate) fn knows(&self, what: &[u8], moment: &Moment<'_>) -> bool {
        let (slot, hash) = self.slot(what);
        let noted = slot.load(Ordering::SeqCst);
        let at = u64::try_from(noted & u128::from(u64::MAX)).unwrap_or(0);
        noted >> 64 == u128::from(hash) && moment.counts(Timestamp::from_nanos(at))
    }

    pub(crate) fn forget(&self, what: &[u8]) {
        self.slot(what).0.store(0, Ordering::SeqCst);
    }

    pub(crate) fn forget_all(&self) {
        self.slots.iter().for_each(|slot| slot.store(0, Ordering::SeqCst));
    }

    fn slot(&self, what: &[u8]) -> (&AtomicU128, u64) {
        // A slot of zero is empty, so no hash is zero.
        let hash = self.hasher.hash_one(what) | 1;
        let at = usize::try_from(hash >> 1).unwrap_or(usize::MAX) % SLOTS;
        (&self.slots[at], hash)
    }
}
