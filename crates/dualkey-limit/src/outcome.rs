use std::time::Duration;

use crate::bucket::Bucket;
use crate::{LimitPolicy, LimitState, Timestamp};

/// The answer to a request for permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a refusal that nobody looks at limits nothing"]
#[non_exhaustive]
pub enum Outcome {
    /// The permits are spent.
    Allowed(Standing),
    /// The bucket holds too few permits. Nothing is spent.
    BurstExceeded(Refusal),
    /// Too few of the day's permits are left. Nothing is spent.
    QuotaExceeded(Refusal),
    /// More permits than the burst or the daily quota ever holds. Nothing is spent, and no wait helps.
    Unsatisfiable(Standing),
}

/// Where a caller stands after a decision, worked out when it is asked for: most callers of a decision
/// ask for nothing. Two are equal that tell the same.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub(crate) state: LimitState,
    pub(crate) policy: LimitPolicy,
    pub(crate) now: Timestamp,
}

/// Where a caller stands who has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What is left.
    pub standing: Standing,
    /// Asking again after exactly this time succeeds if nobody else asked; any earlier, it does not.
    pub retry_after: Duration,
}

impl Standing {
    /// The limits that were decided by.
    #[must_use]
    pub const fn policy(&self) -> &LimitPolicy {
        &self.policy
    }

    /// Permits left in the bucket.
    #[must_use]
    pub fn burst_remaining(&self) -> u32 {
        self.bucket().ready
    }

    /// Permits left today; none where no daily quota is set.
    #[must_use]
    pub fn daily_remaining(&self) -> Option<u32> {
        self.bucket().daily_remaining(&self.policy)
    }

    /// Time until the bucket is full.
    #[must_use]
    pub fn time_to_full(&self) -> Duration {
        self.bucket().until_full(&self.policy)
    }

    /// Time until the day ends.
    #[must_use]
    pub fn quota_resets_in(&self) -> Duration {
        self.bucket().until_day_ends(&self.policy)
    }

    fn bucket(&self) -> Bucket {
        Bucket::read(self.state, &self.policy, self.now)
    }
}

/// A state that was dropped tells the same as the one that follows it, in another word.
impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        let told = |it: &Self| {
            (it.burst_remaining(), it.daily_remaining(), it.time_to_full(), it.quota_resets_in())
        };
        self.policy == other.policy && told(self) == told(other)
    }
}

impl Eq for Standing {}

impl Outcome {
    /// Whether the permits are spent.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Where the caller stands after the decision.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        match self {
            Self::Allowed(standing) | Self::Unsatisfiable(standing) => standing,
            Self::BurstExceeded(refusal) | Self::QuotaExceeded(refusal) => &refusal.standing,
        }
    }

    /// How long to wait after a refusal, where waiting helps.
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

    /// Permits left today; none where no daily quota is set.
    #[must_use]
    pub fn daily_remaining(&self) -> Option<u32> {
        self.standing().daily_remaining()
    }
}
