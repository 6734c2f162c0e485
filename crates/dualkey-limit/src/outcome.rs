use std::time::Duration;

use crate::bucket::{Bucket, Wait};
use crate::policy::LimitPolicy;
use crate::timestamp::Timestamp;
use crate::word::Record;

/// The answer to a request for permits.
///
/// ```
/// use dualkey_limit::{LimitPolicy, LimitState, Outcome, Timestamp};
///
/// let peek = |permits| LimitState::default().peek(&LimitPolicy::default(), Timestamp::EPOCH, permits);
/// assert!(matches!(peek(10), Outcome::Allowed(_)));
/// assert!(matches!(peek(11), Outcome::Unsatisfiable(_))); // the bucket only holds 10
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an ignored refusal limits nothing"]
#[non_exhaustive]
pub enum Outcome {
    /// The permits are spent.
    Allowed(Standing),
    /// The bucket holds too few permits. Nothing is spent.
    BurstExceeded(Refusal),
    /// Too few of the day's permits are left. Nothing is spent.
    QuotaExceeded(Refusal),
    /// More permits than the burst or the daily quota. Nothing is spent, and no wait helps.
    Unsatisfiable(Standing),
}

/// What is left after a decision. Each value is computed when it is read, so a decision without a reader
/// costs nothing more. Two standings are equal if their observable values are equal.
///
/// ```
/// use std::time::Duration;
/// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
///
/// let outcome = Meter::new().take(&LimitPolicy::default(), Timestamp::EPOCH, 3);
/// let standing = outcome.standing();
/// assert_eq!(standing.burst_remaining(), 7);
/// assert_eq!(standing.daily_remaining(), Some(9_997));
/// assert_eq!(standing.time_to_full(), Duration::from_millis(600));
/// assert_eq!(standing.quota_resets_in(), Duration::from_secs(86_400));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub(crate) record: Record,
    pub(crate) policy: LimitPolicy,
    pub(crate) now: Timestamp,
}

/// The permits that remain of both limits: see [`Standing::remaining`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remaining {
    /// Permits left in the bucket.
    pub burst: u32,
    /// Permits left today, or `None` without a daily quota.
    pub daily: Option<u32>,
    /// Time until the day ends and the daily count restarts at zero, with or without a quota.
    pub quota_resets_in: Duration,
}

/// What is left after a refusal, and the time to wait.
///
/// ```
/// use std::time::Duration;
/// use dualkey_limit::{LimitPolicy, LimitState, Outcome, Timestamp};
///
/// let policy = LimitPolicy::default();
/// let (state, _) = LimitState::default().take(&policy, Timestamp::EPOCH, 10);
/// let Outcome::BurstExceeded(refusal) = state.peek(&policy, Timestamp::EPOCH, 5) else {
///     panic!("the bucket is empty");
/// };
/// assert_eq!(refusal.retry_after, Duration::from_secs(1)); // 5 permits, at 5 a second
/// assert_eq!(refusal.standing.burst_remaining(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What is left.
    pub standing: Standing,
    /// The exact wait: if no other take comes in between, the same request succeeds after this time,
    /// and not one nanosecond earlier.
    pub retry_after: Duration,
}

impl Standing {
    /// The policy of the decision.
    #[must_use]
    pub const fn policy(&self) -> &LimitPolicy {
        &self.policy
    }

    /// Permits left in the bucket.
    #[must_use]
    pub fn burst_remaining(&self) -> u32 {
        self.bucket().available
    }

    /// Permits left today, or `None` without a daily quota.
    #[must_use]
    pub fn daily_remaining(&self) -> Option<u32> {
        self.bucket().daily_remaining(&self.policy)
    }

    /// Time until the bucket is full.
    #[must_use]
    pub fn time_to_full(&self) -> Duration {
        self.bucket().until_full(&self.policy)
    }

    /// Time until the day ends and the daily count restarts at zero, with or without a quota.
    #[must_use]
    pub fn quota_resets_in(&self) -> Duration {
        self.bucket().until_day_ends(&self.policy)
    }

