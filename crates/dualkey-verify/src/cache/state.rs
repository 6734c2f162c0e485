use dualkey_limit::Timestamp;
use dualkey_scope::Catalogue;
use dualkey_store::{Change, ChangeListener};

use super::freshness::{ChangeVersion, LookupStart};
use super::negative::NegativeCache;
use super::partners::Partners;
use super::tokens::Tokens;

/// The entries of the cache: what a change of the store invalidates.
pub(crate) struct CacheState {
    pub(crate) partners: Partners,
    pub(crate) tokens: Tokens,
    pub(crate) negative_keys: NegativeCache,
    pub(crate) negative_tokens: NegativeCache,
    pub(crate) version: ChangeVersion,
}

impl CacheState {
    pub(crate) fn new(catalogue: Catalogue, max_tokens: usize, now: Timestamp) -> Self {
        Self {
            partners: Partners::new(),
            tokens: Tokens::new(catalogue, max_tokens, now),
            negative_keys: NegativeCache::new(),
            negative_tokens: NegativeCache::new(),
            version: ChangeVersion::default(),
        }
    }

    /// Caches an absence, unless something changed since the lookup began. A change bumps the version and
    /// then invalidates, so one of the two removes an entry that is not current.
    pub(crate) fn insert_negative(&self, cache: &NegativeCache, key: &[u8], start: LookupStart) {
        cache.insert(key, start.at);
        if !self.version.is_current(start) {
            cache.invalidate(key);
        }
    }
}

/// Bump the version, then invalidate: inserts re-check the version under the same lock.
impl ChangeListener for CacheState {
    fn on_change(&self, change: &Change) {
        self.version.bump();
        match change {
            Change::Partner(key) => {
                self.negative_keys.invalidate(key.as_str().as_bytes());
                self.partners.invalidate(key);
            }
            Change::Token(digest) => {
                self.negative_tokens.invalidate(digest.as_bytes());
                self.tokens.invalidate(digest);
            }
            _ => {
                self.negative_keys.invalidate_all();
                self.negative_tokens.invalidate_all();
                self.partners.invalidate_all();
                self.tokens.invalidate_all();
            }
        }
    }
}
