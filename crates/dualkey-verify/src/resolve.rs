use std::task::Poll;

use crate::decide::{Decider, Request};
use crate::decision::{Denial, Grant};
use crate::lookup::StoreLookup;

impl Decider {
    /// Waits for the store and decides again, at most once for the partner and once for the token: what the
    /// store answered is used instead of the cache.
    pub(crate) async fn resolve(
        &self,
        request: Request<'_>,
        mut store: StoreLookup,
    ) -> Result<Grant, Denial> {
        loop {
            store.wait().await?;
            if let Poll::Ready(decision) = self.decide(&request, &mut store) {
                return decision;
            }
        }
    }
}
