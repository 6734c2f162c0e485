use std::hash::Hash;
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::table::Table;
use crate::{LimitPolicy, LimitState, Outcome, Timestamp};

/// Some of the keys, in one line of the cache.
#[repr(align(64))]
pub(crate) struct Shard<K>(Mutex<Callers<K>>);

pub(crate) struct Callers<K> {
    pub(crate) states: Table<K, Known>,
    /// The policies of the last takes, of keys that had another than the limiter's own. Few limiters
    /// have such keys.
    pub(crate) policies: Option<Box<Table<K, LimitPolicy>>>,
}

/// The state of a caller that was seen. No such state has an empty low half, so an empty place in the
/// table takes no more than it.
pub(crate) struct Known {
    high: u64,
    low: NonZeroU64,
}

impl Known {
    #[inline]
    pub(crate) fn new(LimitState { high, low }: LimitState) -> Option<Self> {
        NonZeroU64::new(low).map(|low| Self { high, low })
    }

    #[inline]
    pub(crate) const fn state(&self) -> LimitState {
        LimitState { high: self.high, low: self.low.get() }
    }

    #[inline]
    pub(crate) fn take(&mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        let mut state = self.state();
        let outcome = state.spend(policy, now, permits);
        if let Some(after) = Self::new(state) {
            *self = after;
        }
        outcome
    }
}

impl<K> Shard<K> {
    /// Only a key's own code can panic here, and it runs while all is whole.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, Callers<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Default for Shard<K> {
    fn default() -> Self {
        Self(Mutex::new(Callers { states: Table::default(), policies: None }))
    }
}

impl<K: Hash + Eq + Clone> Callers<K> {
    pub(crate) fn policy(&self, hash: u64, key: &K) -> Option<&LimitPolicy> {
        self.policies.as_ref()?.get(hash, key)
    }

    pub(crate) fn note_policy(
        &mut self,
        hash: u64,
        key: &K,
        policy: &LimitPolicy,
        is_own: bool,
        hasher: &RandomState,
    ) {
        if is_own && self.policies.is_none() {
            return;
        }
        let policies = self.policies.get_or_insert_default();
        match policies.get_mut(hash, key) {
            Some(noted) => *noted = *policy,
            None if is_own => {}
            None => policies.insert(hash, key.clone(), *policy, hasher),
        }
    }
}
