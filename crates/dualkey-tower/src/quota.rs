use std::time::Duration;

use dualkey_limit::{LimitPolicy, Rate, Standing};

/// One of a policy's limits, in the terms of the draft.
pub(crate) struct Quota {
    pub(crate) name: &'static str,
    pub(crate) quota: u32,
    /// The time to which the quota belongs, in seconds.
    pub(crate) window: u64,
}

/// What is left of one.
pub(crate) struct Left {
    pub(crate) name: &'static str,
    pub(crate) quota: u32,
    pub(crate) remaining: u64,
    /// The time in which no more than what remains may be used, in seconds.
    pub(crate) effective: u64,
}

impl Quota {
    /// The burst, whose window is the time in which an empty bucket fills, as a shorter one would
    /// promise a faster rate; and the daily quota, if there is one.
    pub(crate) fn of(policy: &LimitPolicy) -> [Option<Self>; 2] {
        let burst = policy.burst().get();
        let window = seconds_for(policy.rate(), burst);
        let daily = policy.daily().map(|daily| daily.get());
        [
            Some(Self { name: "burst", quota: burst, window }),
            daily.map(|quota| Self { name: "daily", quota, window: 86_400 }),
        ]
    }
}

impl Left {
    pub(crate) fn of(standing: &Standing) -> [Option<Self>; 2] {
        let ready = standing.burst_remaining();
        [Some(burst(standing, ready)), daily(standing, ready)]
    }
}

fn burst(standing: &Standing, ready: u32) -> Left {
    let policy = standing.policy();
    let effective = match ready {
        0 => whole_seconds(until_one(standing)),
        _ => seconds_for(policy.rate(), ready),
    };
    Left { name: "burst", quota: policy.burst().get(), remaining: ready.into(), effective }
}

/// The time until an empty bucket holds a permit, at most a nanosecond too long.
fn until_one(standing: &Standing) -> Duration {
    let policy = standing.policy();
    let (rate, others) = (policy.rate(), policy.burst().get() - 1);
    let behind_one =
        u128::from(others) * rate.period().as_nanos() / u128::from(rate.permits().get());
    standing.time_to_full().saturating_sub(Duration::from_nanos_u128(behind_one))
}

/// What remains is cut to what bucket and rate allow until the day ends.
fn daily(standing: &Standing, ready: u32) -> Option<Left> {
    let quota = standing.policy().daily()?.get();
    let (left, quota_resets_in) = (standing.daily_remaining()?, standing.quota_resets_in());
    let remaining = match is_in_reach(left.saturating_sub(ready), standing, quota_resets_in) {
        true => left.into(),
        false => reachable(standing, ready, quota_resets_in).min(left.into()),
    };
    Some(Left { name: "daily", quota, remaining, effective: whole_seconds(quota_resets_in) })
}

/// Whether whole seconds suffice for so many permits to come, as they mostly do: no division tells.
fn is_in_reach(missing: u32, standing: &Standing, quota_resets_in: Duration) -> bool {
    let rate = standing.policy().rate();
    let coming = quota_resets_in.as_secs().saturating_mul(rate.permits().get().into());
    u64::from(missing) * rate.period().as_secs() <= coming
}

/// What bucket and rate allow until the day ends, the part of a permit that is in the bucket included.
fn reachable(standing: &Standing, ready: u32, quota_resets_in: Duration) -> u64 {
    let (policy, rate) = (standing.policy(), standing.policy().rate());
    let coming = rate.permits_in(quota_resets_in).saturating_add(ready.into());
    let held_for = policy.fill_time().saturating_sub(standing.time_to_full());
    coming.max(rate.permits_in(quota_resets_in.saturating_add(held_for)))
}

/// The whole seconds in which so many permits come, rounded up and at least one.
fn seconds_for(rate: Rate, permits: u32) -> u64 {
    let seconds = u64::from(permits) * rate.period().as_secs();
    seconds.div_ceil(rate.permits().get().into()).max(1)
}

/// In whole seconds, rounded up and at least one, as `Retry-After` is too (RFC 9110 §10.2.3).
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}
