mod at_capacity;
mod map;
mod side_map;
mod sweep;

use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::{DashMap, Entry};
use foldhash::fast::RandomState;

pub use at_capacity::AtCapacity;
use map::{new_map, shrink};
use side_map::SideMap;
use sweep::{SWEEP_INTERVAL, SweepSchedule};

use crate::word::Word;
use crate::{LimitPolicy, LimitState, Meter, Outcome, Refusal, Standing, Timestamp};

/// A [`LimitState`] per key, in a concurrent map with a bound on its keys.
///
/// A key's state is dropped only when that changes no later answer: its bucket is full and nothing was
/// spent today. So the map needs room for the keys of a day. At the bound, [`AtCapacity`] determines the
/// answer to a new key. No key is ever unlimited. An entry takes the key and 17 bytes, and the map keeps
/// between an eighth and nine sixteenths of its entries free.
///
/// Only use authenticated keys: a client that can invent keys can fill the map.
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
    /// Lock order: a shard of `states` first, then a shard of `policies` or `excesses`.
    states: DashMap<K, Word, RandomState>,
    /// The policy of each key whose last take was under another policy than the limiter's.
    policies: SideMap<K, LimitPolicy>,
    /// The excess of each state whose word's count was full at the key's last take.
    excesses: SideMap<K, u64>,
    max_keys: usize,
    at_capacity: AtCapacity,
    /// The meter that keys beyond the bound share.
    shared: Meter,
    /// The number of keys in `states`. To count them there would take the lock of every shard.
    keys: AtomicUsize,
    sweeps: SweepSchedule,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter that gives each key this policy, for up to 1,000,000 keys.
    #[must_use]
    pub fn new(policy: LimitPolicy) -> Self {
        Self {
            policy,
            states: new_map(RandomState::default()),
            policies: SideMap::new(),
            excesses: SideMap::new(),
            max_keys: 1_000_000,
            at_capacity: AtCapacity::default(),
            shared: Meter::new(),
            keys: AtomicUsize::new(0),
            sweeps: SweepSchedule::new(),
        }
    }

    /// Sets the maximum number of keys, and the answer to a new key beyond it.
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

    /// Spends permits of this key under a policy of its own, which may differ from take to take.
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

    /// The outcome that a take would have now, under the policy of the key's last take. It spends nothing
    /// and adds no key.
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
            Some(word) => self.state(key, *word).peek(&self.policy_of(key), now, permits),
            None => self.peek_first(now, permits),
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

    /// Spends permits of this key. `is_default` is whether `policy` is the limiter's.
    #[inline]
    fn take_under(
        &self,
        policy: &LimitPolicy,
        is_default: bool,
        key: &K,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        match self.states.get_mut(key) {
            Some(mut word) => {
                self.record_policy(key, policy, is_default);
                self.spend(policy, key, &mut word, now, permits)
            }
            None => self.take_first(policy, is_default, key, now, permits),
        }
    }

    /// Takes permits of a key without a state. A new entry holds a fresh state until its policy is
    /// recorded, so if the key's `Hash` or `Clone` panics in between, the entry changes no answer.
    #[cold]
    fn take_first(
        &self,
        policy: &LimitPolicy,
        is_default: bool,
        key: &K,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        let (after, outcome) = LimitState::default().take(policy, now, permits);
        if after == LimitState::default() {
            return outcome;
        }
        self.sweep_if_due(now);
        let entry = match self.states.entry(key.clone()) {
            // Another thread has added the key.
            Entry::Occupied(entry) => Some(entry.into_ref()),
            Entry::Vacant(entry) if self.reserve_key() => Some(entry.insert(Word::default())),
            Entry::Vacant(_) => None,
        };
        match entry {
            Some(mut word) => {
                self.record_policy(key, policy, is_default);
                self.spend(policy, key, &mut word, now, permits)
            }
            None if self.at_capacity == AtCapacity::Share => self.shared.take(policy, now, permits),
            None => self.refuse(policy, now),
        }
    }

    /// The outcome of the first take of a key.
    #[cold]
    fn peek_first(&self, now: Timestamp, permits: u32) -> Outcome {
        let (after, outcome) = LimitState::default().take(&self.policy, now, permits);
        if after == LimitState::default() {
            return outcome;
        }
        if self.len() < self.max_keys || self.sweep_would_make_room(now) {
            return outcome;
        }
        match self.at_capacity {
            AtCapacity::Share => self.shared.peek(&self.policy, now, permits),
            AtCapacity::Refuse => self.refuse(&self.policy, now),
        }
    }

    /// Refuses a key for which there is no room until a state can be dropped.
    fn refuse(&self, policy: &LimitPolicy, now: Timestamp) -> Outcome {
        let standing = Standing::empty(policy, now);
        if self.max_keys == 0 {
            return Outcome::Unsatisfiable(standing);
        }
        let first = self.states.iter().next().map(|entry| {
            let state = self.state(entry.key(), *entry.value());
            state.time_to_fresh(&self.policy_of(entry.key()), now)
        });
        let retry_after = first.unwrap_or_default().max(SWEEP_INTERVAL);
        Outcome::BurstExceeded(Refusal { standing, retry_after })
    }

    /// Spends permits of a key in the map. The caller holds the lock of the key's word.
    #[inline]
    fn spend(
        &self,
        policy: &LimitPolicy,
        key: &K,
        word: &mut Word,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        let (state, spent) = self.update(key, word, |state| state.spend(policy, now, permits));
        Outcome::new(spent, state.standing(policy, now))
    }

    /// Changes the state of a key in the map. The caller holds the lock of the key's word.
    #[inline]
    fn update<T>(
        &self,
        key: &K,
        word: &mut Word,
        change: impl FnOnce(LimitState) -> (LimitState, T),
    ) -> (LimitState, T) {
        let was_full = word.is_count_full();
        let (state, answer) = change(self.state(key, *word));
        *word = state.word();
        if was_full || word.is_count_full() {
            self.record_excess(key, state.excess());
        }
        (state, answer)
    }

    /// The state of a key in the map. The caller holds the lock of the key's word.
    #[inline]
    fn state(&self, key: &K, word: Word) -> LimitState {
        let state = LimitState::from_word(word);
        if word.is_count_full() {
            return state.with_excess(self.excesses.get(key).unwrap_or_default());
        }
        state
    }

    #[cold]
    fn record_excess(&self, key: &K, excess: u64) {
        if excess > 0 {
            self.excesses.set(key, excess, self.states.hasher());
        } else {
            self.excesses.remove(key);
        }
    }

    /// Counts one more key, unless the limiter is at its bound.
    fn reserve_key(&self) -> bool {
        let next = |keys: usize| keys.checked_add(1).filter(|keys| *keys <= self.max_keys);
        self.keys.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    fn policy_of(&self, key: &K) -> LimitPolicy {
        self.policies.get(key).unwrap_or(self.policy)
    }

    /// Called under the lock of the key's state, so that no sweep reads a state with another policy
    /// than that of its last take.
    #[inline]
    fn record_policy(&self, key: &K, policy: &LimitPolicy, is_default: bool) {
        if is_default {
            self.policies.remove(key);
        } else {
            self.policies.set(key, *policy, self.states.hasher());
        }
    }

    fn sweep_if_due(&self, now: Timestamp) {
        if self.sweeps.begin_if_due(self.len(), self.max_keys, now) {
            self.sweep(now);
            self.sweeps.finish(self.len());
        }
    }

    /// A peek drops no state: its time may lie in the future.
    fn sweep_would_make_room(&self, now: Timestamp) -> bool {
        let is_fresh =
            |key: &K, word: Word| self.state(key, word).is_fresh(&self.policy_of(key), now);
        self.sweeps.is_due(self.len(), self.max_keys, now)
            && self.states.iter().any(|entry| is_fresh(entry.key(), *entry.value()))
    }

    /// Drops the fresh states, one shard at a time. States ahead of the clock are rewritten, so that they
    /// become fresh in time.
    fn sweep(&self, now: Timestamp) {
        self.states.retain(|key, word| {
            let policy = self.policy_of(key);
            let (state, ()) = self.update(key, word, |state| (state.settle(&policy, now), ()));
            let is_kept = !state.is_fresh(&policy, now);
            if !is_kept {
                self.policies.remove(key);
                self.excesses.remove(key);
                self.keys.fetch_sub(1, Ordering::Relaxed);
            }
            is_kept
        });
        shrink(&self.states);
        self.policies.shrink();
        self.excesses.shrink();
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
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::Rate;

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

    #[test]
    fn a_sweep_keeps_memory_of_which_more_than_a_quarter_is_used() {
        let rate = Rate::per_hour(NonZeroU32::MIN);
        let limiter = Limiter::new(LimitPolicy::new(rate, NonZeroU32::MIN.saturating_add(99)));
        let noon = Timestamp::from_secs(43_200);
        for key in 0..20_000 {
            let permits = if key % 2 == 0 { 1 } else { 100 };
            assert!(limiter.take(&key, noon, permits).is_allowed());
        }
        let before = limiter.states.capacity();
        let next_day = noon.saturating_add(Duration::from_secs(86_400));
        assert!(limiter.take(&20_000, next_day, 1).is_allowed());
        assert_eq!(limiter.len(), 10_001);
        assert!(limiter.states.capacity() > before / 4 * 3);
    }

    #[test]
    fn only_an_excess_takes_memory_beside_the_word() {
        let huge = LimitPolicy::new(Rate::per_second(NonZeroU32::MIN), NonZeroU32::MAX);
        let limiter = Limiter::new(huge);
        let noon = Timestamp::from_secs(43_200);
        assert!(limiter.take(&1, noon, 127).is_allowed());
        assert_eq!(limiter.excesses.get(&1), None);
        assert!(limiter.take(&2, noon, 200).is_allowed());
        assert_eq!(limiter.excesses.get(&2), Some(73));
        let next_day = noon.saturating_add(Duration::from_secs(86_400));
        assert!(limiter.take(&2, next_day, 1).is_allowed());
        assert_eq!(limiter.excesses.get(&2), None);
    }
}
