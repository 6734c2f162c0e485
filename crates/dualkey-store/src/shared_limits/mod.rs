mod call;
mod error;
mod lease;
mod standing;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

pub use call::{SharedCall, SharedTake, SharedTaken, TakeRun};
pub use error::{SharedLimitsError, SharedLimitsErrorKind};
pub use lease::{Lease, LeaseId, LeaseRequest, LeaseSettlement};
pub use standing::SharedStanding;

/// The future that a method of [`SharedLimits`] returns. It is boxed so that they can be a
/// `dyn SharedLimits`.
pub type SharedLimitsFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, SharedLimitsError>> + Send + 'a>>;

/// Limits that many processes share: one bucket and one count of the day for each partner, whichever
/// process its requests reach.
///
/// Each method is one atomic step, decided on the clock of the place that holds the state ("the store").
///
/// # The bound
///
/// While the store keeps what it acknowledged, in every window of length `T` at most `burst + rate × T`
/// permits are spent, and on a calendar day at most the quota. A permit counts at the time at which the
/// store decides, or at which a process spends it from a [`Lease`]. Where policies take turns, the
/// largest burst and the fastest rate count. The store reads its clock to the microsecond, rounded down.
///
/// # Leases
///
/// A process may take permits ahead and spend them in memory. A leased permit keeps its place in the
/// bucket, which refills to `burst − outstanding`, until the lease ends by the store's clock: after
/// [`Lease::LIFETIME`], or with the day. Then what was not returned counts as spent. A partner has at most
/// [`Lease::MAX_PER_PARTNER`] leases at a time; a lease beyond that is not granted, and takes still are. A
/// process spends a lease only within [`Lease::usable_for`].
///
/// # Retries and lost answers
///
/// After an error, [`SharedLimitsError::may_have_run`] says whether the call may have taken effect. Such a
/// call must not be repeated, because each run of it spends permits. A call has a time-out, which the
/// implementation sets. A call whose future was dropped may take effect until then. After its time-out, no
/// call takes effect any more, unless the store's clock was set back. A lease whose answer was lost is given
/// back by its id, which the process chose. A [`LeaseSettlement`] that is repeated, or that comes late,
/// changes nothing.
///
/// # A store that lost its state
///
/// Each call carries the last [`SharedStanding`] that its process received for the partner
/// ([`SharedCall::known`]). The store merges it as described there. So a store that restarted empty, lost its
/// last writes, or was replaced by another hands out no fresh day. Until a process has reported it, a
/// lost count is missing; and lost leases may still be spent, which adds at most their permits.
///
/// # The store's clock
///
/// A clock that goes back by at most 100 ms counts as stopped. Beyond that, the state counts as written
/// now, with the same permits in the bucket and the same count, and the ends of leases move back with it.
/// This is stored even if the call is refused. A step forward by `J` grants what accrues in `J`, up to the
/// burst, and what is leased. The quota of a day holds for every clock that does not go back over midnight
/// by more than 100 ms: one that does begins the next day again.
///
/// ```
/// use std::sync::Arc;
/// use dualkey_limit::{FakeClock, LimitPolicy};
/// use dualkey_store::{MemorySharedLimits, PartnerId, SharedCall, SharedLimits, SharedTake};
///
/// # pollster::block_on(async {
/// let limits = MemorySharedLimits::new(Arc::new(FakeClock::default()));
/// let policy = LimitPolicy::default(); // burst 10, 10,000 a day
/// let call = SharedCall::new(PartnerId::from_bytes([1; 16]), &policy);
///
/// let taken = limits.take(call, &SharedTake::permits(4)).await?;
/// assert_eq!((taken.granted, taken.standing.level), (vec![1], 6));
/// let refused = limits.take(call.with_known(&taken.standing), &SharedTake::permits(7)).await?;
/// assert_eq!(refused.granted, [0]);
/// # Ok::<(), dualkey_store::SharedLimitsError>(())
/// # }).unwrap();
/// ```
pub trait SharedLimits: Debug + Send + Sync {
    /// Settles leases, takes permits for the callers of this process that wait, and leases permits, in this
    /// order and in one step. Each caller gets its permits from both the bucket and the day's quota, or from
    /// neither.
    ///
    /// # Errors
    ///
    /// The store did not answer, or refused the call: see [`SharedLimitsErrorKind`].
    fn take<'a>(
        &'a self,
        call: SharedCall<'a>,
        take: &'a SharedTake,
    ) -> SharedLimitsFuture<'a, SharedTaken>;

    /// The standing that [`take`](Self::take) would find. Changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`take`](Self::take).
    fn peek<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding>;

    /// Fills the bucket and begins the count of the day anew, for an operator. Leased permits stay leased,
    /// and count for the day. The [epoch](SharedStanding::epoch) rises, so that no process brings back the
    /// count from before.
    ///
    /// # Errors
    ///
    /// As for [`take`](Self::take).
    fn reset<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding>;

    /// Adds permits that a process granted on its own, while the store did not answer, to the count of the
    /// day. The bucket stays as it is. Usage of another day than the store's current one is ignored, as the
    /// [`day`](SharedStanding::day) of the answer shows.
    ///
    /// After an error that [`may_have_run`](SharedLimitsError::may_have_run), adding again may count twice.
    ///
    /// # Errors
    ///
    /// As for [`take`](Self::take).
    fn add_usage<'a>(
        &'a self,
        call: SharedCall<'a>,
        day: i64,
        permits: u64,
    ) -> SharedLimitsFuture<'a, SharedStanding>;
}
