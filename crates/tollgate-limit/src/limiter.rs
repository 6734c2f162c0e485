use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::{LimitPolicy, LimitState, Meter, Outcome, Refusal, Timestamp};

/// A [`Meter`] per key, in a concurrent map with a bound on its keys.
///
/// A key's state is dropped only when that changes no later answer: its bucket is full and nothing was
/// spent today. So the map holds the keys of one day at most; where they may exceed the bound, what
/// happens to one key too many is [`WhenFull`], and never that it goes unlimited.
///
/// Do not use as a key what a stranger can make up: see to it that keys are known first.
///
/// ```
/// use tollgate_limit::{Clock, LimitPolicy, Limiter, SystemClock};
///
/// let limiter = Limiter::<u64>::new(LimitPolicy::default());
/// if limiter.take(&42, SystemClock.now(), 1).is_allowed() {
///     // serve customer 42
/// }
/// ```
pub struct Limiter<K> {
    policy: LimitPolicy,
    callers: DashMap<K, Caller, RandomState>,
    max_keys: usize,
    when_full: WhenFull,
    shared: Meter,
    keys: AtomicUsize,
    /// With how many keys the fresh ones are looked for next.
    sweep_above: AtomicUsize,
    swept_at: AtomicU64,
}

/// What happens to a new key when a [`Limiter`] is at its bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It is refused for a second: [`Outcome::BurstExceeded`] with nothing left.
    #[default]
    Refuse,
    /// It shares one meter, under its policy, with all others for which there is no room.
    Share,
}

struct Caller {
    meter: Meter,
    /// The policy of the last take, where that is not the limiter's own.
    policy: Option<Box<LimitPolicy>>,
}

/// How often keys are looked through at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const FIRST_SWEEP: usize = 1_024;

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter that gives each key this policy, for up to 1,000,000 keys.
    #[must_use]
    pub fn new(policy: LimitPolicy) -> Self {
        Self {
            policy,
            callers: DashMap::with_hasher(RandomState::default()),
            max_keys: 1_000_000,
            when_full: WhenFull::default(),
            shared: Meter::new(),
            keys: AtomicUsize::new(0),
            sweep_above: AtomicUsize::new(FIRST_SWEEP),
            swept_at: AtomicU64::new(0),
        }
    }

    /// Bounds the keys, and says what happens to one too many.
    #[must_use]
    pub fn with_max_keys(self, max_keys: usize, when_full: WhenFull) -> Self {
        Self { max_keys, when_full, ..self }
    }

    /// Spends so many permits of this key, under the limiter's policy.
    pub fn take(&self, key: &K, now: Timestamp, permits: u32) -> Outcome {
        self.take_with(key, &self.policy, now, permits)
    }

    /// Spends so many permits of this key, under a policy of its own, which may change while the key
    /// is live.
    pub fn take_with(
        &self,
        key: &K,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        if let Some(caller) = self.callers.get(key)
            && self.policy_of(&caller) == policy
        {
            return caller.meter.take(policy, now, permits);
        }
        if let Some(mut caller) = self.callers.get_mut(key) {
            caller.policy = self.unless_own(policy);
            return caller.meter.take(policy, now, permits);
        }
        self.take_first(key, policy, now, permits)
    }

    /// The answer that [`take`](Self::take) would give now, without spending or noting the key.
    pub fn peek(&self, key: &K, now: Timestamp, permits: u32) -> Outcome {
        match self.callers.get(key) {
            Some(caller) => caller.meter.peek(self.policy_of(&caller), now, permits),
            None => LimitState::default().peek(&self.policy, now, permits),
        }
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

    fn take_first(&self, key: &K, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        let (after, outcome) = LimitState::default().take(policy, now, permits);
        if after == LimitState::default() {
            return outcome;
        }
        self.sweep_if_due(now);
        if self.keys.fetch_add(1, Ordering::Relaxed) >= self.max_keys {
            self.keys.fetch_sub(1, Ordering::Relaxed);
            return self.take_without_room(policy, now, permits);
        }
        let mut is_new = false;
        let caller = self.callers.entry(key.clone()).or_insert_with(|| {
            is_new = true;
            Caller { meter: Meter::new(), policy: self.unless_own(policy) }
        });
        if !is_new {
            self.keys.fetch_sub(1, Ordering::Relaxed);
        }
        caller.meter.take(policy, now, permits)
    }

    fn take_without_room(&self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        match self.when_full {
            WhenFull::Share => self.shared.take(policy, now, permits),
            WhenFull::Refuse => {
                let mut standing = *LimitState::default().peek(policy, now, 0).standing();
                standing.burst_remaining = 0;
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
            self.callers.retain(|_, caller| {
                let fresh = caller.meter.state().is_fresh(self.policy_of(caller), now);
                if fresh {
                    self.keys.fetch_sub(1, Ordering::Relaxed);
                }
                !fresh
            });
            let twice = self.len().saturating_mul(2);
            self.sweep_above.store(twice.max(FIRST_SWEEP), Ordering::Relaxed);
        }
    }

    fn policy_of<'a>(&'a self, caller: &'a Caller) -> &'a LimitPolicy {
        caller.policy.as_deref().unwrap_or(&self.policy)
    }

    fn unless_own(&self, policy: &LimitPolicy) -> Option<Box<LimitPolicy>> {
        (*policy != self.policy).then(|| Box::new(*policy))
    }
}

/// Shows no key: keys may be personal data.
impl<K> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("policy", &self.policy)
            .field("keys", &self.keys)
            .field("max_keys", &self.max_keys)
            .field("when_full", &self.when_full)
            .finish_non_exhaustive()
    }
}
