use std::fmt;
use std::hash::Hash;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;

use crate::bucket::Bucket;
use crate::{LimitPolicy, LimitState, Meter, Outcome, Refusal, Timestamp};

/// A [`LimitState`] per key, in a concurrent map with a bound on its keys.
///
/// A key's state is dropped only when that changes no later answer: its bucket is full and nothing was
/// spent today. So the map holds the keys of one day at most. If these may exceed the bound,
/// [`AtCapacity`] decides what a new key gets; no key is ever unlimited. An entry takes the key and
/// 17 bytes, and the map keeps between an eighth and nine sixteenths of its entries free.
///
/// Only use authenticated keys: a key that a client can invent fills the map.
///
/// ```
/// use dualkey_limit::{Clock, LimitPolicy, Limiter, SystemClock};
///
/// let limiter = Limiter::<u64>::new(LimitPolicy::default());
/// let now = SystemClock.now();
/// assert!(limiter.take(&42, now, 10).is_allowed());
/// assert!(!limiter.take(&42, now, 1).is_allowed()); // the bucket of 42 is empty
/// assert!(limiter.take(&43, now, 1).is_allowed());
/// ```
pub struct Limiter<K> {
    policy: LimitPolicy,
    /// Lock order: a shard of `states` first, then a shard of `policies`.
    states: DashMap<K, LimitState, RandomState>,
    /// The policy of each key whose last take was under another one than the limiter's own. Few
    /// limiters have such keys, so the map is made for the first of them.
    policies: OnceLock<DashMap<K, LimitPolicy, RandomState>>,
    max_keys: usize,
    at_capacity: AtCapacity,
    /// What the keys beyond the bound share.
    shared: Meter,
    /// The length of `states`, which would otherwise take every shard's lock to count.
    keys: AtomicUsize,
    /// The number of keys at which the next sweep is due.
    sweep_above: AtomicUsize,
    /// When the last sweep began, in nanoseconds since the epoch.
    swept_at: AtomicU64,
}

/// What happens to a new key when a [`Limiter`] is at its bound.
///
/// ```
/// use dualkey_limit::{AtCapacity, LimitPolicy, Limiter, Timestamp};
///
/// let now = Timestamp::from_secs(1_700_000_000);
/// let limiter = |at_capacity| Limiter::new(LimitPolicy::default()).with_max_keys(0, at_capacity);
///
/// assert!(!limiter(AtCapacity::Refuse).take(&"new", now, 1).is_allowed());
/// assert!(limiter(AtCapacity::Share).take(&"new", now, 1).is_allowed());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtCapacity {
    /// The key is refused for 1 s: [`Outcome::BurstExceeded`] with nothing left.
    #[default]
    Refuse,
    /// All keys beyond the bound share one meter, each under its own policy.
    Share,
}