    /// [`burst_remaining`](Self::burst_remaining), [`daily_remaining`](Self::daily_remaining) and
    /// [`quota_resets_in`](Self::quota_resets_in) at once: each of them works out the state of the bucket anew.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
    ///
    /// let (policy, now) = (LimitPolicy::default(), Timestamp::EPOCH); // burst 10, 10,000 a day
    /// let remaining = Meter::new().take(&policy, now, 3).standing().remaining();
    /// assert_eq!((remaining.burst, remaining.daily), (7, Some(9_997)));
    /// ```
    #[must_use]
    pub fn remaining(&self) -> Remaining {
        let bucket = self.bucket();
        Remaining {
            burst: bucket.available,
            daily: bucket.daily_remaining(&self.policy),
            quota_resets_in: bucket.until_day_ends(&self.policy),
        }
    }

    /// The standing of an empty bucket on a day on which nothing was spent.
    #[cfg(feature = "keyed")]
    pub(crate) fn empty(policy: &LimitPolicy, now: Timestamp) -> Self {
        let record = Bucket::since_now(now, policy, 0, 0, true).write(policy);
        Self { record, policy: *policy, now }
    }

    fn bucket(&self) -> Bucket {
        Bucket::read(self.record, &self.policy, self.now)
    }
}

/// Compares observable values. When a limiter drops a state and later creates it again, the two have
/// different bits and the same observable values.
impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        let observable = |it: &Self| {
            (it.burst_remaining(), it.daily_remaining(), it.time_to_full(), it.quota_resets_in())
        };
        self.policy == other.policy && observable(self) == observable(other)
    }
}

impl Eq for Standing {}

impl Outcome {
    #[inline]
    #[expect(clippy::needless_pass_by_value, reason = "it fits two registers")]
    pub(crate) fn new(spent: Result<(), Wait>, standing: Standing) -> Self {
        let refusal = |retry_after| Refusal { standing, retry_after };
        match spent {
            Ok(()) => Self::Allowed(standing),
            Err(Wait::Endless) => Self::Unsatisfiable(standing),
            Err(Wait::ForBurst(retry_after)) => Self::BurstExceeded(refusal(retry_after)),
            Err(Wait::ForQuota(retry_after)) => Self::QuotaExceeded(refusal(retry_after)),
        }
    }

    /// Whether the permits are spent.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
    ///
    /// let (meter, policy) = (Meter::new(), LimitPolicy::default());
    /// assert!(meter.take(&policy, Timestamp::EPOCH, 10).is_allowed());
    /// assert!(!meter.take(&policy, Timestamp::EPOCH, 1).is_allowed());
    /// ```
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// What is left after the decision.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        match self {
            Self::Allowed(standing) | Self::Unsatisfiable(standing) => standing,
            Self::BurstExceeded(refusal) | Self::QuotaExceeded(refusal) => &refusal.standing,
        }
    }

    /// The time to wait after a refusal. `None` if the permits are spent or no wait helps.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_limit::{LimitPolicy, Meter, Timestamp};
    ///
    /// let (meter, policy) = (Meter::new(), LimitPolicy::default());
    /// assert_eq!(meter.take(&policy, Timestamp::EPOCH, 10).retry_after(), None);
    /// let refused = meter.take(&policy, Timestamp::EPOCH, 1);
    /// assert_eq!(refused.retry_after(), Some(Duration::from_millis(200)));
    /// ```
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::BurstExceeded(refusal) | Self::QuotaExceeded(refusal) => {
                Some(refusal.retry_after)
            }
            Self::Allowed(_) | Self::Unsatisfiable(_) => None,
        }
    }

    /// Permits left in the bucket.
    #[must_use]
    pub fn burst_remaining(&self) -> u32 {
        self.standing().burst_remaining()
    }

    /// Permits left today, or `None` without a daily quota.
    #[must_use]
    pub fn daily_remaining(&self) -> Option<u32> {
        self.standing().daily_remaining()
    }
}
