use std::num::NonZeroU32;

use dualkey_limit::{LimitPolicy, LimitState, Outcome, Rate, Timestamp};

use crate::outage::OutagePolicies;

/// The limits of one partner in this process while the shared limits do not answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalLimits {
    /// The policy that was divided, and the day for which.
    source: (LimitPolicy, i64),
    policy: LimitPolicy,
    state: LimitState,
    /// The store has answered since.
    is_over: bool,
}

impl LocalLimits {
    /// Limits that go on from this state: the permits that were left and the count of the day, as the store
    /// last reported them. `None`: the outage policies refuse the requests of this partner.
    pub(super) fn new(
        policy: &LimitPolicy,
        state: LimitState,
        outages: OutagePolicies,
        now: Timestamp,
    ) -> Option<Self> {
        let used = state.used_today(policy, now);
        let divided = divide(policy, used, outages)?;
        Some(Self { source: (*policy, policy.day(now)), policy: divided, state, is_over: false })
    }

    /// Whether these limits are those of this policy, on this day, since the store last answered.
    pub(super) fn is_of(&self, policy: &LimitPolicy, now: Timestamp) -> bool {
        !self.is_over && self.source == (*policy, policy.day(now))
    }

    /// The store answers again.
    pub(super) const fn end(&mut self) {
        self.is_over = true;
    }

    pub(super) const fn state(&self) -> LimitState {
        self.state
    }

    /// Spends permits. A request that the whole policy allows is not refused for good: where it exceeds the
    /// divided burst, it takes all of that.
    pub(super) fn take(&mut self, now: Timestamp, permits: u32) -> Outcome {
        let whole = self.source.0;
        if permits > whole.burst().min(whole.daily().unwrap_or(whole.burst())).get() {
            return self.state.peek(&whole, now, permits);
        }
        let from_bucket = permits.min(self.policy.burst().get());
        let used = self.state.used_today(&self.policy, now) + u64::from(permits - from_bucket);
        let state = self.state.with_used_today(&self.policy, now, used);
        let (state, outcome) = state.take(&self.policy, now, from_bucket);
        if outcome.is_allowed() {
            self.state = state;
        }
        outcome
    }
}

/// The share of one process. Of the day's quota, what is left is divided.
fn divide(policy: &LimitPolicy, used: u64, outages: OutagePolicies) -> Option<LimitPolicy> {
    let processes = outages.burst.processes()?;
    let share = LimitPolicy::new(
        divide_rate(policy.rate(), processes),
        divide_by(policy.burst(), processes),
    )
    .with_utc_offset_secs(policy.utc_offset_secs())
    .ok()?;
    let Some(quota) = policy.daily() else { return Some(share) };
    let left = u64::from(quota.get()).saturating_sub(used);
    let left = left.div_ceil(u64::from(outages.quota.processes()?.get()));
    let quota = u32::try_from(used.saturating_add(left)).unwrap_or(u32::MAX);
    share.with_daily(NonZeroU32::new(quota).unwrap_or(NonZeroU32::MIN)).ok()
}

fn divide_by(permits: NonZeroU32, processes: NonZeroU32) -> NonZeroU32 {
    NonZeroU32::new(permits.get() / processes).unwrap_or(NonZeroU32::MIN)
}

/// By the day where the number fits, so that as little as possible is lost to rounding.
fn divide_rate(rate: Rate, processes: NonZeroU32) -> Rate {
    if processes == NonZeroU32::MIN {
        return rate;
    }
    let a_day = u64::from(rate.permits().get()) * (86_400 / rate.period().as_secs());
    let share = a_day / u64::from(processes.get());
    match u32::try_from(share) {
        Ok(_) => Rate::per_day(at_least_one(share)),
        Err(_) => Rate::per_hour(at_least_one(share / 24)),
    }
}

fn at_least_one(permits: u64) -> NonZeroU32 {
    u32::try_from(permits).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}
