//! A naive model of both limits: a bucket in exact fractions and a counter per calendar day.

use dualkey_limit::{LimitPolicy, Timestamp};

/// A permit is `period` units and each nanosecond brings `rate` units, so nothing is rounded.
#[derive(Debug)]
pub(crate) struct Naive {
    rate: u128,
    period: u128,
    capacity: u128,
    units: u128,
    /// Grants since the bucket was last certainly full. Each may have lost a millionth of a permit.
    roundings: u128,
    at: u64,
    day: i128,
    pub(crate) used: u64,
}

impl Naive {
    pub(crate) fn new(policy: &LimitPolicy, now: Timestamp) -> Self {
        let period = policy.rate().period().as_nanos();
        let capacity = u128::from(policy.burst().get()) * period;
        Self {
            rate: policy.rate().permits().get().into(),
            period,
            capacity,
            units: capacity,
            roundings: 0,
            at: now.as_nanos(),
            day: day(policy, now),
            used: 0,
        }
    }

    /// Advances the model to `now`, which must not be earlier than before.
    pub(crate) fn advance(&mut self, policy: &LimitPolicy, now: Timestamp) {
        let accrued = u128::from(now.as_nanos().checked_sub(self.at).unwrap()) * self.rate;
        self.units += accrued;
        if self.units >= self.capacity + self.lost() {
            self.roundings = 0;
        }
        self.units = self.units.min(self.capacity);
        self.at = now.as_nanos();
        if day(policy, now) > self.day {
            (self.day, self.used) = (day(policy, now), 0);
        }
    }

    /// The same part of a bucket's permits under another policy, up to its burst. Rounded up here, and down
    /// by the state, at most twice.
    #[allow(dead_code, reason = "not every test changes policies")]
    pub(crate) fn change_policy(&mut self, to: &LimitPolicy, now: Timestamp) {
        let Self { rate, period, capacity, .. } = Self::new(to, now);
        let units = (self.units * period).div_ceil(self.period).min(capacity);
        let (roundings, day) = (self.roundings + 2, day(to, now));
        *self = Self { rate, period, capacity, units, roundings, day, ..*self };
    }

    pub(crate) fn bucket_holds(&self, permits: u32) -> bool {
        self.units >= u128::from(permits) * self.period
    }

    /// Whether the bucket holds this many permits even if each grant lost a millionth of a permit.
    pub(crate) fn bucket_surely_holds(&self, permits: u32) -> bool {
        self.units >= u128::from(permits) * self.period + self.lost()
    }

    fn lost(&self) -> u128 {
        self.roundings * self.period / 1_000_000
    }

    pub(crate) fn day_allows(&self, policy: &LimitPolicy, permits: u32) -> bool {
        policy.daily().is_none_or(|d| self.used + u64::from(permits) <= u64::from(d.get()))
    }

    pub(crate) fn spend(&mut self, permits: u32) {
        self.units -= u128::from(permits) * self.period;
        self.used += u64::from(permits);
        self.roundings += 1;
    }
}

fn day(policy: &LimitPolicy, now: Timestamp) -> i128 {
    (i128::from(now.as_secs()) + i128::from(policy.utc_offset_secs())).div_euclid(86_400)
}
