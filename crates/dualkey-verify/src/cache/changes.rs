use std::sync::Arc;

use dualkey_store::{Change, ChangeListener};

use super::answer::{PartnerAnswer, TokenAnswer};
use super::singleflight::Singleflight;
use super::state::CacheState;

/// What a change of the store reaches: the entries of the cache, and the lookups in flight.
pub(crate) struct ChangeSubscriber {
    pub(crate) state: Arc<CacheState>,
    pub(crate) partner_lookups: Arc<Singleflight<PartnerAnswer>>,
    pub(crate) token_lookups: Arc<Singleflight<TokenAnswer>>,
}

/// Mark lookups as outdated, then invalidate: inserts check the mark under the lock of the entries, so no
/// answer from before the change is cached as fresh.
impl ChangeListener for ChangeSubscriber {
    fn on_change(&self, change: &Change) {
        let Self { state, partner_lookups, token_lookups } = self;
        match change {
            Change::Partner(key) => {
                partner_lookups.mark_outdated(key.as_str().as_bytes());
                state.negative_keys.invalidate(key.as_str().as_bytes());
                state.partners.invalidate(key);
            }
            Change::Token(digest) => {
                token_lookups.mark_outdated(digest.as_bytes());
                state.negative_tokens.invalidate(digest.as_bytes());
                state.tokens.invalidate(digest);
            }
            _ => {
                partner_lookups.mark_all_outdated();
                token_lookups.mark_all_outdated();
                state.negative_keys.invalidate_all();
                state.negative_tokens.invalidate_all();
                state.partners.invalidate_all();
                state.tokens.invalidate_all();
            }
        }
    }
}
