use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// How fast a bucket refills: a whole number of permits per second, minute, hour or day.
///
/// A policy accepts rates from 1 a day to 1,000,000 a second.
///
/// ```
/// use std::num::NonZeroU32;
/// use dualkey_limit::Rate;
///
/// let rate = Rate::per_minute(NonZeroU32::MIN);
/// assert_eq!(rate.to_string(), "1 a minute");
/// assert_eq!(rate.period().as_secs(), 60);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rate {
    permits: NonZeroU32,
    per: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
enum Period {
    Second = 1,
    Minute = 60,
    Hour = 3_600,
    Day = 86_400,
}

impl Rate {
    /// The fastest rate that a policy accepts, in permits a second.
    pub(crate) const MAX_PER_SECOND: u32 = 1_000_000;

    /// This many permits a second.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    /// use dualkey_limit::Rate;
    ///
    /// const FIVE_A_SECOND: Rate = Rate::per_second(NonZeroU32::new(5).unwrap());
    /// assert_eq!(FIVE_A_SECOND.permits().get(), 5);
    /// ```
    #[must_use]
    pub const fn per_second(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Second }
    }

    /// This many permits a minute.
    #[must_use]
    pub const fn per_minute(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Minute }
    }

    /// This many permits an hour.
    #[must_use]
    pub const fn per_hour(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Hour }
    }

    /// This many permits a day.
    #[must_use]
    pub const fn per_day(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Day }
    }

    /// The permits of one [period](Self::period).
    #[must_use]
    pub const fn permits(&self) -> NonZeroU32 {
        self.permits
    }

    /// One second, minute, hour or day.
    #[must_use]
    pub const fn period(&self) -> Duration {
        Duration::from_secs(self.per as u64)
    }

    /// The period in ticks of 2⁻¹⁰ ns.
    pub(crate) const fn period_ticks(&self) -> NonZeroU64 {
        let ticks = (self.per as u64).saturating_mul(1_024_000_000_000);
        NonZeroU64::new(ticks).expect("no period is zero")
    }

    /// The time in which this number of permits accrues, rounded up to a nanosecond.
    ///
    /// ```
    /// use std::{num::NonZeroU32, time::Duration};
    /// use dualkey_limit::Rate;
    ///
    /// let rate = Rate::per_second(NonZeroU32::new(3).unwrap());
    /// assert_eq!(rate.time_for(1), Duration::from_nanos(333_333_334));
    /// assert_eq!(rate.time_for(3), Duration::from_secs(1));
    /// ```
    #[must_use]
    pub fn time_for(&self, permits: u32) -> Duration {
        let nanos = u128::from(permits).saturating_mul(self.period().as_nanos());
        Duration::from_nanos_u128(nanos.div_ceil(u128::from(self.permits.get())))
    }

    /// The number of whole permits that accrue in this time, or [`u64::MAX`] if it is larger.
    ///
    /// ```
    /// use std::{num::NonZeroU32, time::Duration};
    /// use dualkey_limit::Rate;
    ///
    /// let rate = Rate::per_second(NonZeroU32::new(3).unwrap());
    /// assert_eq!(rate.permits_in(Duration::from_millis(333)), 0);
    /// assert_eq!(rate.permits_in(Duration::from_secs(2)), 6);
    /// ```
    #[must_use]
    pub fn permits_in(&self, time: Duration) -> u64 {
        let permits = time.as_nanos().saturating_mul(u128::from(self.permits.get()));
        let whole = permits.checked_div(self.period().as_nanos());
        whole.and_then(|permits| u64::try_from(permits).ok()).unwrap_or(u64::MAX)
    }
}

/// `5 a second`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.per {
            Period::Second => "second",
            Period::Minute => "minute",
            Period::Hour => "hour",
            Period::Day => "day",
        };
        write!(f, "{} a {period}", self.permits)
    }
}
