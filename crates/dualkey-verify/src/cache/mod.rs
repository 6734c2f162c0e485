//! What this process holds of partners and tokens.

mod answer;
mod changes;
mod completeness;
mod coverage;
mod fetch;
mod freshness;
mod negative;
mod partner_entry;
mod partners;
mod queries;
mod report;
mod singleflight;
mod state;
mod table;
mod tokens;
mod warm_up;
mod write_behind;

use std::cell::OnceCell;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use dualkey_limit::{Clock, LimitPolicy, Meter, Rate, Standing, Timestamp};
use dualkey_scope::{Catalogue, ScopeSet};
use dualkey_shared::SharedLimiter;
use dualkey_store::{ApiKey, OrganizationId, Store, StoreError, TokenId};
use dualkey_token::TokenDigest;

use changes::ChangeSubscriber;
use fetch::Fetcher;
use singleflight::Singleflight;
use state::CacheState;
use write_behind::WriteBehind;

use crate::telemetry::Telemetry;

/// Pending until every change before it began was published.
pub(crate) type CatchUp = Pin<Box<dyn Future<Output = Result<(), StoreUnavailable>> + Send>>;

pub(crate) use answer::{PartnerAnswer, TokenAnswer, TokenLookup};
pub(crate) use fetch::{FetchedPartner, StoreUnavailable, log_store_error};
pub(crate) use freshness::{CacheLookup, RequestTime};
pub(crate) use partner_entry::to_charge;
pub(crate) use partners::{CachedPartner, HashedKey};
pub(crate) use singleflight::InFlight;
pub(crate) use table::Key;
pub(crate) use tokens::{FetchedToken, Token};

/// Partners by key, tokens by digest, and keys that the store does not have.
///
/// An entry is served for at most `max_staleness` after the store last confirmed it, and not at all once a
/// change to it is published. An answer from before a change serves the requests that began before it, and
/// none after.
pub(crate) struct CredentialCache {
    fetcher: Fetcher,
    changes: Arc<ChangeSubscriber>,
    limits: CacheLimits,
    unknown_keys: Meter,
    is_warm: AtomicBool,
    /// In nanoseconds since the epoch.
    warm_up_began_at: AtomicU64,
    write_behind: WriteBehind,
}

/// What a cache is bounded by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheLimits {
    pub(crate) max_tokens: usize,
    pub(crate) max_staleness: Duration,
    /// How often partner keys that are not cached are looked up, for all callers together.
    pub(crate) unknown_keys: LimitPolicy,
}

impl Default for CacheLimits {
    fn default() -> Self {
        let rate = Rate::per_second(const { NonZeroU32::new(100).unwrap() });
        let unknown_keys = LimitPolicy::new(rate, const { NonZeroU32::new(200).unwrap() });
        Self { max_tokens: 1_000_000, max_staleness: Duration::from_secs(5), unknown_keys }
    }
}

