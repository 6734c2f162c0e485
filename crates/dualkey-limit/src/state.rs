use std::fmt;
#[cfg(feature = "keyed")]
use std::time::Duration;

use crate::bucket::{Bucket, Wait};
use crate::outcome::{Outcome, Standing};
use crate::policy::LimitPolicy;
use crate::timestamp::Timestamp;
use crate::word::{Record, Word};

/// The state of one caller: the permits in the bucket, the time since which it holds them, and the day's
/// count.
///
/// It is one word of 128 bits, which can be saved and restored, and the part of the day's count that does
/// not fit the word.
///
/// # Another policy
///
/// When the policy of a caller is replaced, call [`change_policy`](Self::change_policy), so that an empty
/// bucket fills at the new rate from then on.
///
/// Each call may also name another policy, for example where two of them take turns. The permits in the
/// bucket are kept, up to the new burst, and so is today's count. The time since the last whole permit
/// counts at the new rate, but under a faster rate, the permit that is under way completes at the old pace:
/// after a day, if that was 1 a day. A grant before then carries over the part of it that has come.
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
/// | 9 | the approximate time per permit. Under a faster rate, the permit that is under way completes at this pace |
/// | 5 | where the last 39 bits are split |
/// | 39 | the permits in the bucket, and the permits spent on the latest day with a grant. If these are all ones, more may be counted beside the word |
///
/// Zero is the state of a new caller.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LimitState(Record);

