use std::time::Duration;

use dualkey_limit::{LimitPolicy, LimitState, Timestamp};

/// The shared state of a partner, as of the store's decision.
///
/// A process keeps the last standing of each partner, and sends it with its next call: see
/// [`SharedCall::known`](super::SharedCall::known).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedStanding {
    /// The time of the decision on the store's clock, in whole microseconds. If that clock went back by up to
    /// 100 ms, this is the latest time of an earlier decision.
    pub at: Timestamp,
    /// Whole permits in the bucket.
    pub level: u32,
    /// The fraction of the next permit that has come, in [parts](Self::PARTS_PER_PERMIT).
    pub remainder: u64,
    /// The day of the count, in days since 1970-01-01.
    pub day: i64,
    /// The UTC offset under which [`day`](Self::day) counts, in seconds.
    pub utc_offset_secs: i32,
    /// Permits granted on the day, leased ones included. It only grows, up to 2⁴⁸ − 1.
    pub granted: u64,
    /// Permits of these that came back from leases. It only grows.
    pub returned: u64,
    /// Permits that are leased now. They have left the bucket, and the bucket does not refill their place.
    pub outstanding: u32,
    /// The time of the last [reset](super::SharedLimits::reset) in microseconds, or later if the clock went
    /// back. Zero before the first one.
    pub epoch: u64,
}

impl SharedStanding {
    /// The parts of a permit: the microseconds of a day. So each microsecond brings as many parts as the rate
    /// brings permits a day, and a fraction of a permit means the same under every policy.
    pub const PARTS_PER_PERMIT: u64 = 86_400_000_000;

    /// The largest count of permits. Counts stop there.
    pub const MAX_COUNT: u64 = (1 << 48) - 1;

    /// Permits spent or leased on the day.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.granted.saturating_sub(self.returned)
    }

    /// This standing as a state of [`LimitState`], which works out what is left and how long to wait.
    ///
    /// A wait is enough, and at most a nanosecond too long, unless leased permits keep the bucket from refilling
    /// up to the burst: they are not part of the state.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_limit::{LimitPolicy, Timestamp};
    /// use dualkey_store::SharedStanding;
    ///
    /// let at = Timestamp::from_secs(1_700_000_000);
    /// let standing = SharedStanding {
    ///     at,
    ///     level: 3,
    ///     remainder: SharedStanding::PARTS_PER_PERMIT / 2,
    ///     day: 19_675,
    ///     utc_offset_secs: 0,
    ///     granted: 7,
    ///     returned: 0,
    ///     outstanding: 0,
    ///     epoch: 0,
    /// };
    /// let policy = LimitPolicy::default(); // 5 a second
    /// let state = standing.to_state(&policy);
    /// assert_eq!(state.used_today(&policy, at), 7);
    /// assert_eq!(state.peek(&policy, at, 4).retry_after(), Some(Duration::from_millis(100)));
    /// ```
    #[must_use]
    pub fn to_state(&self, policy: &LimitPolicy) -> LimitState {
        let missing = policy.burst().get().saturating_sub(self.level);
        let mut state = LimitState::default();
        if missing > 0 {
            // The bucket began to hold exactly `level` when the fraction of the next permit was zero.
            let rate = policy.rate();
            let parts = u128::from(rate.permits().get()) * u128::from(Self::PARTS_PER_PERMIT);
            let age = u128::from(self.remainder) * rate.period().as_nanos() / parts;
            let age = Duration::from_nanos_u128(age);
            let since = self.at.saturating_sub(age);
            state = state.take(&policy.without_daily(), since, missing).0;
        }
        state.with_used_today(policy, self.at, self.used())
    }
}
