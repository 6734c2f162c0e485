use crate::decide::{Decider, Request};
use crate::decision::{Denial, Grant};
use crate::lookup::{NotGranted, PendingLookup, StoreLookup};

impl Decider {
    /// Decides on a request, and asks the store for what the cache does not hold.
    pub(crate) async fn decide_or_resolve(&self, request: Request<'_>) -> Result<Grant, Denial> {
        match self.decide(request, &StoreLookup::default()) {
            Ok(grant) => Ok(grant),
            Err(NotGranted::Denied(denial)) => Err(denial),
            // Boxed, so that a decision from memory does not carry the state of a lookup.
            Err(NotGranted::NeedsStore(pending)) => Box::pin(self.resolve(request, pending)).await,
        }
    }

    /// Waits for the store and decides again, at most once for the partner and once for the token: what the
    /// store answered is used instead of the cache.
    async fn resolve(
        &self,
        request: Request<'_>,
        mut pending: PendingLookup,
    ) -> Result<Grant, Denial> {
        let mut fetched = StoreLookup::default();
        loop {
            fetched.await_answer(pending).await?;
            match self.decide(request, &fetched) {
                Ok(grant) => return Ok(grant),
                Err(NotGranted::Denied(denial)) => return Err(denial),
                Err(NotGranted::NeedsStore(next)) => pending = next,
            }
        }
    }
}