impl LimitState {
    /// Spends permits from the bucket and from the day's quota, or from neither.
    ///
    /// A refusal returns the state unchanged, except that a state more than 100 ms ahead of the clock is
    /// rewritten as of now.
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
    pub fn take(self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> (Self, Outcome) {
        let (state, spent) = self.spend(policy, now, permits);
        (state, Outcome::new(spent, state.standing(policy, now)))
    }

    /// [`take`](Self::take) without the standing. An [`Outcome`] is moved through memory, and this stays in
    /// registers where it is inlined.
    #[inline(always)]
    pub(crate) fn spend(
        self,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> (Self, Result<(), Wait>) {
        let (state, spent) = match Bucket::read_fast(self.0, policy, now) {
            Some(bucket) if permits > 0 && bucket.allows(policy, permits) => {
                return (Self(bucket.write_spent(policy, permits)), Ok(()));
            }
            Some(bucket) => self.spend_from(bucket, policy, permits),
            None => self.spend_slow(policy, now, permits),
        };
        // Taken apart: a pair that is returned whole would have the one above written to memory too.
        (state, spent)
    }

    /// [`spend`](Self::spend) without its answer: whether the permits were spent.
    #[inline]
    pub(crate) fn try_spend(
        self,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> (Self, bool) {
        if permits == 0 {
            return (self, true);
        }
        self.try_spend_from(Bucket::read(self.0, policy, now), policy, permits)
    }

    #[inline]
    fn try_spend_from(self, bucket: Bucket, policy: &LimitPolicy, permits: u32) -> (Self, bool) {
        if bucket.allows(policy, permits) {
            (Self(bucket.write_spent(policy, permits)), true)
        } else if bucket.must_write {
            (Self(bucket.write(policy)), false)
        } else {
            (self, false)
        }
    }

    #[inline(never)]
    fn spend_slow(
        self,
        policy: &LimitPolicy,
        now: Timestamp,
        permits: u32,
    ) -> (Self, Result<(), Wait>) {
        self.spend_from(Bucket::read_slow(self.0, policy, now), policy, permits)
    }

    #[inline(never)]
    fn spend_from(
        self,
        bucket: Bucket,
        policy: &LimitPolicy,
        permits: u32,
    ) -> (Self, Result<(), Wait>) {
        if permits == 0 {
            return (self, Ok(()));
        }
        match self.try_spend_from(bucket, policy, permits) {
            (state, true) => (state, Ok(())),
            (state, false) => (state, Err(bucket.wait(policy, permits))),
        }
    }

    /// What is left of the limits now, without a decision.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, LimitState, Timestamp};
    ///
    /// let (policy, now) = (LimitPolicy::default(), Timestamp::from_secs(1_700_000_000));
    /// let (state, _) = LimitState::default().take(&policy, now, 4);
    /// let standing = state.standing(&policy, now);
    /// assert_eq!((standing.burst_remaining(), standing.daily_remaining()), (6, Some(9_996)));
    /// ```
    #[inline]
    #[must_use]
    pub const fn standing(&self, policy: &LimitPolicy, now: Timestamp) -> Standing {
        Standing { record: self.0, policy: *policy, now }
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
    pub fn peek(self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        self.take(policy, now, permits).1
    }

    /// The permits spent on the current day, counted exactly under every policy, with or without a quota.
    #[must_use]
    pub fn used_today(self, policy: &LimitPolicy, now: Timestamp) -> u64 {
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
    pub fn with_used_today(self, policy: &LimitPolicy, now: Timestamp, used: u64) -> Self {
        Self(Bucket::read(self.0, policy, now).with_used(used).write(policy))
    }

    /// Counts more permits as spent on the current day.
    pub(crate) fn add_used_today(self, policy: &LimitPolicy, now: Timestamp, permits: u64) -> Self {
        let bucket = Bucket::read(self.0, policy, now);
        Self(bucket.with_used(bucket.used.saturating_add(permits)).write(policy))
    }

    /// This state under the policy `to`, which replaces `from` now: the permits in the bucket, up to the new
    /// burst, the part of the permit under way, rounded down, and today's count. An unused state stays full,
    /// and no state is set back to a time before its last grant.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use std::time::Duration;
    /// use dualkey_limit::{LimitPolicy, LimitState, Rate, Timestamp};
    ///
    /// let slow = LimitPolicy::new(Rate::per_day(NonZeroU32::MIN), NonZeroU32::MIN);
    /// let fast = LimitPolicy::new(Rate::per_second(NonZeroU32::MIN), NonZeroU32::MIN);
    /// let (state, _) = LimitState::default().take(&slow, Timestamp::EPOCH, 1);
    ///
    /// let noon = Timestamp::from_secs(43_200);
    /// let wait = state.change_policy(&slow, &fast, noon).peek(&fast, noon, 1).retry_after();
    /// assert_eq!(wait, Some(Duration::from_millis(500)), "half a permit had come");
    /// assert!(state.peek(&fast, noon, 1).retry_after() >= Some(Duration::from_secs(43_200)));
    /// ```
    #[must_use]
    pub fn change_policy(self, from: &LimitPolicy, to: &LimitPolicy, now: Timestamp) -> Self {
        if self == Self::default() {
            return self;
        }
        Self(Bucket::read_no_earlier(self.0, from, now).write_under(from, to))
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

    /// Time until every later answer equals that for a new caller, if no permits are taken.
    #[cfg(feature = "keyed")]
    pub(crate) fn time_to_fresh(self, policy: &LimitPolicy, now: Timestamp) -> Duration {
        Bucket::read(self.0, policy, now).until_fresh(policy)
    }

    /// Rewrites a state more than 100 ms ahead of the clock as of now, as a refusal does.
    #[cfg(feature = "keyed")]
    pub(crate) fn settle(self, policy: &LimitPolicy, now: Timestamp) -> Self {
        let bucket = Bucket::read(self.0, policy, now);
        if bucket.must_write { Self(bucket.write(policy)) } else { self }
    }

    /// The state as a word, for example to save it. A day's count that exceeds its bits is cut: they are 39,
    /// less those of the burst. To restore such a count too, save [`used_today`](Self::used_today).
    #[must_use]
    #[inline]
    pub const fn to_bits(self) -> u128 {
        (self.0.word.high as u128) << 64 | self.0.word.low as u128
    }

    /// Whether the word's bits of the day's count are all ones, so that an excess may belong to it.
    #[inline]
    pub(crate) const fn is_count_full(self) -> bool {
        self.0.word.is_count_full()
    }

    /// A state without an excess.
    #[cfg(feature = "keyed")]
    #[inline]
    pub(crate) const fn from_word(word: Word) -> Self {
        Self(Record { word, excess: 0 })
    }

    #[cfg(feature = "keyed")]
    #[inline]
    pub(crate) const fn word(self) -> Word {
        self.0.word
    }

    /// The part of the day's count that does not fit the word. It is stored apart from the word.
    pub(crate) const fn excess(self) -> u64 {
        self.0.excess
    }

    /// This state with an excess, which only belongs to a full count.
    pub(crate) const fn with_excess(self, excess: u64) -> Self {
        let excess = if self.is_count_full() { excess } else { 0 };
        Self(Record { excess, ..self.0 })
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
        Self(Record { word: Word { high: (bits >> 64) as u64, low: bits as u64 }, excess: 0 })
    }
}

impl fmt::Debug for LimitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitState({:#034x}, excess {})", self.to_bits(), self.0.excess)
    }
}
