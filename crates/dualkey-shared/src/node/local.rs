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
        Some(Self { source: (*policy, policy.day(now)), policy: divided, state })
    }

    /// Whether these limits are those of this policy, on this day.
    pub(super) fn is_of(&self, policy: &LimitPolicy, now: Timestamp) -> bool {
        self.source == (*policy, policy.day(now))
    }

    pub(super) const fn state(&self) -> LimitState {
        self.state
    }

    /// Spends permits, at most all that the divided limits hold.
    pub(super) fn take(&mut self, now: Timestamp, permits: u32) -> (Outcome, u32) {
        let burst = self.policy.burst();
        let permits = permits.min(self.policy.daily().unwrap_or(burst).min(burst).get());
        let (state, outcome) = self.state.take(&self.policy, now, permits);
        self.state = state;
        (outcome, if outcome.is_allowed() { permits } else { 0 })
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
