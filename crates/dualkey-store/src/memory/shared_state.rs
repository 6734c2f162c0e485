//! The shared state of one partner, in exact integers.
//!
//! This is the model of what [`SharedLimits`](crate::SharedLimits) promises: every other implementation gives
//! the same answers to the same calls at the same times. Times are microseconds since the Unix epoch.

use std::cmp::{Ordering, max, min};
use std::time::Duration;

use dualkey_limit::{LimitPolicy, Timestamp};

use crate::{Lease, LeaseId, LeaseRequest, LeaseSettlement, SharedCall, SharedStanding, TakeRun};

/// A clock that goes back by at most this counts as stopped: 100 ms.
const SKEW_TOLERANCE: u64 = 100_000;
const PARTS_PER_PERMIT: u128 = SharedStanding::PARTS_PER_PERMIT as u128;
const MAX_COUNT: u64 = SharedStanding::MAX_COUNT;
const MICROS_PER_DAY: i128 = 86_400_000_000;
const LEASE_LIFETIME: u64 =
    Lease::LIFETIME.as_secs() * 1_000_000 + Lease::LIFETIME.subsec_micros() as u64;

#[derive(Clone, Debug)]
pub(super) struct SharedState {
    at: u64,
    /// The content of the bucket in parts of a permit. It may exceed the burst, and is cut by the next
    /// refill.
    parts: u128,
    day: i64,
    granted: u64,
    returned: u64,
    epoch: u64,
    /// In the order of their ends, which lie after `at`.
    leases: Vec<StoredLease>,
    /// Whether a refusal must store the state too.
    must_write: bool,
}

#[derive(Clone, Copy, Debug)]
struct StoredLease {
    id: LeaseId,
    permits: u32,
    end: u64,
}

impl SharedState {
    /// The state of a partner of which none is stored: as the caller knows it, or a full bucket.
    fn missing(known: Option<&SharedStanding>, now: u64) -> Self {
        let (at, parts) = match known {
            Some(known) => {
                let remainder = min(u128::from(known.remainder), PARTS_PER_PERMIT - 1);
                (micros(known.at), parts(known.level) + remainder)
            }
            None => (now, parts(u32::MAX)),
        };
        let (day, granted, returned, epoch) = (i64::MIN, 0, 0, 0);
        Self { at, parts, day, granted, returned, epoch, leases: Vec::new(), must_write: false }
    }

    /// The state at the time of a call.
    pub(super) fn read(stored: Option<&Self>, call: SharedCall<'_>, now: Timestamp) -> Self {
        let now = micros(now);
        let mut state = stored.cloned().unwrap_or_else(|| Self::missing(call.known, now));
        state.must_write = false;
        if state.at > now + SKEW_TOLERANCE {
            state.set_back(now, call.policy);
        }
        state.refill_to(max(state.at, now), call);
        state.begin_day(call.policy);
        if let Some(known) = call.known {
            state.merge(known, call.policy);
        }
        state
    }

    /// The clock was set back: the state counts as written now.
    fn set_back(&mut self, now: u64, policy: &LimitPolicy) {
        let back = self.at - now;
        for lease in &mut self.leases {
            lease.end -= back;
        }
        self.at = now;
        self.day = day_at(now, policy);
        self.must_write = true;
    }

    /// Refills up to the end of each lease that has ended, then drops the lease, then refills up to now: an
    /// ended lease keeps its place in the bucket until its end, and no longer.
    fn refill_to(&mut self, now: u64, call: SharedCall<'_>) {
        while let Some(ended) = self.leases.first().filter(|lease| lease.end <= now).copied() {
            self.refill(ended.end, call);
            self.leases.remove(0);
        }
        self.refill(now, call);
    }

    fn refill(&mut self, until: u64, call: SharedCall<'_>) {
        let burst = call.policy.burst().get();
        let most = parts(burst.saturating_sub(self.outstanding()));
        let accrued = u128::from(until - self.at) * u128::from(call.permits_a_day());
        self.parts = min(self.parts + accrued, most);
        self.at = until;
    }

    /// On a new day, only leased permits count.
    fn begin_day(&mut self, policy: &LimitPolicy) {
        let today = day_at(self.at, policy);
        if today > self.day {
            (self.day, self.granted, self.returned) = (today, self.outstanding().into(), 0);
        }
    }

    fn merge(&mut self, known: &SharedStanding, policy: &LimitPolicy) {
        if known.day != self.day || known.utc_offset_secs != policy.utc_offset_secs() {
            return;
        }
        let count = (min(known.granted, MAX_COUNT), min(known.returned, MAX_COUNT));
        let (granted, returned) = match known.epoch.cmp(&self.epoch) {
            Ordering::Less => return,
            // One larger count of used permits would undo what came back from leases.
            Ordering::Equal => (max(self.granted, count.0), max(self.returned, count.1)),
            Ordering::Greater => count,
        };
        let merged = (known.epoch, granted, returned);
        self.must_write |= merged != (self.epoch, self.granted, self.returned);
        (self.epoch, self.granted, self.returned) = merged;
    }

