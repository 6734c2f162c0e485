use std::time::Duration;

use dualkey_limit::{LimitPolicy, Rate, Standing};

/// One limit of a policy, in the terms of draft-ietf-httpapi-ratelimit-headers.
pub(crate) struct Quota {
    pub(crate) name: &'static str,
    /// In permits.
    pub(crate) quota: u32,
    /// The time window of the quota, in seconds.
    pub(crate) window: u64,
}

/// The permits that remain of one limit.
pub(crate) struct Remaining {
    pub(crate) name: &'static str,
    /// The whole limit, in permits.
    pub(crate) quota: u32,
    /// The permits that remain.
    pub(crate) permits: u64,
    /// The effective window, in seconds. Within it, at most the remaining permits can be used.
    pub(crate) window: u64,
}

impl Quota {
    /// The burst and, if there is one, the daily quota. The window of the burst is the time in which an
    /// empty bucket fills, because a shorter window would advertise a faster rate.
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

impl Remaining {
    /// The remaining permits of the burst and, if there is one, of the daily quota.
    pub(crate) fn of(standing: &Standing) -> [Option<Self>; 2] {
        let remaining = standing.remaining();
        [Some(Self::of_burst(standing, remaining.burst)), Self::of_day(standing, &remaining)]
    }

    fn of_burst(standing: &Standing, in_bucket: u32) -> Self {
        let policy = standing.policy();
        let window = match in_bucket {
            0 => whole_seconds(time_to_next_permit(standing)),
            _ => seconds_for(policy.rate(), in_bucket),
        };
        Self { name: "burst", quota: policy.burst().get(), permits: in_bucket.into(), window }
    }

    /// At most the permits that bucket and rate allow until the day ends.
    fn of_day(standing: &Standing, remaining: &dualkey_limit::Remaining) -> Option<Self> {
        let quota = standing.policy().daily()?.get();
        let (in_bucket, unused) = (remaining.burst, remaining.daily?);
        let resets_in = remaining.quota_resets_in;
        let permits = match refills_within(resets_in, standing, unused.saturating_sub(in_bucket)) {
            true => unused.into(),
            false => usable_until_reset(standing, in_bucket, resets_in).min(unused.into()),
        };
        Some(Self { name: "daily", quota, permits, window: whole_seconds(resets_in) })
    }
}

/// The time until an empty bucket holds a permit, rounded up by at most a nanosecond.
fn time_to_next_permit(standing: &Standing) -> Duration {
    let policy = standing.policy();
    let (rate, others) = (policy.rate(), policy.burst().get() - 1);
    let after_one =
        u128::from(others) * rate.period().as_nanos() / u128::from(rate.permits().get());
    standing.time_to_full().saturating_sub(Duration::from_nanos_u128(after_one))
}

/// Whether the rate adds this many permits within the whole seconds of this time. This is the usual case,
/// and the check needs no division.
fn refills_within(time: Duration, standing: &Standing, permits: u32) -> bool {
    let rate = standing.policy().rate();
    let arriving = time.as_secs().saturating_mul(rate.permits().get().into());
    u64::from(permits) * rate.period().as_secs() <= arriving
}

/// The permits that bucket and rate allow until the day ends, including the partial permit in the
/// bucket.
fn usable_until_reset(standing: &Standing, in_bucket: u32, resets_in: Duration) -> u64 {
    let (policy, rate) = (standing.policy(), standing.policy().rate());
    let arriving = rate.permits_in(resets_in).saturating_add(in_bucket.into());
    let filled_for = policy.fill_time().saturating_sub(standing.time_to_full());
    arriving.max(rate.permits_in(resets_in.saturating_add(filled_for)))
}

/// The time in which the rate adds this many permits, in whole seconds, rounded up, and at least one.
fn seconds_for(rate: Rate, permits: u32) -> u64 {
    let seconds = u64::from(permits) * rate.period().as_secs();
    seconds.div_ceil(rate.permits().get().into()).max(1)
}

/// The time in whole seconds, rounded up, and at least one, as in `Retry-After` (RFC 9110 §10.2.3).
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}
