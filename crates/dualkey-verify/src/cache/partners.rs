use std::hash::BuildHasher as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
use dualkey_shared::SharedLimiter;
use dualkey_store::{ApiKey, Partner};
use foldhash::quality::RandomState;

use super::partner_entry::{PartnerEntry, PartnerState};
use super::table::{Arena, Index, Interner, PARTNER_BITS};

/// The partners of this process by key. They are never evicted, since their meters outlive every change.
pub(crate) struct Partners {
    index: Index,
    hasher: RandomState,
    entries: Arena<CachePadded>,
    policies: Interner<LimitPolicy>,
    /// Where processes share the limits.
    limiter: Option<SharedLimiter>,
    /// The number of entries; locked while one is added or changed.
    write_lock: Mutex<u32>,
}

/// A partner key and its hash.
#[derive(Clone, Copy)]
pub(crate) struct HashedKey<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) hash: u64,
}

/// A cached partner, and its state in the store.
#[derive(Clone, Copy)]
pub(crate) struct CachedPartner<'a> {
    pub(crate) number: u32,
    pub(crate) entry: &'a PartnerEntry,
    pub(crate) policy: &'a LimitPolicy,
    pub(crate) state: PartnerState,
}

/// The bound on partners, and on distinct policies.
const CAPACITY: usize = 1 << PartnerState::POLICY_BITS;
/// An index of this many entries takes 256 KiB: more than a CPU cache holds beside other data.
const CPU_CACHE_ENTRIES: usize = 1 << 15;

/// Two cache lines: threads that charge two partners do not share one.
#[derive(Default)]
#[repr(align(128))]
struct CachePadded(OnceLock<PartnerEntry>);

const _: () = assert!(size_of::<CachePadded>() == 128);
const _: () = assert!(CAPACITY == 1 << PARTNER_BITS);

impl Partners {
    pub(crate) fn new(hasher: RandomState, limiter: Option<SharedLimiter>) -> Self {
        let entries = Arena::with_capacity(CAPACITY);
        Self {
            index: Index::with_capacity(entries.capacity()),
            hasher,
            entries,
            policies: Interner::with_capacity(CAPACITY),
            limiter,
            write_lock: Mutex::default(),
        }
    }

    pub(crate) const fn limiter(&self) -> Option<&SharedLimiter> {
        self.limiter.as_ref()
    }

    #[inline]
    pub(crate) fn hash_key<'a>(&self, key: &'a [u8]) -> HashedKey<'a> {
        HashedKey { key, hash: self.hasher.hash_one(key) }
    }

    /// Whether the index is larger than a CPU cache, so that its cache miss takes longer than a digest.
    #[inline]
    pub(crate) fn exceeds_cpu_cache(&self) -> bool {
        self.index.len() >= CPU_CACHE_ENTRIES
    }

    /// The partner with this key, however long ago the store confirmed it.
    #[inline]
    pub(crate) fn get(&self, key: &HashedKey<'_>) -> Option<CachedPartner<'_>> {
        let (number, entry) = self.find(key)?;
        self.cached(number, entry, entry.state())
    }

    /// The partner of this number, however long ago the store confirmed it.
    #[inline]
    pub(crate) fn by_number(&self, number: u32) -> Option<CachedPartner<'_>> {
        let entry = self.entry(number)?;
        self.cached(number, entry, entry.state())
    }

    /// The partner of this number, in this state.
    #[inline]
    pub(crate) fn with_state(&self, number: u32, state: PartnerState) -> Option<CachedPartner<'_>> {
        self.cached(number, self.entry(number)?, state)
    }

    #[inline]
    fn cached<'a>(
        &'a self,
        number: u32,
        entry: &'a PartnerEntry,
        state: PartnerState,
    ) -> Option<CachedPartner<'a>> {
        Some(CachedPartner { number, entry, policy: self.policies.get(state.policy())?, state })
    }

    /// Adds a partner, which starts with `used`, or updates its state if the answer is current.
    /// Returns the number and the state from the answer; none if there is no room, since a partner without
    /// a meter is not served.
    pub(crate) fn upsert(
        &self,
        partner: &Partner,
        used: LimitState,
        read_at: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) -> Option<(u32, PartnerState)> {
        let mut count = self.write_lock.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = self.policies.intern(&partner.policy)?;
        let state = PartnerState::new(policy, partner.enabled, read_at);
        let key = self.hash_key(partner.api_key.as_str().as_bytes());
        let known = self.find(&key);
        let number = known.map_or(*count, |(number, _)| number);
        let entry = self.entries.get_or_init(number)?.0.get_or_init(|| {
            let limiter = self.limiter.as_ref();
            PartnerEntry::new(partner, state.invalidated(), used, read_at, limiter)
        });
        if is_current() {
            let held = entry.state().policy();
            if let Some(from) = self.policies.get(held).filter(|_| held != policy) {
                entry.change_policy(from, &partner.policy, read_at);
            }
            entry.update_state(state);
        }
        if known.is_none() {
            *count += 1;
            let hash_of = |number| self.entry(number).map_or(0, |entry| self.hash_of(entry));
            self.index.insert(key.hash, number, hash_of);
        }
        Some((number, state))
    }

    /// The partner with this key is looked up before it is served again. False if it is not held.
    pub(crate) fn invalidate(&self, key: &ApiKey) -> bool {
        let _count = self.write_lock.lock().unwrap_or_else(PoisonError::into_inner);
        let partner = self.find(&self.hash_key(key.as_str().as_bytes()));
        partner.inspect(|(_, entry)| entry.invalidate()).is_some()
    }

    pub(crate) fn invalidate_all(&self) {
        let count = self.write_lock.lock().unwrap_or_else(PoisonError::into_inner);
        (0..*count).filter_map(|number| self.entry(number)).for_each(PartnerEntry::invalidate);
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// All partners, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PartnerEntry> {
        (0..).map_while(|number| self.entry(number))
    }

    #[inline]
    pub(crate) fn entry(&self, number: u32) -> Option<&PartnerEntry> {
        self.entries.get(number)?.0.get()
    }

    #[inline]
    fn find(&self, key: &HashedKey<'_>) -> Option<(u32, &PartnerEntry)> {
        self.index.find(key.hash, |number| {
            let entry = self.entry(number)?;
            (entry.key() == key.key).then_some((number, entry))
        })
    }

    fn hash_of(&self, entry: &PartnerEntry) -> u64 {
        self.hasher.hash_one(entry.key())
    }
}
