use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::word::{SHARED_BITS, Shape};
use crate::{Rate, Timestamp};

/// A rate with a burst and, optionally, a daily quota.
///
/// The bucket holds `burst` permits, starts full and refills at the rate. Read "5 a second with
/// bursts tolerated up to 10" as rate 5, burst 10: ten at once pass, the eleventh waits for 200 ms.
///
/// ```
/// use std::num::NonZeroU32;
/// use dualkey_limit::{LimitPolicy, Rate};
///
/// let number = |n| NonZeroU32::new(n).expect("not zero");
/// let policy = LimitPolicy::new(Rate::per_second(number(5)), number(10)).with_daily(number(10_000))?;
/// assert_eq!(policy, LimitPolicy::default());
/// # Ok::<(), dualkey_limit::InvalidPolicy>(())
/// ```
///
/// # Limits of a policy
///
/// Rates go from 1 a day to 1,000,000 a second. Burst and quota share the bits of a meter's word: the
/// lengths of the two numbers in binary add up to at most 39, so a quota of 16,777,215 goes with a
/// burst of up to 32,767, and a burst of 4,294,967,295 with a quota of up to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "Written", try_from = "Written"))]
pub struct LimitPolicy {
    rate: Rate,
    burst: NonZeroU32,
    daily: Option<NonZeroU32>,
    utc_offset_secs: i32,
    /// Follows from rate and burst.
    shape: Shape,
}

/// The numbers are outside of what a policy takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// More than 1,000,000 permits a second.
    #[error("a rate is at most 1,000,000 a second")]
    Rate,
    /// The burst and the daily quota do not fit side by side.
    #[error("burst and daily quota are too large together: their lengths in bits exceed 39")]
    TooLarge,
    /// The day begins a whole day or more away from midnight UTC.
    #[error("a day begins less than 24 hours from midnight UTC")]
    DayOffset,
}

impl LimitPolicy {
    /// A policy without a daily quota.
    #[must_use]
    pub const fn new(rate: Rate, burst: NonZeroU32) -> Self {
        let shape = Shape::of(rate, burst);
        Self { rate, burst, daily: None, utc_offset_secs: 0, shape }
    }

    /// This policy with a quota for each calendar day.
    ///
    /// # Errors
    ///
    /// The rate is above 1,000,000 a second, or burst and quota are too large together.
    pub fn with_daily(self, quota: NonZeroU32) -> Result<Self, InvalidPolicy> {
        Self { daily: Some(quota), ..self }.validated()
    }

    /// This policy without a daily quota.
    #[must_use]
    pub const fn without_daily(self) -> Self {
        Self { daily: None, ..self }
    }

    /// This policy with days that begin so many seconds before midnight UTC: 3,600 where the clock is
    /// one hour ahead of UTC.
    ///
    /// # Errors
    ///
    /// That is a whole day or more.
    pub fn with_utc_offset_secs(self, seconds: i32) -> Result<Self, InvalidPolicy> {
        Self { utc_offset_secs: seconds, ..self }.validated()
    }

    /// This policy, if all its numbers are within what is promised.
    ///
    /// A rate above 1,000,000 a second that never met this check is limited like any other, only with
    /// a coarser rounding towards refusal.
    ///
    /// # Errors
    ///
    /// They are not.
    pub fn validated(self) -> Result<Self, InvalidPolicy> {
        let bits = |number: NonZeroU32| u32::BITS.saturating_sub(number.leading_zeros());
        let most = u64::from(Rate::MAX_PER_SECOND).saturating_mul(self.rate.period().as_secs());
        if u64::from(self.rate.permits().get()) > most {
            return Err(InvalidPolicy::Rate);
        }
        if bits(self.burst).saturating_add(self.daily.map_or(0, bits)) > SHARED_BITS {
            return Err(InvalidPolicy::TooLarge);
        }
        if self.utc_offset_secs.unsigned_abs() >= 86_400 {
            return Err(InvalidPolicy::DayOffset);
        }
        Ok(self)
    }

    /// How fast the bucket refills.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// How many permits the bucket holds.
    #[must_use]
    pub const fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// How many permits a day has, if that is limited.
    #[must_use]
    pub const fn daily(&self) -> Option<NonZeroU32> {
        self.daily
    }

    /// How many seconds before midnight UTC the day begins.
    #[must_use]
    pub const fn utc_offset_secs(&self) -> i32 {
        self.utc_offset_secs
    }

    /// The calendar day of this time, in days since 1970-01-01.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> i64 {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        seconds.saturating_add(self.utc_offset_secs.into()).div_euclid(86_400)
    }

    #[inline]
    pub(crate) const fn shape(&self) -> Shape {
        self.shape
    }

    /// The time in which an empty bucket fills.
    #[must_use]
    pub fn fill_time(&self) -> Duration {
        self.rate.time_for(self.burst.get())
    }
}

/// `5 a second, burst 10, 10000 a day`.
impl fmt::Display for LimitPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, burst {}", self.rate, self.burst)?;
        match self.daily {
            Some(daily) => write!(f, ", {daily} a day"),
            None => Ok(()),
        }
    }
}

/// 5 permits a second, bursts of 10, 10,000 a day.
impl Default for LimitPolicy {
    fn default() -> Self {
        const fn number(n: u32) -> NonZeroU32 {
            NonZeroU32::new(n).expect("not zero")
        }
        let rate = const { Rate::per_second(number(5)) };
        Self { daily: const { Some(number(10_000)) }, ..Self::new(rate, const { number(10) }) }
    }
}

#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rate: Rate,
    burst: NonZeroU32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    daily: Option<NonZeroU32>,
    #[serde(default)]
    utc_offset_secs: i32,
}

#[cfg(feature = "serde")]
impl From<LimitPolicy> for Written {
    fn from(policy: LimitPolicy) -> Self {
        let LimitPolicy { rate, burst, daily, utc_offset_secs, .. } = policy;
        Self { rate, burst, daily, utc_offset_secs }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Written> for LimitPolicy {
    type Error = InvalidPolicy;

    fn try_from(written: Written) -> Result<Self, InvalidPolicy> {
        let Written { rate, burst, daily, utc_offset_secs } = written;
        Self { daily, utc_offset_secs, ..Self::new(rate, burst) }.validated()
    }
}
