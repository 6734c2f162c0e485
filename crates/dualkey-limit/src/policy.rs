use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::rate::Rate;
use crate::timestamp::Timestamp;
use crate::word::{PolicyLayout, SHARED_BITS};

/// A rate with a burst and, optionally, a daily quota.
///
/// The bucket holds `burst` permits, starts full and refills at the rate. "5 a second with bursts
/// tolerated up to 10" is rate 5 and burst 10: ten requests at once pass, and the eleventh waits for
/// 200 ms.
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
/// Rates range from 1 a day to 1,000,000 a second. Burst and quota share 39 bits of a state's word, so
/// their lengths in binary add up to at most 39: a quota of 16,777,215 allows a burst of up to 32,767,
/// and a burst of 4,294,967,295 allows a quota of up to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "PolicyNumbers", try_from = "PolicyNumbers"))]
pub struct LimitPolicy {
    rate: Rate,
    burst: NonZeroU32,
    daily: Option<NonZeroU32>,
    utc_offset_secs: i32,
    /// Computed from rate and burst.
    layout: PolicyLayout,
}

/// A number of a policy is out of range.
///
/// ```
/// use std::num::NonZeroU32;
/// use dualkey_limit::{InvalidPolicy, LimitPolicy, Rate};
///
/// let policy = LimitPolicy::new(Rate::per_second(NonZeroU32::MIN), NonZeroU32::MAX);
/// assert_eq!(policy.with_daily(NonZeroU32::MAX), Err(InvalidPolicy::TooLarge));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// More than 1,000,000 permits a second.
    #[error("rate must be at most 1,000,000 a second")]
    Rate,
    /// The burst and the daily quota have more than 39 bits together.
    #[error("burst and daily quota must have at most 39 bits together")]
    TooLarge,
    /// The UTC offset is 24 hours or more.
    #[error("UTC offset must be less than 24 hours")]
    UtcOffset,
}

impl LimitPolicy {
    /// A policy without a daily quota.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use dualkey_limit::{LimitPolicy, Rate};
    ///
    /// let burst = NonZeroU32::new(3).unwrap();
    /// let policy = LimitPolicy::new(Rate::per_minute(NonZeroU32::MIN), burst);
    /// assert_eq!(policy.to_string(), "1 a minute, burst 3");
    /// ```
    #[must_use]
    pub const fn new(rate: Rate, burst: NonZeroU32) -> Self {
        let layout = PolicyLayout::of(rate, burst);
        Self { rate, burst, daily: None, utc_offset_secs: 0, layout }
    }

    /// This policy with a quota for each calendar day.
    ///
    /// # Errors
    ///
    /// The rate is above 1,000,000 a second, or burst and quota have more than 39 bits together.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use dualkey_limit::LimitPolicy;
    ///
    /// let policy = LimitPolicy::default();
    /// assert!(policy.with_daily(NonZeroU32::MIN).is_ok());
    /// let wide = LimitPolicy::new(policy.rate(), NonZeroU32::MAX);
    /// assert!(wide.with_daily(NonZeroU32::MAX).is_err());
    /// ```
    pub fn with_daily(self, quota: NonZeroU32) -> Result<Self, InvalidPolicy> {
        Self { daily: Some(quota), ..self }.validated()
    }

    /// This policy without a daily quota.
    #[must_use]
    pub const fn without_daily(self) -> Self {
        Self { daily: None, ..self }
    }

    /// This policy with calendar days of a fixed UTC offset in seconds, positive to the east: 3,600 for
    /// UTC+1.
    ///
    /// # Errors
    ///
    /// The offset is 24 hours or more, or another number is out of range.
    ///
    /// ```
    /// use dualkey_limit::{LimitPolicy, Timestamp};
    ///
    /// let late = Timestamp::from_secs(86_399);
    /// let policy = LimitPolicy::default();
    /// assert_eq!(policy.day(late), 0);
    /// assert_eq!(policy.with_utc_offset_secs(3_600).unwrap().day(late), 1);
    /// assert!(policy.with_utc_offset_secs(86_400).is_err());
    /// ```
    pub fn with_utc_offset_secs(self, seconds: i32) -> Result<Self, InvalidPolicy> {
        Self { utc_offset_secs: seconds, ..self }.validated()
    }

    /// This policy, if all its numbers are in range.
    ///
    /// A policy with a rate above 1,000,000 a second works without this check. It rounds more coarsely,
    /// towards refusal.
    ///
    /// # Errors
    ///
    /// The first number that is out of range: rate, burst and quota together, or UTC offset.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use dualkey_limit::{InvalidPolicy, LimitPolicy, Rate};
    ///
    /// let policy = |rate| LimitPolicy::new(Rate::per_second(rate), NonZeroU32::MIN);
    /// assert!(policy(NonZeroU32::MIN).validated().is_ok());
    /// assert_eq!(policy(NonZeroU32::MAX).validated(), Err(InvalidPolicy::Rate));
    /// ```
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
            return Err(InvalidPolicy::UtcOffset);
        }
        Ok(self)
    }

    /// The rate at which the bucket refills.
    #[must_use]
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// The permits that a full bucket holds.
    #[must_use]
    pub const fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// The daily quota, if there is one.
    #[must_use]
    pub const fn daily(&self) -> Option<NonZeroU32> {
        self.daily
    }

    /// The UTC offset of the calendar day in seconds, positive to the east.
    #[must_use]
    pub const fn utc_offset_secs(&self) -> i32 {
        self.utc_offset_secs
    }

    /// The calendar day of this time under the policy's UTC offset, in days since 1970-01-01.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> i64 {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        seconds.saturating_add(self.utc_offset_secs.into()).div_euclid(86_400)
    }

    #[inline]
    pub(crate) const fn layout(&self) -> PolicyLayout {
        self.layout
    }

    /// The time in which an empty bucket becomes full, rounded up to a nanosecond.
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
struct PolicyNumbers {
    rate: Rate,
    burst: NonZeroU32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    daily: Option<NonZeroU32>,
    #[serde(default)]
    utc_offset_secs: i32,
}

#[cfg(feature = "serde")]
impl From<LimitPolicy> for PolicyNumbers {
    fn from(policy: LimitPolicy) -> Self {
        let LimitPolicy { rate, burst, daily, utc_offset_secs, .. } = policy;
        Self { rate, burst, daily, utc_offset_secs }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<PolicyNumbers> for LimitPolicy {
    type Error = InvalidPolicy;

    fn try_from(numbers: PolicyNumbers) -> Result<Self, InvalidPolicy> {
        let PolicyNumbers { rate, burst, daily, utc_offset_secs } = numbers;
        Self { daily, utc_offset_secs, ..Self::new(rate, burst) }.validated()
    }
}
