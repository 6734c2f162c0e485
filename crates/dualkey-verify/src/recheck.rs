use std::time::Duration;

use crate::cache::CacheLookup;
use crate::decision::{Denial, Grant};
use crate::verifier::Verifier;

/// What memory cannot decide.
const UNKNOWN: Denial = Denial::Unavailable { retry_after: Duration::from_secs(1) };

impl Verifier {
    /// Whether the partner and the token of this grant are still valid, for a response that outlives its
    /// decision, such as a stream of events. It reads memory only, and charges nothing. Limits and scopes are
    /// not decided again.
    ///
    /// ```
    /// use dualkey_testing::Fixture;
    ///
    /// # pollster::block_on(async {
    /// let fixture = Fixture::new();
    /// let (verifier, guests_read) = (fixture.gate.verifier(), fixture.require("guests:read"));
    /// let grant = verifier.verify(&fixture.headers(), &guests_read).await.unwrap();
    /// assert!(verifier.recheck(&grant).is_ok());
    ///
    /// fixture.clock.advance(std::time::Duration::from_secs(6)); // more than `max_staleness`
    /// assert_eq!(verifier.recheck(&grant).unwrap_err().code(), "unavailable");
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`Denial::TokenInvalid`] or [`Denial::ApiKeyInvalid`] if memory holds that the token has expired or
    /// the partner is disabled. [`Denial::Unavailable`] if memory cannot tell: the entry is invalidated,
    /// which a revocation does, stale or evicted, or the grant is of another verifier. A stream that ends
    /// at any error has ended once the revocation reached this process.
    pub fn recheck(&self, grant: &Grant) -> Result<(), Denial> {
        let cache = &self.decider.cache;
        let time = cache.request_time(self.decider.registry.clock());
        match cache.partner_by_number(grant.source.partner, &time) {
            CacheLookup::Fresh(partner) if partner.entry.id != grant.partner => {
                return Err(UNKNOWN);
            }
            CacheLookup::Fresh(partner) if partner.state.is_enabled() => {}
            CacheLookup::Fresh(_) => return Err(Denial::ApiKeyInvalid { misplaced_token: false }),
            _ => return Err(UNKNOWN),
        }
        match cache.token_by_key(grant.source.token, &time) {
            CacheLookup::Fresh(token) if token.id() == grant.token => Ok(()),
            CacheLookup::NegativeHit => Err(Denial::TokenInvalid),
            _ => Err(UNKNOWN),
        }
    }
}
