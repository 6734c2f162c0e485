//! What the cache counts and shows, for metrics.

use dualkey_limit::{Clock, Timestamp};
use dualkey_shared::SharedLimiter;

use super::CredentialCache;
use super::partner_entry::PartnerEntry;
use crate::telemetry::{Code, Gauges, Telemetry, Trace};

impl CredentialCache {
    /// Counts a decision.
    #[inline]
    pub(crate) fn count(&self, code: Code, trace: &Trace) {
        let state = &self.fetcher.state;
        let entry = |number| state.partners.entry(number).map(PartnerEntry::decisions);
        state.telemetry.count(code, trace, entry);
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.fetcher.state.telemetry
    }

    /// Passes all counts, and what the cache holds now, to the recorder.
    pub(crate) fn publish_metrics(&self, clock: &dyn Clock) {
        let partners = || self.fetcher.state.partners.iter();
        let counts = || partners().map(|entry| (entry.id, entry.decisions()));
        self.telemetry().publish(|| self.gauges(clock.now()), counts);
    }

    fn gauges(&self, now: Timestamp) -> Gauges {
        let state = &self.fetcher.state;
        let watermark = self.fetcher.store.changes().watermark();
        let has_feed = !matches!(watermark, Timestamp::EPOCH | Timestamp::MAX);
        Gauges {
            now,
            partners: state.partners.len(),
            tokens: state.tokens.len(),
            pending: self.write_behind.pending(),
            feed_read_at: has_feed.then_some(watermark),
            is_feed_current: self.is_store_up(now),
            shared: state.partners.limiter().map(SharedLimiter::counts),
        }
    }
}
