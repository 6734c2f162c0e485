use dualkey_limit::LimitPolicy;

use super::lease::{Lease, LeaseRequest, LeaseSettlement};
use super::standing::SharedStanding;
use crate::PartnerId;

/// The partner of a call, its policy, and what this process knows of its state.
///
/// ```
/// use dualkey_limit::LimitPolicy;
/// use dualkey_store::{PartnerId, SharedCall};
///
/// let policy = LimitPolicy::default(); // 5 a second
/// let call = SharedCall::new(PartnerId::from_bytes([1; 16]), &policy);
/// assert_eq!(call.permits_a_day(), 432_000);
/// assert!(call.known.is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SharedCall<'a> {
    /// The partner whose limits are meant.
    pub partner: PartnerId,
    /// Its policy. The time since the last write refills the bucket at this rate.
    pub policy: &'a LimitPolicy,
    /// The last standing that this process received for the partner.
    ///
    /// Its count is used only for the store's current day under the same UTC offset. With the epoch of the
    /// stored state, the larger number of granted and of returned permits counts, each for itself; with a
    /// later epoch, the count replaces the stored one; with an earlier epoch, it is ignored.
    /// Its level and time are used only if the store has no state of the partner.
    pub known: Option<&'a SharedStanding>,
}

impl<'a> SharedCall<'a> {
    /// The most permits a day at which a bucket refills: 1,000,000 a second.
    const MAX_PERMITS_A_DAY: u64 = 86_400 * 1_000_000;

    /// A call of a process that knows nothing of the partner's state.
    #[must_use]
    pub const fn new(partner: PartnerId, policy: &'a LimitPolicy) -> Self {
        Self { partner, policy, known: None }
    }

    /// This call with the last standing that this process received.
    #[must_use]
    pub const fn with_known(self, known: &'a SharedStanding) -> Self {
        Self { known: Some(known), ..self }
    }

    /// The rate of the policy in permits a day, at most 1,000,000 a second. It is a whole number for every
    /// rate, so that a microsecond brings as many [parts](SharedStanding::PARTS_PER_PERMIT) of a permit.
    #[must_use]
    pub fn permits_a_day(&self) -> u64 {
        let rate = self.policy.rate();
        let periods = 86_400 / rate.period().as_secs();
        (u64::from(rate.permits().get()) * periods).min(Self::MAX_PERMITS_A_DAY)
    }
}

/// Callers that wait for the same number of permits, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeRun {
    /// The permits that each of them asks for.
    pub permits: u32,
    /// The number of callers.
    pub count: u32,
}

/// What one call of [`SharedLimits::take`](super::SharedLimits::take) does: first it settles leases, then it
/// takes for the runs in their order, then it leases.
///
/// ```
/// use dualkey_store::{SharedTake, TakeRun};
///
/// let take = SharedTake::permits(2);
/// assert_eq!(take.runs, [TakeRun { permits: 2, count: 1 }]);
/// assert!(take.settlements.is_empty() && take.lease.is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct SharedTake {
    /// What happens to earlier leases of this process.
    pub settlements: Vec<LeaseSettlement>,
    /// The callers that wait.
    pub runs: Vec<TakeRun>,
    /// Permits to lease, from those that are left after the runs.
    pub lease: Option<LeaseRequest>,
}

impl SharedTake {
    /// Takes for one caller.
    #[must_use]
    pub fn permits(permits: u32) -> Self {
        Self { runs: vec![TakeRun { permits, count: 1 }], ..Self::default() }
    }
}

/// The answer to a [`SharedTake`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedTaken {
    /// What is left after the call.
    pub standing: SharedStanding,
    /// For each run, the number of callers that got their permits: the first ones of the run.
    pub granted: Vec<u32>,
    /// The new lease. `None` if none was requested, or if no permit was left for it.
    pub lease: Option<Lease>,
}
