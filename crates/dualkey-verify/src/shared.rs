//! Limits that processes share, in place of those of this process.

use std::task::Poll;

use dualkey_limit::{Outcome, Timestamp};
use dualkey_shared::{Away, PartnerLimits, SharedLimiter, Take};
use dualkey_store::PartnerId;

use crate::cache::{CachedPartner, to_charge};
use crate::decide::{Decider, Request};
use crate::decision::Denial;
use crate::lookup::StoreLookup;
use crate::refusal::Reason;
use crate::verifier::Verifier;

impl Decider {
    /// Takes the permits of a request from a lease or from the store. Pending: the store decides, and nothing
    /// is taken yet.
    #[inline(never)]
    pub(crate) fn take_shared(
        (limiter, limits): (&SharedLimiter, &PartnerLimits),
        request: &Request<'_>,
        partner: CachedPartner<'_>,
        now: Timestamp,
        store: &mut StoreLookup,
    ) -> Poll<Result<Outcome, Denial>> {
        let CachedPartner { entry, policy, .. } = partner;
        let permits = to_charge(policy, request.cost.get(), request.charged);
        let take = || limiter.try_take(limits, policy, now, permits);
        let taken = match store.taken.take().map_or_else(take, Take::Decided) {
            Take::Decided(taken) => taken,
            Take::Pending(pending) => return store.await_limits(pending),
        };
        let outcome = taken.map_err(|away| denial(away, entry.id))?;
        if outcome.is_allowed() {
            entry.count_granted(policy, permits, now);
        }
        Poll::Ready(Ok(outcome))
    }
}

impl Verifier {
    /// Gives back leases that are not used, after each tick, and all of them at the end: see
    /// [`SharedLimiter::run`]. A program with [shared limits](crate::VerifierBuilder::shared_limits) spawns it
    /// with a tick of about 50 ms, and awaits it once it serves no more requests. Without shared limits, it
    /// does nothing until then.
    ///
    /// ```
    /// # async fn run(verifier: dualkey_verify::Verifier) {
    /// # mod tokio { pub(crate) mod time { pub(crate) async fn sleep(_: std::time::Duration) {} } }
    /// # let shutdown = async {};
    /// use std::time::Duration;
    ///
    /// let tick = || tokio::time::sleep(Duration::from_millis(50));
    /// verifier.run_shared_limits(tick, shutdown).await;
    /// # }
    /// ```
    pub async fn run_shared_limits(&self, tick: impl AsyncFnMut(), until: impl Future) {
        match &self.decider.limiter {
            Some(limiter) => limiter.run(tick, until).await,
            None => {
                until.await;
            }
        }
    }
}

/// The shared limits do not answer, and the outage policy refuses.
fn denial(away: Away, partner: PartnerId) -> Denial {
    let denial = Denial::Unavailable { retry_after: away.retry_after };
    Reason::of_partner("the shared limits did not answer", partner).refuse(denial)
}