impl CredentialCache {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        catalogue: Catalogue,
        limits: CacheLimits,
        telemetry: Telemetry,
        limiter: Option<SharedLimiter>,
        now: Timestamp,
    ) -> Self {
        let state =
            Arc::new(CacheState::new(catalogue, limits.max_tokens, telemetry, limiter, now));
        let changes = Arc::new(ChangeSubscriber {
            state: Arc::clone(&state),
            partner_lookups: Singleflight::new(),
            token_lookups: Singleflight::new(),
        });
        store.changes().subscribe(&changes);
        // A store that is always current is in this process.
        let outlives_process = store.changes().watermark() < Timestamp::MAX;
        Self {
            fetcher: Fetcher { store, state },
            changes,
            limits,
            unknown_keys: Meter::new(),
            is_warm: AtomicBool::new(false),
            warm_up_began_at: AtomicU64::new(0),
            write_behind: WriteBehind::new(outlives_process),
        }
    }

    pub(crate) const fn max_staleness(&self) -> Duration {
        self.limits.max_staleness
    }

    /// The time of a request that begins now.
    #[inline]
    pub(crate) fn request_time<'a>(&self, clock: &'a dyn Clock) -> RequestTime<'a> {
        RequestTime {
            clock,
            now: OnceCell::new(),
            max_staleness: self.limits.max_staleness,
            watermark: self.fetcher.store.changes().watermark(),
        }
    }

    #[inline]
    pub(crate) fn hash_key<'a>(&self, key: &'a [u8]) -> HashedKey<'a> {
        self.fetcher.state.partners.hash_key(key)
    }

    /// Whether the partner index is larger than a CPU cache.
    #[inline]
    pub(crate) fn has_large_partner_index(&self) -> bool {
        self.fetcher.state.partners.exceeds_cpu_cache()
    }

    #[inline(always)]
    pub(crate) fn partner(
        &self,
        key: &HashedKey<'_>,
        time: &RequestTime<'_>,
    ) -> CacheLookup<CachedPartner<'_>> {
        match self.fetcher.state.partners.get(key) {
            Some(partner) => Self::freshness_of(partner, time),
            None if self.fetcher.state.negative_keys.contains_hash(key.hash, time) => {
                CacheLookup::NegativeHit
            }
            None => CacheLookup::Miss,
        }
    }

    #[inline]
    fn freshness_of<'a>(
        partner: CachedPartner<'a>,
        time: &RequestTime<'_>,
    ) -> CacheLookup<CachedPartner<'a>> {
        match partner.state.confirmed_at() {
            Some(at) if time.is_fresh(at) => CacheLookup::Fresh(partner),
            _ => CacheLookup::Stale,
        }
    }

    /// The partner that the store described.
    pub(crate) fn fetched_partner(&self, fetched: FetchedPartner) -> Option<CachedPartner<'_>> {
        self.fetcher.state.partners.with_state(fetched.number, fetched.state)
    }

    #[inline]
    pub(crate) fn prefetch_token(&self, digest: &TokenDigest) {
        self.fetcher.state.tokens.prefetch(digest);
    }

    /// The token, if its entry is all that a decision needs.
    #[inline(always)]
    pub(crate) fn fresh_token(
        &self,
        digest: &TokenDigest,
        time: &RequestTime<'_>,
    ) -> Option<Token<'_>> {
        match self.fetcher.state.tokens.get(digest, time) {
            CacheLookup::Fresh(token) if token.has_short_organization() => Some(token),
            _ => None,
        }
    }

    pub(crate) fn token(
        &self,
        digest: &TokenDigest,
        time: &RequestTime<'_>,
    ) -> CacheLookup<Token<'_>> {
        match self.fetcher.state.tokens.get(digest, time) {
            CacheLookup::Miss
                if self.fetcher.state.negative_tokens.contains(digest.as_bytes(), time) =>
            {
                CacheLookup::NegativeHit
            }
            lookup => lookup,
        }
    }

    /// The id of a token that is a negative hit, if it is held: then it has expired.
    pub(crate) fn expired_token(&self, digest: &TokenDigest) -> Option<TokenId> {
        self.fetcher.state.tokens.id_of(digest)
    }

    /// The organization of a token; none if the token may have changed since it was looked up.
    pub(crate) fn organization(&self, token: &Token<'_>) -> Option<OrganizationId> {
        self.fetcher.state.tokens.organization(token)
    }

    /// What is left of the limits of the partner with this key; none if this process holds no such partner.
    pub(crate) fn standing(&self, api_key: &ApiKey, now: Timestamp) -> Option<Standing> {
        let partners = &self.fetcher.state.partners;
        let partner = partners.get(&partners.hash_key(api_key.as_str().as_bytes()))?;
        Some(partner.entry.standing(partner.policy, now))
    }

    /// The partner of this number.
    pub(crate) fn partner_by_number(
        &self,
        number: u32,
        time: &RequestTime<'_>,
    ) -> CacheLookup<CachedPartner<'_>> {
        match self.fetcher.state.partners.by_number(number) {
            Some(partner) => Self::freshness_of(partner, time),
            None => CacheLookup::Miss,
        }
    }

    /// The token with this key in the table.
    pub(crate) fn token_by_key(&self, key: Key, time: &RequestTime<'_>) -> CacheLookup<Token<'_>> {
        self.fetcher.state.tokens.get_by_key(key, time)
    }

    /// The scopes of a token.
    #[inline]
    pub(crate) fn scopes(&self, token: &Token<'_>) -> ScopeSet {
        self.fetcher.state.tokens.scopes(token)
    }

    /// Records that a partner was charged for a use of this token, to be written behind.
    #[inline]
    pub(crate) fn record_use(&self, partner: CachedPartner<'_>, token: &Token<'_>, now: Timestamp) {
        self.write_behind.record_use(&self.fetcher.state.tokens, partner, token, now);
    }

    /// Writes usage, and the last uses that are due or all of them.
    pub(crate) async fn write_behind(&self, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let Fetcher { store, state } = &self.fetcher;
        let is_needed = self.write_behind.pending() > 0;
        let usage = self.write_behind.write_usage(&**store, &state.partners, now).await;
        let uses =
            self.write_behind.write_uses(&**store, &state.partners, &state.tokens, now, all).await;
        let written = uses.and(usage);
        if written.is_err() {
            state.telemetry.write_failed();
        }
        if written.is_err() || is_needed {
            state.telemetry.store_answered(written.is_ok(), now);
        }
        written
    }
}
