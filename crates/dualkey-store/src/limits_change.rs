use std::num::NonZeroU32;

use dualkey_limit::{InvalidPolicy, LimitPolicy, Rate};

/// A change to some of the limits of a partner. `None` leaves a limit as it is.
///
/// ```
/// use std::num::NonZeroU32;
/// use dualkey_limit::LimitPolicy;
/// use dualkey_store::LimitsChange;
///
/// let change = LimitsChange { burst: NonZeroU32::new(20), ..LimitsChange::default() };
/// let policy = LimitPolicy::default(); // 5 a second, burst 10, 10,000 a day
/// assert_eq!(change.apply(policy)?.to_string(), "5 a second, burst 20, 10000 a day");
///
/// let widest = LimitsChange { burst: Some(NonZeroU32::MAX), ..LimitsChange::default() };
/// assert!(widest.apply(policy).is_err()); // beside this daily quota
/// # Ok::<(), dualkey_limit::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitsChange {
    /// The rate.
    pub rate: Option<Rate>,
    /// The permits that a full bucket holds.
    pub burst: Option<NonZeroU32>,
    /// The daily quota. `Some(None)` removes it.
    pub daily: Option<Option<NonZeroU32>>,
    /// The UTC offset of the calendar day in seconds, positive to the east.
    pub utc_offset_secs: Option<i32>,
}

impl LimitsChange {
    /// The policy after this change.
    ///
    /// # Errors
    ///
    /// A limit is out of range, alone or together with those that do not change.
    pub fn apply(self, policy: LimitPolicy) -> Result<LimitPolicy, InvalidPolicy> {
        let Self { rate, burst, daily, utc_offset_secs } = self;
        let changed =
            LimitPolicy::new(rate.unwrap_or(policy.rate()), burst.unwrap_or(policy.burst()));
        let changed =
            changed.with_utc_offset_secs(utc_offset_secs.unwrap_or(policy.utc_offset_secs()))?;
        daily.unwrap_or(policy.daily()).map_or(Ok(changed), |daily| changed.with_daily(daily))
    }
}

/// A change of all limits.
impl From<LimitPolicy> for LimitsChange {
    fn from(policy: LimitPolicy) -> Self {
        Self {
            rate: Some(policy.rate()),
            burst: Some(policy.burst()),
            daily: Some(policy.daily()),
            utc_offset_secs: Some(policy.utc_offset_secs()),
        }
    }
}
