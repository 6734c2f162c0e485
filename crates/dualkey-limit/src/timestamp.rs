use std::time::{Duration, SystemTime};

/// A point in time: nanoseconds since the Unix epoch, up to the year 2554.
///
/// ```
/// use std::time::SystemTime;
/// use dualkey_limit::Timestamp;
///
/// let now = Timestamp::from(SystemTime::UNIX_EPOCH);
/// assert_eq!(now, Timestamp::EPOCH);
/// assert!(now < Timestamp::from_nanos(1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1970-01-01, 00:00:00 UTC.
    pub const EPOCH: Self = Self(0);

    /// The latest representable point.
    pub const MAX: Self = Self(u64::MAX);

    /// The point this many nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The point this many seconds after the Unix epoch, or [`MAX`](Self::MAX).
    ///
    /// ```
    /// use dualkey_limit::Timestamp;
    ///
    /// assert_eq!(Timestamp::from_secs(2).as_nanos(), 2_000_000_000);
    /// assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::MAX);
    /// ```
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The point this much later, or [`MAX`](Self::MAX).
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_limit::Timestamp;
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!(Timestamp::EPOCH.saturating_add(second), Timestamp::from_secs(1));
    /// assert_eq!(Timestamp::MAX.saturating_add(second), Timestamp::MAX);
    /// ```
    #[must_use]
    pub fn saturating_add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanos(time)))
    }

    /// The point this much earlier, or [`EPOCH`](Self::EPOCH).
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_limit::Timestamp;
    ///
    /// let second = Duration::from_secs(1);
    /// assert_eq!(Timestamp::from_secs(3).saturating_sub(second), Timestamp::from_secs(2));
    /// assert_eq!(Timestamp::EPOCH.saturating_sub(second), Timestamp::EPOCH);
    /// ```
    #[must_use]
    pub fn saturating_sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(time)))
    }

    /// The time since `earlier`, or zero if that is later.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dualkey_limit::Timestamp;
    ///
    /// let (earlier, later) = (Timestamp::from_secs(1), Timestamp::from_secs(4));
    /// assert_eq!(later.saturating_duration_since(earlier), Duration::from_secs(3));
    /// assert_eq!(earlier.saturating_duration_since(later), Duration::ZERO);
    /// ```
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A time before the epoch becomes the epoch.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, nanos))
    }
}

impl From<Timestamp> for SystemTime {
    #[expect(clippy::arithmetic_side_effects, reason = "SystemTime represents every Timestamp")]
    fn from(time: Timestamp) -> Self {
        Self::UNIX_EPOCH + Duration::from_nanos(time.0)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
