use std::sync::Arc;

use dualkey_limit::{LimitState, Timestamp};
use dualkey_store::{ApiKey, Partner, Store, StoreError};
use dualkey_token::TokenDigest;

use super::freshness::LookupStart;
use super::partner_entry::PartnerState;
use super::state::CacheState;
use super::tokens::FetchedToken;

/// Asks the store, and caches what it answers.
#[derive(Clone)]
pub(crate) struct Fetcher {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) state: Arc<CacheState>,
}

/// A partner of the store: its number in the cache, and its state.
#[derive(Clone, Copy)]
pub(crate) struct FetchedPartner {
    pub(crate) number: u32,
    pub(crate) state: PartnerState,
}

/// The store did not answer. The error is logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreUnavailable;

impl From<StoreError> for StoreUnavailable {
    fn from(error: StoreError) -> Self {
        log_store_error(&error);
        Self
    }
}

pub(crate) fn log_store_error(error: &StoreError) {
    let cause = std::error::Error::source(error).map(tracing::field::display);
    tracing::error!(cause, "{error}");
}

impl Fetcher {
    /// The answer to a lookup that begins at this time. Whether the store answered is counted.
    pub(crate) async fn noted<T>(
        &self,
        at: Timestamp,
        lookup: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = lookup.await;
        self.state.telemetry.store_answered(answer.is_ok(), at);
        answer
    }

    pub(crate) async fn fetch_partner(
        &self,
        key: &ApiKey,
        start: &LookupStart,
    ) -> Result<Option<FetchedPartner>, StoreError> {
        let state = &self.state;
        let Some(partner) = self.store.partner_by_key(key).await? else {
            state.partners.invalidate(key);
            let key = key.as_str().as_bytes();
            state.insert_negative(&state.negative_keys, key, start.at, || start.is_current());
            return Ok(None);
        };
        let used = self.used_today(&partner, start.at).await?;
        let is_current = || start.is_current();
        let fetched = state.partners.upsert(&partner, used, start.at, is_current);
        let (number, state) =
            fetched.ok_or_else(|| StoreError::new("too many partners to limit"))?;
        Ok(Some(FetchedPartner { number, state }))
    }

    /// A partner that is not cached yet starts with what it used today: a restart is no fresh day.
    async fn used_today(
        &self,
        partner: &Partner,
        now: Timestamp,
    ) -> Result<LimitState, StoreError> {
        let partners = &self.state.partners;
        if partners.get(&partners.hash_key(partner.api_key.as_str().as_bytes())).is_some() {
            return Ok(LimitState::default());
        }
        let used = self.store.usage(partner.id, partner.policy.day(now)).await?;
        let fresh = LimitState::default();
        Ok(if used > 0 { fresh.with_used_today(&partner.policy, now, used) } else { fresh })
    }

    pub(crate) async fn fetch_token(
        &self,
        digest: &TokenDigest,
        start: &LookupStart,
    ) -> Result<Option<FetchedToken>, StoreError> {
        let state = &self.state;
        // A store may match loosely: only the row with exactly this digest counts.
        let stored = self.store.token_by_digest(digest).await?;
        let Some(stored) = stored.filter(|stored| stored.digest.ct_eq(digest).into()) else {
            state.tokens.remove(digest);
            let digest = digest.as_bytes();
            state.insert_negative(&state.negative_tokens, digest, start.at, || start.is_current());
            return Ok(None);
        };
        let is_current = || start.is_current();
        Ok(Some(state.tokens.upsert(stored.into(), start.at, is_current)))
    }
}