/// Shards: a power of two, well above the number of threads.
const SHARDS: usize = 64;
/// The shortest time between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// A sweep of fewer keys is not worth its locks.
const MIN_SWEEP: usize = 1_024;

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter that gives each key this policy, for up to 1,000,000 keys.
    #[must_use]
    pub fn new(policy: LimitPolicy) -> Self {
        Self {
            policy,
            states: DashMap::with_hasher_and_shard_amount(RandomState::default(), SHARDS),
            policies: OnceLock::new(),
            max_keys: 1_000_000,
            at_capacity: AtCapacity::default(),
            shared: Meter::new(),
            keys: AtomicUsize::new(0),
            sweep_above: AtomicUsize::new(MIN_SWEEP),
            swept_at: AtomicU64::new(0),
        }
    }

    /// Sets the bound on keys, and what happens to a new key beyond it.
    ///
    /// ```
    /// use dualkey_limit::{AtCapacity, LimitPolicy, Limiter, Timestamp};
    ///
    /// let limiter = Limiter::new(LimitPolicy::default()).with_max_keys(1, AtCapacity::Refuse);
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// assert!(limiter.take(&"known", now, 1).is_allowed());
    /// assert!(!limiter.take(&"new", now, 1).is_allowed());
    /// assert!(limiter.take(&"known", now, 1).is_allowed());
    /// ```
    #[must_use]
    pub fn with_max_keys(self, max_keys: usize, at_capacity: AtCapacity) -> Self {
        Self { max_keys, at_capacity, ..self }
    }

    /// Spends permits of this key, under the limiter's policy.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Limiter, Timestamp};
    ///
    /// let limiter = Limiter::new(LimitPolicy::default());
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// assert_eq!(limiter.take(&"key", now, 4).burst_remaining(), 6);
    /// assert!(!limiter.take(&"key", now, 7).is_allowed());
    /// ```
    #[inline]
    pub fn take(&self, key: &K, now: Timestamp, permits: u32) -> Outcome {
        self.take_under(&self.policy, true, key, now, permits)
    }

    /// Spends permits of this key under a policy of its own, which may change while the key is live.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use dualkey_limit::{LimitPolicy, Limiter, Rate, Timestamp};
    ///
    /// let limiter = Limiter::new(LimitPolicy::default());
    /// let strict = LimitPolicy::new(Rate::per_hour(NonZeroU32::MIN), NonZeroU32::MIN);
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// assert!(limiter.take_with(&"key", &strict, now, 1).is_allowed());
    /// assert!(!limiter.take_with(&"key", &strict, now, 1).is_allowed());
    /// ```
    #[inline]
    pub fn take_with(
        &self,
        key: &K,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        self.take_under(policy, *policy == self.policy, key, now, permits)
    }

    /// The answer that a take under the key's last policy would give now. It spends nothing and adds
    /// no key.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Limiter, Timestamp};
    ///
    /// let limiter = Limiter::new(LimitPolicy::default());
    /// let now = Timestamp::from_secs(1_700_000_000);
    /// assert!(limiter.peek(&"key", now, 10).is_allowed());
    /// assert!(!limiter.peek(&"key", now, 11).is_allowed());
    /// assert!(limiter.is_empty());
    /// ```
    pub fn peek(&self, key: &K, now: Timestamp, permits: u32) -> Outcome {
        match self.states.get(key) {
            Some(state) => state.peek(&self.policy_of(key), now, permits),
            None => LimitState::default().peek(&self.policy, now, permits),
        }
    }

    /// The number of keys that have a state of their own.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Limiter, Timestamp};
    ///
    /// let limiter = Limiter::new(LimitPolicy::default());
    /// let _ = limiter.take(&"key", Timestamp::from_secs(1_700_000_000), 1);
    /// assert_eq!(limiter.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// Whether no key has a state of its own.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn take_under(
        &self,
        policy: &LimitPolicy,
        is_own: bool,
        key: &K,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        match self.states.get_mut(key) {
            Some(mut state) => {
                self.record_policy(key, policy, is_own);
                state.spend(policy, now, permits)
            }
            None => self.take_first(policy, is_own, key, now, permits),
        }
    }

    /// A new entry holds a fresh state until its policy is recorded: if the key's own code panics in
    /// between, the entry changes no answer.
    #[cold]
    fn take_first(
        &self,
        policy: &LimitPolicy,
        is_own: bool,
        key: &K,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        let (after, outcome) = LimitState::default().take(policy, now, permits);
        if after == LimitState::default() {
            return outcome;
        }
        self.sweep_if_due(now);
        let mut state = match self.states.entry(key.clone()) {
            // Another thread was first.
            Entry::Occupied(entry) => entry.into_ref(),
            Entry::Vacant(entry) if self.reserve_key() => entry.insert(LimitState::default()),
            Entry::Vacant(_) => return self.take_beyond_capacity(policy, now, permits),
        };
        self.record_policy(key, policy, is_own);
        state.spend(policy, now, permits)
    }

    fn reserve_key(&self) -> bool {
        let next = |keys: usize| keys.checked_add(1).filter(|keys| *keys <= self.max_keys);
        self.keys.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    fn take_beyond_capacity(&self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        match self.at_capacity {
            AtCapacity::Share => self.shared.take(policy, now, permits),
            AtCapacity::Refuse => {
                let standing = Bucket::empty_standing(policy, now);
                Outcome::BurstExceeded(Refusal { standing, retry_after: SWEEP_INTERVAL })
            }
        }
    }

    fn policy_of(&self, key: &K) -> LimitPolicy {
        let recorded = self.policies.get().and_then(|policies| policies.get(key));
        recorded.map_or(self.policy, |policy| *policy)
    }

    /// Called under the lock of the key's state, so that no sweep reads a state with another policy
    /// than that of its last take.
    #[inline]
    fn record_policy(&self, key: &K, policy: &LimitPolicy, is_own: bool) {
        if !is_own {
            self.record_other_policy(key, policy);
        } else if let Some(policies) = self.policies.get() {
            policies.remove(key);
        }
    }

    fn record_other_policy(&self, key: &K, policy: &LimitPolicy) {
        let policies = self.policies.get_or_init(|| {
            DashMap::with_hasher_and_shard_amount(self.states.hasher().clone(), SHARDS)
        });
        if let Some(mut recorded) = policies.get_mut(key) {
            *recorded = *policy;
            return;
        }
        policies.insert(key.clone(), *policy);
    }

    /// A sweep is due when the number of keys has doubled since the last one, so that each new key
    /// pays a constant share of it; at the bound, once a second.
    fn sweep_if_due(&self, now: Timestamp) {
        let keys = self.len();
        if keys < self.sweep_above.load(Ordering::Relaxed) && keys < self.max_keys {
            return;
        }
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        let since = now.as_nanos().abs_diff(swept_at);
        let claim = || {
            let (relaxed, now) = (Ordering::Relaxed, now.as_nanos());
            self.swept_at.compare_exchange(swept_at, now, relaxed, relaxed).is_ok()
        };
        if Duration::from_nanos(since) >= SWEEP_INTERVAL && claim() {
            self.sweep(now);
            let twice = self.len().saturating_mul(2);
            self.sweep_above.store(twice.max(MIN_SWEEP), Ordering::Relaxed);
        }
    }

    /// Drops the fresh states, one shard at a time.
    fn sweep(&self, now: Timestamp) {
        self.states.retain(|key, state| {
            let is_kept = !state.is_fresh(&self.policy_of(key), now);
            if !is_kept {
                self.record_policy(key, &self.policy, true);
                self.keys.fetch_sub(1, Ordering::Relaxed);
            }
            is_kept
        });
        shrink(&self.states);
        self.policies.get().into_iter().for_each(shrink);
    }
}

/// Returns memory when less than a quarter of it is in use: a map that is nearly as full would grow
/// again at once.
fn shrink<K: Hash + Eq, V>(map: &DashMap<K, V, RandomState>) {
    if map.len() < map.capacity() / 4 {
        map.shrink_to_fit();
    }
}

/// Shows no key: keys may be personal data.
impl<K> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("policy", &self.policy)
            .field("keys", &self.keys)
            .field("max_keys", &self.max_keys)
            .field("at_capacity", &self.at_capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_returns_the_memory_of_dropped_states() {
        let limiter = Limiter::new(LimitPolicy::default());
        let noon = Timestamp::from_secs(43_200);
        for key in 0..20_000 {
            assert!(limiter.take(&key, noon, 1).is_allowed());
        }
        let before = limiter.states.capacity();
        let next_day = noon.saturating_add(Duration::from_secs(86_400));
        assert!(limiter.take(&20_000, next_day, 1).is_allowed());
        assert_eq!(limiter.len(), 1);
        assert!(limiter.states.capacity() < before / 4);
    }
}
