use std::sync::Arc;

use dualkey_store::{Change, ChangeListener};

use super::answer::{PartnerAnswer, TokenAnswer};
use super::coverage::Announced;
use super::singleflight::Singleflight;
use super::state::CacheState;

/// What a change of the store reaches: the entries of the cache, and the lookups in flight.
pub(crate) struct ChangeSubscriber {
    pub(crate) state: Arc<CacheState>,
    pub(crate) partner_lookups: Arc<Singleflight<PartnerAnswer>>,
    pub(crate) token_lookups: Arc<Singleflight<TokenAnswer>>,
}

/// Mark lookups as outdated, then invalidate: inserts check the mark under the lock of the entries, so no
/// answer from before the change is cached as fresh. While all entries are read, a change is announced
/// before it invalidates, for the same reason.
impl ChangeListener for ChangeSubscriber {
    fn on_change(&self, change: &Change) {
        let Self { state, partner_lookups, token_lookups } = self;
        match change {
            Change::Partner(key) => {
                let bytes = key.as_str().as_bytes();
                partner_lookups.mark_outdated(bytes);
                self.announce(&state.announced_keys, bytes, || state.partners.invalidate(key));
                state.negative_keys.invalidate(bytes);
            }
            Change::Token(digest) => {
                let bytes = digest.as_bytes();
                token_lookups.mark_outdated(bytes);
                self.announce(&state.announced_tokens, bytes, || state.tokens.invalidate(digest));
                state.negative_tokens.invalidate(bytes);
            }
            _ => {
                state.coverage.lose();
                partner_lookups.mark_all_outdated();
                token_lookups.mark_all_outdated();
                state.partners.invalidate_all();
                state.tokens.invalidate_all();
                state.negative_keys.invalidate_all();
                state.negative_tokens.invalidate_all();
            }
        }
    }
}

impl ChangeSubscriber {
    /// Invalidates an entry, and announces its key where the cache is to be complete and may not hold it.
    fn announce(&self, announced: &Announced, key: &[u8], invalidate: impl FnOnce() -> bool) {
        if self.state.coverage.is_loading() {
            announced.insert(key);
        }
        let is_held = invalidate();
        if self.state.coverage.is_complete() && !is_held {
            announced.insert(key);
        }
    }
}