    pub(super) fn settle(&mut self, settlement: &LeaseSettlement, policy: &LimitPolicy) {
        let Some(index) = self.leases.iter().position(|lease| lease.id == settlement.id) else {
            return;
        };
        let lease = &mut self.leases[index];
        let keep = min(lease.permits, settlement.keep);
        let give_back = min(lease.permits - keep, settlement.give_back);
        self.must_write |= keep < lease.permits;
        lease.permits = keep;
        if keep == 0 {
            self.leases.remove(index);
        }
        let most = parts(policy.burst().get().saturating_sub(self.outstanding()));
        self.parts = min(self.parts + parts(give_back), most);
        self.returned = min(self.returned + u64::from(give_back), MAX_COUNT);
    }

    /// Takes for the callers of a run, in their order. Returns how many got their permits.
    pub(super) fn take(&mut self, run: TakeRun, policy: &LimitPolicy) -> u32 {
        let available = self.available(policy);
        let callers = min(run.count, available.checked_div(run.permits).unwrap_or(u32::MAX));
        self.spend(run.permits * callers);
        callers
    }

    /// Leases permits until the end of the lifetime, or of the day.
    pub(super) fn lease(&mut self, request: LeaseRequest, policy: &LimitPolicy) -> Option<Lease> {
        let permits = min(request.permits, self.available(policy));
        let is_known = self.leases.iter().any(|lease| lease.id == request.id);
        if permits == 0 || is_known || self.leases.len() >= Lease::MAX_PER_PARTNER {
            return None;
        }
        let end = min(self.at + LEASE_LIFETIME, end_of(self.day, policy));
        let lifetime = Duration::from_micros(end - self.at);
        self.spend(permits);
        let stored = StoredLease { id: request.id, permits, end };
        self.leases.push(stored);
        self.leases.sort_by_key(|lease| lease.end);
        Some(Lease { id: request.id, permits, lifetime })
    }

    pub(super) fn reset(&mut self, policy: &LimitPolicy) {
        let outstanding = self.outstanding();
        self.parts = parts(policy.burst().get().saturating_sub(outstanding));
        (self.granted, self.returned) = (outstanding.into(), 0);
        self.epoch = max(self.epoch + 1, self.at);
        self.must_write = true;
    }

    pub(super) fn add_usage(&mut self, day: i64, permits: u64) {
        if day == self.day && permits > 0 {
            self.granted = min(self.granted.saturating_add(permits), MAX_COUNT);
            self.must_write = true;
        }
    }

    pub(super) const fn must_write(&self) -> bool {
        self.must_write
    }

    pub(super) fn standing(&self, policy: &LimitPolicy) -> SharedStanding {
        SharedStanding {
            at: Timestamp::from_nanos(self.at * 1_000),
            level: self.level(),
            remainder: (self.parts % PARTS_PER_PERMIT) as u64,
            day: self.day,
            utc_offset_secs: policy.utc_offset_secs(),
            granted: self.granted,
            returned: self.returned,
            outstanding: self.outstanding(),
            epoch: self.epoch,
        }
    }

    fn spend(&mut self, permits: u32) {
        self.parts -= parts(permits);
        self.granted = min(self.granted + u64::from(permits), MAX_COUNT);
        self.must_write |= permits > 0;
    }

    /// Permits that both limits leave.
    fn available(&self, policy: &LimitPolicy) -> u32 {
        let used = self.granted.saturating_sub(self.returned);
        match policy.daily() {
            Some(daily) => {
                let left = u64::from(daily.get()).saturating_sub(used);
                min(self.level(), u32::try_from(left).unwrap_or(u32::MAX))
            }
            None => self.level(),
        }
    }

    fn level(&self) -> u32 {
        u32::try_from(self.parts / PARTS_PER_PERMIT).unwrap_or(u32::MAX)
    }

    /// Leased permits. Bucket and leases together never held more than a burst, which has 32 bits.
    fn outstanding(&self) -> u32 {
        self.leases.iter().fold(0, |sum, lease| sum.saturating_add(lease.permits))
    }
}

const fn micros(time: Timestamp) -> u64 {
    time.as_nanos() / 1_000
}

fn parts(permits: u32) -> u128 {
    u128::from(permits) * PARTS_PER_PERMIT
}

fn day_at(at: u64, policy: &LimitPolicy) -> i64 {
    policy.day(Timestamp::from_nanos(at * 1_000))
}

/// The time at which a day ends.
fn end_of(day: i64, policy: &LimitPolicy) -> u64 {
    let offset = i128::from(policy.utc_offset_secs()) * 1_000_000;
    let end = (i128::from(day) + 1) * MICROS_PER_DAY - offset;
    u64::try_from(end).unwrap_or(0)
}
