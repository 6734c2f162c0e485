use std::fmt;

use crate::bucket::{Bucket, Wait};
use crate::outcome::{Outcome, Refusal, Standing};
use crate::policy::LimitPolicy;
use crate::timestamp::Timestamp;
use crate::word::Word;

/// The state of one caller: the permits in the bucket, the time since which it holds them, and the day's
/// count.
///
/// It is one word of 128 bits, which can be saved and restored. The policy of a caller can change at any
/// time. The permits in the bucket are kept, up to the new burst, and so is today's count. The time
/// since the last grant counts at the new rate.
///
/// ```
/// use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
///
/// let (policy, now) = (LimitPolicy::default(), Timestamp::from_secs(1_700_000_000));
/// let (state, granted) = LimitState::default().take(&policy, now, 10);
/// assert!(granted.is_allowed());
/// let (unchanged, refused) = state.take(&policy, now, 1);
/// assert!(!refused.is_allowed());
/// assert_eq!(unchanged, state);
/// ```
///
/// From the most significant bit:
///
/// | bits | content |
/// | --- | --- |
/// | 74 | the time since which the bucket holds exactly the permits below, in ticks of 2⁻¹⁰ ns. It implies the fraction of a permit that accrued since |
/// | 1 | whether permits were last spent on the day after that time. The day is never later, since a permit takes at most a day to accrue |
/// | 9 | the approximate time per permit. It detects a change of rate, after which a fraction of a permit is void |
/// | 5 | where the last 39 bits are split |
/// | 39 | the permits in the bucket, and the permits spent on the latest day with a grant |
///
/// Zero is the state of a new caller.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LimitState(Word);

impl LimitState {
    /// Spends permits from the bucket and from the day's quota, or from neither.
    ///
    /// A refusal returns the state unchanged, with two exceptions. A state more than 100 ms ahead of the
    /// clock is rewritten as of now. After a change of rate, the fraction of a permit is rewritten at the
    /// new rate.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
    ///
    /// let (policy, now) = (LimitPolicy::default(), Timestamp::from_secs(1_700_000_000));
    /// let (state, outcome) = LimitState::default().take(&policy, now, 4);
    /// assert_eq!(outcome.burst_remaining(), 6);
    /// assert!(!state.take(&policy, now, 7).1.is_allowed());
    /// ```
    #[inline]
    pub fn take(mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> (Self, Outcome) {
        let outcome = self.spend(policy, now, permits);
        (self, outcome)
    }

    /// [`take`](Self::take) in place, which avoids a copy of the returned pair.
    #[inline]
    pub(crate) fn spend(&mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        match Bucket::read_fast(self.0, policy, now) {
            Some(bucket) if permits > 0 && bucket.allows(policy, permits) => {
                self.grant(bucket, policy, now, permits)
            }
            _ => self.spend_slow(policy, now, permits),
        }
    }

    #[inline(never)]
    fn spend_slow(&mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        let bucket = Bucket::read(self.0, policy, now);
        if permits == 0 {
            return Outcome::Allowed(self.standing(policy, now));
        }
        if bucket.allows(policy, permits) {
            return self.grant(bucket, policy, now, permits);
        }
        if bucket.must_write {
            self.0 = bucket.write(policy);
        }
        let standing = self.standing(policy, now);
        match bucket.wait(policy, permits) {
            Wait::Endless => Outcome::Unsatisfiable(standing),
            Wait::ForBurst(retry_after) => {
                Outcome::BurstExceeded(Refusal { standing, retry_after })
            }
            Wait::ForQuota(retry_after) => {
                Outcome::QuotaExceeded(Refusal { standing, retry_after })
            }
        }
    }

    #[inline]
    fn grant(
        &mut self,
        bucket: Bucket,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> Outcome {
        self.0 = bucket.spent(permits).write(policy);
        Outcome::Allowed(self.standing(policy, now))
    }

    #[inline]
    const fn standing(&self, policy: &LimitPolicy, now: Timestamp) -> Standing {
        Standing { word: self.0, policy: *policy, now }
    }

    /// The outcome that [`take`](Self::take) would have, without spending. For zero permits it is always
    /// [`Outcome::Allowed`] with the current standing.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
    ///
    /// let (policy, now) = (LimitPolicy::default(), Timestamp::from_secs(1_700_000_000));
    /// let (state, _) = LimitState::default().take(&policy, now, 9);
    /// assert_eq!(state.peek(&policy, now, 0).burst_remaining(), 1);
    /// assert!(state.peek(&policy, now, 1).is_allowed());
    /// assert!(!state.peek(&policy, now, 2).is_allowed());
    /// ```
    #[inline]
    pub fn peek(mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        self.spend(policy, now, permits)
    }

    /// The permits spent on the current day, counted with or without a quota.
    #[must_use]
    pub fn used_today(self, policy: &LimitPolicy, now: Timestamp) -> u32 {
        Bucket::read(self.0, policy, now).used
    }

    /// This state with another count for the current day, for example after a restart.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
    ///
    /// let (policy, now) = (LimitPolicy::default(), Timestamp::from_secs(1_700_000_000));
    /// let state = LimitState::default().with_used_today(&policy, now, 10_000);
    /// assert_eq!(state.used_today(&policy, now), 10_000);
    /// assert!(!state.peek(&policy, now, 1).is_allowed());
    /// ```
    #[must_use]
    pub fn with_used_today(self, policy: &LimitPolicy, now: Timestamp, used: u32) -> Self {
        Self(Bucket::read(self.0, policy, now).with_used(used).write(policy))
    }

    /// Whether every later answer from this state equals that for a new caller: the bucket is full and
    /// nothing was spent today.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
    ///
    /// let (policy, now) = (LimitPolicy::default(), Timestamp::from_secs(1_700_000_000));
    /// let (state, _) = LimitState::default().take(&policy, now, 1);
    /// assert!(!state.is_fresh(&policy, now));
    /// assert!(state.is_fresh(&policy, Timestamp::from_secs(1_700_086_400)));
    /// ```
    #[must_use]
    pub fn is_fresh(self, policy: &LimitPolicy, now: Timestamp) -> bool {
        let bucket = Bucket::read(self.0, policy, now);
        bucket.available == policy.burst().get() && bucket.used == 0
    }

    /// The state as a word, for example to save it.
    #[must_use]
    #[inline]
    pub const fn to_bits(self) -> u128 {
        (self.0.high as u128) << 64 | self.0.low as u128
    }

    /// The state with the bits of a saved word. Every word is a valid state.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
    ///
    /// let (state, _) = LimitState::default().take(&LimitPolicy::default(), Timestamp::EPOCH, 1);
    /// assert_eq!(LimitState::from_bits(state.to_bits()), state);
    /// ```
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each half has 64 bits")]
    pub const fn from_bits(bits: u128) -> Self {
        Self(Word { high: (bits >> 64) as u64, low: bits as u64 })
    }
}

impl fmt::Debug for LimitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitState({:#034x})", self.to_bits())
    }
}
