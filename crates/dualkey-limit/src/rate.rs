use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// How fast a bucket refills: a whole number of permits per second, minute, hour or day.
///
/// A policy takes rates from 1 a day to 1,000,000 a second.
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
    /// The most permits a second that a policy takes.
    pub(crate) const MAX_PER_SECOND: u32 = 1_000_000;

    /// So many permits a second.
    #[must_use]
    pub const fn per_second(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Second }
    }

    /// So many permits a minute.
    #[must_use]
    pub const fn per_minute(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Minute }
    }

    /// So many permits an hour.
    #[must_use]
    pub const fn per_hour(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Hour }
    }

    /// So many permits a day.
    #[must_use]
    pub const fn per_day(permits: NonZeroU32) -> Self {
        Self { permits, per: Period::Day }
    }

    /// The permits that come in one [period](Self::period).
    #[must_use]
    pub const fn permits(&self) -> NonZeroU32 {
        self.permits
    }

    /// A second, a minute, an hour or a day.
    #[must_use]
    pub const fn period(&self) -> Duration {
        Duration::from_secs(self.per as u64)
    }

    /// In 1,024ths of a nanosecond.
    pub(crate) const fn period_ticks(&self) -> NonZeroU64 {
        NonZeroU64::new(self.per as u64 * 1_024_000_000_000).expect("no period is zero")
    }

    /// The shortest time, in whole nanoseconds, in which so many permits come.
    #[must_use]
    pub fn time_for(&self, permits: u32) -> Duration {
        let nanos = u128::from(permits).saturating_mul(self.period().as_nanos());
        Duration::from_nanos_u128(nanos.div_ceil(u128::from(self.permits.get())))
    }

    /// How many whole permits come in this time.
    #[must_use]
    pub fn permits_in(&self, time: Duration) -> u64 {
        let permits = time.as_nanos().saturating_mul(u128::from(self.permits.get()));
        u64::try_from(permits / (self.per as u128 * 1_000_000_000)).unwrap_or(u64::MAX)
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
