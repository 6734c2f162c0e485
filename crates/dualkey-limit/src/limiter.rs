use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::bucket::Bucket;
use crate::shard::{Callers, Known, Shard};
use crate::{LimitPolicy, LimitState, Meter, Outcome, Refusal, Timestamp};

/// A [`LimitState`] per key, in a concurrent map with a bound on its keys.
///
/// A key's state is dropped only when that changes no later answer: its bucket is full and nothing was
/// spent today. So the map holds the keys of one day at most; where they may exceed the bound, what
/// happens to one key too many is [`AtCapacity`], and never that it goes unlimited. A key takes 17 bytes
/// beside itself, and up to a quarter of all that is taken stays free for new ones.
///
/// Do not use as a key what a stranger can make up: see to it that keys are known first.
///
/// ```
/// use dualkey_limit::{Clock, LimitPolicy, Limiter, SystemClock};
///
/// let limiter = Limiter::<u64>::new(LimitPolicy::default());
/// if limiter.take(&42, SystemClock.now(), 1).is_allowed() {
///     // serve customer 42
/// }
/// ```
pub struct Limiter<K> {
    policy: LimitPolicy,
    hasher: RandomState,
    shards: Box<[Shard<K>]>,
    max_keys: usize,
    at_capacity: AtCapacity,
    shared: Meter,
    keys: AtomicUsize,
    /// With how many keys the fresh ones are looked for next.
    sweep_above: AtomicUsize,
    swept_at: AtomicU64,
}

/// What happens to a new key when a [`Limiter`] is at its bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtCapacity {
    /// It is refused for a second: [`Outcome::BurstExceeded`] with nothing left.
    #[default]
    Refuse,
    /// It shares one meter, under its policy, with all others for which there is no room.
    Share,
}

/// So many that threads with different keys rarely meet.
const SHARDS: usize = 64;
/// How often keys are looked through at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const FIRST_SWEEP: usize = 1_024;

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter that gives each key this policy, for up to 1,000,000 keys.
    #[must_use]
    pub fn new(policy: LimitPolicy) -> Self {
        Self {
            policy,
            hasher: RandomState::default(),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            max_keys: 1_000_000,
            at_capacity: AtCapacity::default(),
            shared: Meter::new(),
            keys: AtomicUsize::new(0),
            sweep_above: AtomicUsize::new(FIRST_SWEEP),
            swept_at: AtomicU64::new(0),
        }
    }

    /// Bounds the keys, and says what happens to one too many.
    #[must_use]
    pub fn with_max_keys(self, max_keys: usize, at_capacity: AtCapacity) -> Self {
        Self { max_keys, at_capacity, ..self }
    }

    /// Spends so many permits of this key, under the limiter's policy.
    #[inline]
    pub fn take(&self, key: &K, now: Timestamp, permits: u32) -> Outcome {
        self.take_as(key, &self.policy, true, now, permits)
    }

    /// Spends so many permits of this key, under a policy of its own, which may change while the key
    /// is live.
    #[inline]
    pub fn take_with(
        &self,
        key: &K,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        self.take_as(key, policy, *policy == self.policy, now, permits)
    }

    /// The answer that [`take`](Self::take) would give now, without spending or noting the key.
    pub fn peek(&self, key: &K, now: Timestamp, permits: u32) -> Outcome {
        let hash = self.hasher.hash_one(key);
        let callers = self.callers(hash);
        let state = callers.states.get(hash, key).map_or_else(LimitState::default, Known::state);
        state.peek(callers.policy(hash, key).unwrap_or(&self.policy), now, permits)
    }

    /// How many keys have a state of their own.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// Whether no key has a state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn take_as(
        &self,
        key: &K,
        policy: &LimitPolicy,
        is_own: bool,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        let hash = self.hasher.hash_one(key);
        let mut callers = self.callers(hash);
        match callers.states.get_mut(hash, key) {
            Some(state) => {
                let outcome = state.take(policy, now, permits);
                if !is_own || callers.policies.is_some() {
                    callers.note_policy(hash, key, policy, is_own, &self.hasher);
                }
                outcome
            }
            None => {
                drop(callers);
                self.take_first(key, policy, now, permits)
            }
        }
    }

    #[cold]
    fn take_first(&self, key: &K, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        let (after, outcome) = LimitState::default().take(policy, now, permits);
        let Some(known) = Known::new(after) else { return outcome };
        self.sweep_if_due(now);
        if self.keys.fetch_add(1, Ordering::Relaxed) >= self.max_keys {
            self.keys.fetch_sub(1, Ordering::Relaxed);
            return self.take_without_room(policy, now, permits);
        }
        let hash = self.hasher.hash_one(key);
        let mut callers = self.callers(hash);
        let outcome = match callers.states.get_mut(hash, key) {
            // Another thread came first.
            Some(state) => {
                self.keys.fetch_sub(1, Ordering::Relaxed);
                state.take(policy, now, permits)
            }
            None => {
                callers.states.insert(hash, key.clone(), known, &self.hasher);
                outcome
            }
        };
        callers.note_policy(hash, key, policy, *policy == self.policy, &self.hasher);
        outcome
    }

    fn take_without_room(&self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        match self.at_capacity {
            AtCapacity::Share => self.shared.take(policy, now, permits),
            AtCapacity::Refuse => {
                let standing = Bucket::empty_standing(policy, now);
                Outcome::BurstExceeded(Refusal { standing, retry_after: SWEEP_EVERY })
            }
        }
    }

    /// Looks through all keys when their number has doubled since the last time, or reached the bound;
    /// so a new key costs a constant share of it. At the bound, once a second.
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
        if Duration::from_nanos(since) >= SWEEP_EVERY && claim() {
            self.shards.iter().for_each(|shard| self.sweep(&mut shard.lock(), now));
            let twice = self.len().saturating_mul(2);
            self.sweep_above.store(twice.max(FIRST_SWEEP), Ordering::Relaxed);
        }
    }

    fn sweep(&self, callers: &mut Callers<K>, now: Timestamp) {
        let Callers { states, policies } = callers;
        let before = states.len();
        let hash = |key: &K| self.hasher.hash_one(key);
        states.retain(&self.hasher, |key, state| {
            let noted = policies.as_ref().and_then(|policies| policies.get(hash(key), key));
            !state.state().is_fresh(noted.unwrap_or(&self.policy), now)
        });
        if let Some(policies) = policies {
            policies.retain(&self.hasher, |key, _| states.get(hash(key), key).is_some());
        }
        self.keys.fetch_sub(before - states.len(), Ordering::Relaxed);
    }

    /// A shard is said by bits of the hash that say nothing within its tables.
    #[inline]
    fn callers(&self, hash: u64) -> MutexGuard<'_, Callers<K>> {
        self.shards[(hash >> 8) as usize % SHARDS].lock()
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
