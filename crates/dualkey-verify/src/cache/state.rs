use dualkey_limit::Timestamp;
use dualkey_scope::Catalogue;

use super::freshness::LookupStart;
use super::negative::NegativeCache;
use super::partners::Partners;
use super::tokens::Tokens;

/// The entries of the cache.
pub(crate) struct CacheState {
    pub(crate) partners: Partners,
    pub(crate) tokens: Tokens,
    pub(crate) negative_keys: NegativeCache,
    pub(crate) negative_tokens: NegativeCache,
}

impl CacheState {
    pub(crate) fn new(catalogue: Catalogue, max_tokens: usize, now: Timestamp) -> Self {
        Self {
            partners: Partners::new(),
            tokens: Tokens::new(catalogue, max_tokens, now),
            negative_keys: NegativeCache::new(),
            negative_tokens: NegativeCache::new(),
        }
    }

    /// Caches an absence, unless the answer is outdated. A change marks lookups and then invalidates, so one
    /// of the two removes an entry that is not current.
    pub(crate) fn insert_negative(&self, cache: &NegativeCache, key: &[u8], start: &LookupStart) {
        cache.insert(key, start.at);
        if !start.is_current() {
            cache.invalidate(key);
        }
    }
}
