use std::sync::Arc;

use dualkey_limit::Timestamp;
use dualkey_scope::Catalogue;
use dualkey_shared::SharedLimiter;
use foldhash::quality::RandomState;

use super::coverage::{Announced, Coverage};
use super::negative::NegativeCache;
use super::partners::Partners;
use super::tokens::Tokens;
use crate::telemetry::Telemetry;

/// The entries of the cache.
pub(crate) struct CacheState {
    pub(crate) partners: Partners,
    pub(crate) tokens: Tokens,
    pub(crate) negative_keys: NegativeCache,
    pub(crate) negative_tokens: NegativeCache,
    pub(crate) coverage: Arc<Coverage>,
    pub(crate) announced_keys: Announced,
    pub(crate) announced_tokens: Announced,
    pub(crate) telemetry: Telemetry,
}

impl CacheState {
    pub(crate) fn new(
        catalogue: Catalogue,
        max_tokens: usize,
        telemetry: Telemetry,
        limiter: Option<SharedLimiter>,
        now: Timestamp,
    ) -> Self {
        let (coverage, evictions) = (Arc::default(), telemetry.evictions());
        // A request hashes its key once, for both.
        let key_hasher = RandomState::default();
        Self {
            partners: Partners::new(key_hasher.clone(), limiter),
            tokens: Tokens::new(catalogue, max_tokens, Arc::clone(&coverage), evictions, now),
            negative_keys: NegativeCache::new(key_hasher),
            negative_tokens: NegativeCache::new(RandomState::default()),
            announced_keys: Announced::new(&coverage),
            announced_tokens: Announced::new(&coverage),
            coverage,
            telemetry,
        }
    }

    /// Whether the store has no partner with this key, if every change before now was published.
    pub(crate) fn lacks_key(&self, key: &[u8]) -> bool {
        self.coverage.is_complete() && !self.announced_keys.contains(key)
    }

    /// Whether the store has no token with this digest, if every change before now was published.
    pub(crate) fn lacks_token(&self, digest: &[u8]) -> bool {
        self.coverage.is_complete() && !self.announced_tokens.contains(digest)
    }

    /// Caches an absence, unless the answer is outdated. A change marks lookups or announces its key and then
    /// invalidates, so one of the two removes an entry that is not current.
    pub(crate) fn insert_negative(
        &self,
        cache: &NegativeCache,
        key: &[u8],
        at: Timestamp,
        is_current: impl FnOnce() -> bool,
    ) {
        cache.insert(key, at);
        if !is_current() {
            cache.invalidate(key);
        }
    }
}
