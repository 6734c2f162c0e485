use crate::decide::{Decider, Request};
use crate::decision::{Denial, Grant};
use crate::lookup::StoreLookup;

impl Decider {
    /// Waits for the store and decides again, at most once for the partner and once for the token: what the
    /// store answered is used instead of the cache.
    pub(crate) async fn resolve(
        &self,
        request: Request<'_>,
        store: StoreLookup,
    ) -> Result<Grant, Denial> {
        let (telemetry, clock) = (self.cache.telemetry(), self.registry.clock());
        let start = telemetry.start(clock);
        let decision = self.await_store(request, store).await;
        telemetry.store_was_awaited(start, clock);
        decision
    }

    async fn await_store(
        &self,
        request: Request<'_>,
        mut store: StoreLookup,
    ) -> Result<Grant, Denial> {
        loop {
            if let Err(denial) = store.wait().await {
                return self.deny(denial, &store);
            }
            if let Some(decision) = self.decide(&request, &mut store, |_| None) {
                return decision;
            }
        }
    }
}
