use std::fmt;

use crate::bucket::Bucket;
use crate::{LimitPolicy, Outcome, Timestamp};

/// What a limiter remembers of one caller: the permits left, since when, and the day's count.
///
/// One word of 128 bits, to be saved and restored as such. A policy can change while its caller is
/// live: permits in the bucket are kept, cut to the new burst, and today's count is kept. The time since
/// the last grant counts at the new rate.
///
/// From the top:
///
/// | bits | hold |
/// | --- | --- |
/// | 74 | since when the bucket holds exactly the permits noted, in ticks of 2⁻¹⁰ ns; what came since is a part of a permit, kept as the time it took |
/// | 1 | whether permits were last spent on the day after that time; never later, since no permit takes more than a day to come |
/// | 9 | roughly how long a permit took to come: under another rate, that part of one means nothing |
/// | 5 | where the last 39 are divided |
/// | 39 | the permits in the bucket, and the permits spent on the day on which they were last spent |
///
/// Zero is a caller never seen.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LimitState {
    /// The time's whole nanoseconds.
    pub(crate) high: u64,
    pub(crate) low: u64,
}

impl LimitState {
    /// Spends so many permits at this time from the bucket and from the day, or from neither.
    ///
    /// A refusal leaves the state as it is, with two exceptions that are kept: a state that lies more
    /// than 100 ms ahead of the clock is taken as written now, and so is the part of a permit that was
    /// coming when the rate changed.
    #[inline]
    pub fn take(mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> (Self, Outcome) {
        let outcome = self.spend(policy, now, permits);
        (self, outcome)
    }

    /// The same in place: the answer is large, and is written where it is to be.
    #[inline]
    pub(crate) fn spend(&mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        match Bucket::read_usual(*self, policy, now) {
            Some(bucket) if permits > 0 && bucket.allows(policy, permits) => {
                bucket.grant(self, policy, permits)
            }
            _ => self.spend_any(policy, now, permits),
        }
    }

    #[inline(never)]
    fn spend_any(&mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        let bucket = Bucket::read(*self, policy, now);
        if permits == 0 {
            return Outcome::Allowed(bucket.standing(*self, policy));
        }
        if bucket.allows(policy, permits) {
            return bucket.grant(self, policy, permits);
        }
        if bucket.renewed {
            *self = bucket.write(policy);
        }
        bucket.refuse(*self, policy, permits)
    }

    /// The answer that [`take`](Self::take) would give, without spending. For zero permits, that is
    /// where the caller stands.
    #[inline]
    pub fn peek(mut self, policy: &LimitPolicy, now: Timestamp, permits: u32) -> Outcome {
        self.spend(policy, now, permits)
    }

    /// How many permits were spent on the current day; counted even where no quota is set.
    #[must_use]
    pub fn used_today(self, policy: &LimitPolicy, now: Timestamp) -> u32 {
        Bucket::read(self, policy, now).used
    }

    /// This state with another count for the current day, as after a restart.
    #[must_use]
    pub fn with_used_today(self, policy: &LimitPolicy, now: Timestamp, used: u32) -> Self {
        Bucket::read(self, policy, now).with_used(used).write(policy)
    }

    /// Whether forgetting this state would change no later answer: the bucket is full and nothing was
    /// spent today.
    #[must_use]
    pub fn is_fresh(self, policy: &LimitPolicy, now: Timestamp) -> bool {
        let bucket = Bucket::read(self, policy, now);
        bucket.ready == policy.burst().get() && bucket.used == 0
    }

    /// The word to save.
    #[must_use]
    #[inline]
    pub const fn to_bits(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    /// A saved word. Any word is a state.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "one half each")]
    pub const fn from_bits(bits: u128) -> Self {
        Self { high: (bits >> 64) as u64, low: bits as u64 }
    }
}

impl fmt::Debug for LimitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LimitState({:#034x})", self.to_bits())
    }
}
