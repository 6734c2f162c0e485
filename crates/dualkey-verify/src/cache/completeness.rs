//! What a cache that holds everything knows without the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dualkey_limit::{Clock, Timestamp};
use dualkey_store::{ApiKey, StoreError};
use dualkey_token::TokenDigest;

use super::freshness::is_within;
use super::{CatchUp, CredentialCache};

impl CredentialCache {
    /// Whether the store has no partner with this key that is not cached, once it has
    /// [caught up](Self::catch_up).
    pub(crate) fn lacks_key(&self, key: &ApiKey) -> bool {
        self.fetcher.state.lacks_key(key.as_str().as_bytes())
    }

    /// Whether the store has none of these tokens that are not cached, once it has
    /// [caught up](Self::catch_up).
    pub(crate) fn lacks_tokens(&self, digests: &[TokenDigest]) -> bool {
        digests.iter().all(|digest| self.fetcher.state.lacks_token(digest.as_bytes()))
    }

    /// Whether a change named this key, and no lookup of it has ended since.
    pub(crate) fn is_announced_key(&self, key: &ApiKey) -> bool {
        self.fetcher.state.announced_keys.contains(key.as_str().as_bytes())
    }

    /// Whether a change named this token, and no lookup of it has ended since.
    pub(crate) fn is_announced_token(&self, digest: &TokenDigest) -> bool {
        self.fetcher.state.announced_tokens.contains(digest.as_bytes())
    }

    /// Waits until every change before now was published.
    pub(crate) fn catch_up(&self) -> CatchUp {
        let store = Arc::clone(&self.fetcher.store);
        Box::pin(async move { Ok(store.catch_up().await?) })
    }

    /// Caches that the store had no such partner at this time.
    pub(crate) fn insert_absent_key(&self, key: &ApiKey, at: Timestamp) {
        let (state, key) = (&self.fetcher.state, key.as_str().as_bytes());
        state.insert_negative(&state.negative_keys, key, at, || state.lacks_key(key));
    }

    /// Caches that the store had none of these tokens at this time.
    pub(crate) fn insert_absent_tokens(&self, digests: &[TokenDigest], at: Timestamp) {
        let state = &self.fetcher.state;
        for digest in digests.iter().map(TokenDigest::as_bytes) {
            state.insert_negative(&state.negative_tokens, digest, at, || state.lacks_token(digest));
        }
    }

    /// Reads all partners and tokens, as long as there is room.
    pub(crate) async fn warm_up(&self, clock: &dyn Clock) -> Result<(), StoreError> {
        self.warm_up_began_at.store(clock.now().as_nanos(), Ordering::Relaxed);
        self.fetcher.warm_up(clock).await?;
        self.is_warm.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a warm-up has ended.
    pub(crate) fn is_warm(&self) -> bool {
        self.is_warm.load(Ordering::Relaxed)
    }

    /// Whether the cache was complete and changes may have been missed since, so that everything is to be
    /// read again; at most every half minute.
    pub(crate) fn is_reload_due(&self, now: Timestamp) -> bool {
        const RELOAD_EVERY: Duration = Duration::from_secs(30);

        let began_at = Timestamp::from_nanos(self.warm_up_began_at.load(Ordering::Relaxed));
        self.is_warm()
            && self.fetcher.state.coverage.is_partial()
            && !is_within(began_at, now, RELOAD_EVERY)
    }

    /// Whether the store's change feed has read within `max_staleness`. True for a store without a feed.
    pub(crate) fn is_store_up(&self, now: Timestamp) -> bool {
        let watermark = self.fetcher.store.changes().watermark();
        matches!(watermark, Timestamp::EPOCH | Timestamp::MAX)
            || is_within(watermark, now, self.limits.max_staleness)
    }
}
