//! The store: the exact model, on a clock of its own, with faults.

use std::collections::VecDeque;
use std::sync::Arc;

use dualkey_limit::{FakeClock, LimitPolicy, Timestamp};
use dualkey_store::{
    Lease, MemorySharedLimits, PartnerId, SharedCall, SharedLimits as _, SharedStanding,
    SharedTake, SharedTaken, TakeRun,
};
use pollster::block_on;

use crate::clocks::{Nanos, StoreClock};
use crate::plan::Defect;

const PARTNER: PartnerId = PartnerId::from_bytes([1; 16]);

#[derive(Debug)]
pub(crate) struct Store {
    limits: MemorySharedLimits,
    clock: Arc<FakeClock>,
    pub(crate) time: StoreClock,
    /// The states before the last writes.
    history: VecDeque<MemorySharedLimits>,
    max_history: usize,
    pub(crate) stopped_until: Nanos,
    defect: Option<Defect>,
}

impl Store {
    pub(crate) fn new(time: StoreClock, max_history: usize, defect: Option<Defect>) -> Self {
        let clock = Arc::new(FakeClock::default());
        let limits = MemorySharedLimits::new(clock.clone());
        let history = VecDeque::new();
        Self { limits, clock, time, history, max_history, stopped_until: 0, defect }
    }

    pub(crate) fn take(
        &mut self,
        now: Nanos,
        (policy, known): (&LimitPolicy, Option<SharedStanding>),
        take: &SharedTake,
    ) -> SharedTaken {
        self.begin(now);
        if self.defect == Some(Defect::RefillNotCapped) {
            return self.take_without_lease(policy, known, take);
        }
        let known = self.known_by_defect(policy, known);
        let call = SharedCall { known: known.as_ref(), ..SharedCall::new(PARTNER, policy) };
        let taken = block_on(self.limits.take(call, take)).expect("a store in memory answers");
        self.time.decided(taken.standing.at);
        taken
    }

    pub(crate) fn add_usage(
        &mut self,
        now: Nanos,
        (policy, known): (&LimitPolicy, Option<SharedStanding>),
        (day, permits): (i64, u64),
    ) -> SharedStanding {
        self.begin(now);
        let call = SharedCall { known: known.as_ref(), ..SharedCall::new(PARTNER, policy) };
        let standing = block_on(self.limits.add_usage(call, day, permits));
        let standing = standing.expect("a store in memory answers");
        self.time.decided(standing.at);
        standing
    }

    pub(crate) fn peek(&self, now: Nanos, policy: &LimitPolicy) -> SharedStanding {
        self.set_clock(now);
        let call = SharedCall::new(PARTNER, policy);
        block_on(self.limits.peek(call)).expect("a store in memory answers")
    }

    /// Forgets up to this many of its last writes, or all of them.
    pub(crate) fn forget(&mut self, writes: Option<usize>) {
        match writes {
            None => self.limits.clear(),
            Some(writes) => {
                let left = self.history.len().saturating_sub(writes);
                if let Some(before) = self.history.drain(left..).next() {
                    self.limits = before;
                }
            }
        }
    }

    fn begin(&mut self, now: Nanos) {
        self.set_clock(now);
        if self.max_history > 0 {
            if self.history.len() == self.max_history {
                self.history.pop_front();
            }
            self.history.push_back(self.limits.snapshot());
        }
    }

    fn set_clock(&self, now: Nanos) {
        self.clock.set(Timestamp::from_nanos(self.time.wall(now) * 1_000));
    }

    /// The place of a lease refills at once: it is a take like another.
    fn take_without_lease(
        &self,
        policy: &LimitPolicy,
        known: Option<SharedStanding>,
        take: &SharedTake,
    ) -> SharedTaken {
        let mut take = take.clone();
        let call = SharedCall { known: known.as_ref(), ..SharedCall::new(PARTNER, policy) };
        let request = take.lease.take();
        take.runs.extend(request.map(|request| TakeRun { permits: 1, count: request.permits }));
        let mut taken = block_on(self.limits.take(call, &take)).expect("a store in memory answers");
        if let Some(request) = request {
            let permits = taken.granted.pop().expect("each run has an answer");
            let lease = Lease { id: request.id, permits, lifetime: Lease::LIFETIME };
            taken.lease = (permits > 0).then_some(lease);
        }
        taken
    }

    /// With one count, what came back from leases is not known: the larger count wins.
    fn known_by_defect(
        &self,
        policy: &LimitPolicy,
        known: Option<SharedStanding>,
    ) -> Option<SharedStanding> {
        let known = known?;
        if self.defect != Some(Defect::OneHighestCount) {
            return Some(known);
        }
        let stored = block_on(self.limits.peek(SharedCall::new(PARTNER, policy)));
        let returned = stored.expect("a store in memory answers").returned;
        Some(SharedStanding { granted: known.used() + returned, returned, ..known })
    }
}
