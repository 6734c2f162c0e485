use std::collections::HashMap;
use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use dualkey_limit::Clock;

use crate::memory::shared_state::SharedState;
use crate::{
    PartnerId, SharedCall, SharedLimits, SharedLimitsFuture, SharedStanding, SharedTake,
    SharedTaken,
};

/// [`SharedLimits`] in memory, which several verifiers of one process share. They start with full buckets
/// after a restart.
///
/// It holds one state for each partner that a call was about. Its arithmetic is the model that other
/// implementations are tested against.
///
/// ```
/// use std::sync::Arc;
/// use dualkey_limit::{LimitPolicy, SystemClock};
/// use dualkey_store::{MemorySharedLimits, PartnerId, SharedCall, SharedLimits, SharedTake};
///
/// # pollster::block_on(async {
/// let limits = MemorySharedLimits::new(Arc::new(SystemClock));
/// let policy = LimitPolicy::default(); // burst 10
/// let call = SharedCall::new(PartnerId::from_bytes([1; 16]), &policy);
/// assert_eq!(limits.take(call, &SharedTake::permits(10)).await?.granted, [1]);
/// assert_eq!(limits.take(call, &SharedTake::permits(10)).await?.granted, [0]);
/// # Ok::<(), dualkey_store::SharedLimitsError>(())
/// # }).unwrap();
/// ```
pub struct MemorySharedLimits {
    states: Mutex<HashMap<PartnerId, SharedState>>,
    clock: Arc<dyn Clock>,
}

impl MemorySharedLimits {
    /// Limits of which nothing is spent, on this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { states: Mutex::default(), clock }
    }

    /// Drops all states, as a restart does.
    pub fn clear(&self) {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Limits on the same clock that begin with a copy of all states, for tests of a store that forgets its
    /// last writes.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dualkey_limit::{FakeClock, LimitPolicy};
    /// use dualkey_store::{MemorySharedLimits, PartnerId, SharedCall, SharedLimits, SharedTake};
    ///
    /// # pollster::block_on(async {
    /// let limits = MemorySharedLimits::new(Arc::new(FakeClock::default()));
    /// let policy = LimitPolicy::default(); // burst 10
    /// let call = SharedCall::new(PartnerId::from_bytes([1; 16]), &policy);
    /// let before = limits.snapshot();
    /// limits.take(call, &SharedTake::permits(4)).await?;
    /// assert_eq!(limits.peek(call).await?.level, 6);
    /// assert_eq!(before.peek(call).await?.level, 10);
    /// # Ok::<(), dualkey_store::SharedLimitsError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { states: Mutex::new(states), clock: Arc::clone(&self.clock) }
    }

    /// One step: reads the state of a partner, changes it, and stores it if there is something to store.
    /// A poisoned lock is usable, because only a complete state is stored.
    fn step<T: Send + 'static>(
        &self,
        call: SharedCall<'_>,
        change: impl FnOnce(&mut SharedState) -> T,
    ) -> (T, SharedStanding) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let mut state = SharedState::read(states.get(&call.partner), call, now);
        let answer = change(&mut state);
        let standing = state.standing(call.policy);
        if state.must_write() {
            states.insert(call.partner, state);
        }
        (answer, standing)
    }
}

impl SharedLimits for MemorySharedLimits {
    fn take<'a>(
        &'a self,
        call: SharedCall<'a>,
        take: &'a SharedTake,
    ) -> SharedLimitsFuture<'a, SharedTaken> {
        let policy = call.policy;
        let ((granted, lease), standing) = self.step(call, |state| {
            for settlement in &take.settlements {
                state.settle(settlement, policy);
            }
            let granted = take.runs.iter().map(|&run| state.take(run, policy)).collect();
            (granted, take.lease.and_then(|request| state.lease(request, policy)))
        });
        ready_ok(SharedTaken { standing, granted, lease })
    }

    fn peek<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = SharedState::read(states.get(&call.partner), call, self.clock.now());
        ready_ok(state.standing(call.policy))
    }

    fn reset<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        let ((), standing) = self.step(call, |state| state.reset(call.policy));
        ready_ok(standing)
    }

    fn add_usage<'a>(
        &'a self,
        call: SharedCall<'a>,
        day: i64,
        permits: u64,
    ) -> SharedLimitsFuture<'a, SharedStanding> {
        let ((), standing) = self.step(call, |state| state.add_usage(day, permits));
        ready_ok(standing)
    }
}

/// Shows the number of partners.
impl fmt::Debug for MemorySharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("MemorySharedLimits")
            .field("partners", &states.len())
            .finish_non_exhaustive()
    }
}

/// A future that is ready with this answer.
fn ready_ok<T: Send + 'static>(answer: T) -> SharedLimitsFuture<'static, T> {
    Box::pin(ready(Ok(answer)))
}
