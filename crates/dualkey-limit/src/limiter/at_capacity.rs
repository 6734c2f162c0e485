/// What happens to a new key when a [`Limiter`](crate::Limiter) is at its bound.
///
/// ```
/// use dualkey_limit::{AtCapacity, LimitPolicy, Limiter, Timestamp};
///
/// let now = Timestamp::from_secs(1_700_000_000);
/// let limiter = |at_capacity| Limiter::new(LimitPolicy::default()).with_max_keys(0, at_capacity);
///
/// assert!(!limiter(AtCapacity::Refuse).take(&"new", now, 1).is_allowed());
/// assert!(limiter(AtCapacity::Share).take(&"new", now, 1).is_allowed());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtCapacity {
    /// The key is refused with [`Outcome::BurstExceeded`](crate::Outcome::BurstExceeded), until another key's
    /// state can be dropped. `retry_after` is such a time if no key is taken from in between. With a bound
    /// of zero keys, it is [`Outcome::Unsatisfiable`](crate::Outcome::Unsatisfiable).
    #[default]
    Refuse,
    /// All keys beyond the bound share one meter, each under its own policy.
    Share,
}
