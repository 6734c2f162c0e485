//! What this process holds of partners and tokens.

mod freshness;
mod negative;
mod partner_entry;
mod partners;
mod singleflight;
mod table;
mod tokens;
mod write_behind;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock, LimitState, Timestamp};
use dualkey_scope::Catalogue;
use dualkey_store::{ApiKey, Change, ChangeListener, Partner, Store, StoreError};
use dualkey_token::TokenDigest;

use freshness::{ChangeVersion, LookupStart};
use negative::NegativeCache;
use partner_entry::PartnerState;
use partners::Partners;
use singleflight::Singleflight;
use tokens::Tokens;
use write_behind::WriteBehind;

pub(crate) use freshness::{CacheLookup, RequestTime};
pub(crate) use partners::{CachedPartner, HashedKey};
pub(crate) use singleflight::InFlight;
pub(crate) use tokens::{FetchedToken, Token, TokenAccess};

/// Partners by key, tokens by digest, and keys that the store does not have.
///
/// An entry is served for at most `max_staleness` after the store last confirmed it, and not at all once a
/// change to it is published. An answer from before a change serves the requests that began before it, and
/// none after.
pub(crate) struct CredentialCache {
    store: Arc<dyn Store>,
    state: Arc<CacheState>,
    max_staleness: Duration,
    partner_lookups: Arc<Singleflight<PartnerAnswer>>,
    token_lookups: Arc<Singleflight<TokenAnswer>>,
    write_behind: WriteBehind,
}

/// What changes invalidate.
struct CacheState {
    partners: Partners,
    tokens: Tokens,
    negative_keys: NegativeCache,
    negative_tokens: NegativeCache,
    version: ChangeVersion,
}

/// A partner, if the store has it.
pub(crate) type PartnerAnswer = Result<Option<FetchedPartner>, StoreUnavailable>;

/// A token, if the store has it, and the reservation that holds until its failure is charged.
pub(crate) type TokenAnswer =
    Result<(Option<FetchedToken>, Option<Arc<FailureReservation>>), StoreUnavailable>;

/// A partner of the store: its number in the cache, and its state.
#[derive(Clone, Copy)]
pub(crate) struct FetchedPartner {
    number: u32,
    state: PartnerState,
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

impl CredentialCache {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        catalogue: Catalogue,
        max_tokens: usize,
        max_staleness: Duration,
        now: Timestamp,
    ) -> Self {
        let state = Arc::new(CacheState {
            partners: Partners::new(),
            tokens: Tokens::new(catalogue, max_tokens, now),
            negative_keys: NegativeCache::new(),
            negative_tokens: NegativeCache::new(),
            version: ChangeVersion::default(),
        });
        store.changes().subscribe(&state);
        Self {
            store,
            state,
            max_staleness,
            partner_lookups: Singleflight::new(),
            token_lookups: Singleflight::new(),
            write_behind: WriteBehind::default(),
        }
    }

    pub(crate) const fn max_staleness(&self) -> Duration {
        self.max_staleness
    }

    /// The time of a request that begins now.
    #[inline]
    pub(crate) fn request_time<'a>(&self, clock: &'a dyn Clock) -> RequestTime<'a> {
        RequestTime {
            clock,
            now: OnceCell::new(),
            max_staleness: self.max_staleness,
            watermark: self.store.changes().watermark(),
        }
    }

    #[inline]
    pub(crate) fn hash_key<'a>(&self, key: &'a [u8]) -> HashedKey<'a> {
        self.state.partners.hash_key(key)
    }

    /// Whether the partner index is larger than a CPU cache.
    #[inline]
    pub(crate) fn has_large_partner_index(&self) -> bool {
        self.state.partners.exceeds_cpu_cache()
    }

    #[inline]
    pub(crate) fn partner(
        &self,
        key: &HashedKey<'_>,
        time: &RequestTime<'_>,
    ) -> CacheLookup<CachedPartner<'_>> {
        match self.state.partners.get(key) {
            Some(partner) => match partner.state.confirmed_at() {
                Some(at) if time.is_fresh(at) => CacheLookup::Fresh(partner),
                _ => CacheLookup::Stale,
            },
            None if self.state.negative_keys.contains(key.key, time) => CacheLookup::NegativeHit,
            None => CacheLookup::Miss,
        }
    }

    /// The partner that the store described.
    pub(crate) fn fetched_partner(&self, fetched: FetchedPartner) -> Option<CachedPartner<'_>> {
        self.state.partners.with_state(fetched.number, fetched.state)
    }

    #[inline]
    pub(crate) fn prefetch_token(&self, digest: &TokenDigest) {
        self.state.tokens.prefetch(digest);
    }

    #[inline(always)]
    pub(crate) fn token(
        &self,
        digest: &TokenDigest,
        time: &RequestTime<'_>,
    ) -> CacheLookup<Token<'_>> {
        match self.state.tokens.get(digest, time) {
            CacheLookup::Miss if self.state.negative_tokens.contains(digest.as_bytes(), time) => {
                CacheLookup::NegativeHit
            }
            lookup => lookup,
        }
    }

    /// Records that a partner was charged for a use of this token, to be written behind.
    #[inline]
    pub(crate) fn record_use(&self, partner: CachedPartner<'_>, token: &Token<'_>, now: Timestamp) {
        self.write_behind.record_use(&self.state.tokens, partner, token, now);
    }

    /// Writes usage, and the last uses that are due or all of them.
    pub(crate) async fn write_behind(&self, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let (store, state) = (&*self.store, &self.state);
        let usage = self.write_behind.write_usage(store, &state.partners, now).await;
        self.write_behind.write_uses(store, &state.tokens, now, all).await.and(usage)
    }

    /// Reserves a permit of the partner's failure allowance for a token lookup.
    ///
    /// # Errors
    ///
    /// The allowance is used up; the time to wait.
    pub(crate) fn reserve_failure(
        &self,
        partner: CachedPartner<'_>,
        now: Timestamp,
    ) -> Result<FailureReservation, Duration> {
        partner.entry.reserve_failure(partner.policy, now)?;
        Ok(FailureReservation { state: Arc::clone(&self.state), partner: partner.number })
    }

    /// Looks a partner up in the store, together with the requests that wait for the same key.
    pub(crate) fn look_up_partner(
        self: &Arc<Self>,
        key: &ApiKey,
        now: Timestamp,
    ) -> InFlight<PartnerAnswer> {
        let start = self.state.version.start_lookup(now);
        let (cache, owned) = (Arc::clone(self), key.clone());
        let fetch = async move { Ok(cache.fetch_partner(&owned, start).await?) };
        let accepts = |other| self.accepts(other, now);
        self.partner_lookups.join_or_start(key.as_str().as_bytes(), start, accepts, fetch)
    }

    /// The lookup of one of these digests, if it is in flight.
    pub(crate) fn join_token_lookup(
        &self,
        digests: &[TokenDigest],
        now: Timestamp,
    ) -> Option<InFlight<TokenAnswer>> {
        let key = digests.first()?.as_bytes();
        self.token_lookups.join(key, |other| self.accepts(other, now))
    }

    /// Looks a token up in the store, together with the requests that wait for the same one.
    pub(crate) fn look_up_token(
        self: &Arc<Self>,
        digests: Vec<TokenDigest>,
        reservation: Option<FailureReservation>,
        now: Timestamp,
    ) -> InFlight<TokenAnswer> {
        let start = self.state.version.start_lookup(now);
        let cache = Arc::clone(self);
        let key = digests.first().map_or([0; 32], |digest| *digest.as_bytes());
        let fetch = async move {
            let reservation = reservation.map(Arc::new);
            for digest in &digests {
                if let Some(token) = cache.fetch_token(digest, start).await? {
                    return Ok((Some(token), reservation));
                }
            }
            Ok((None, reservation))
        };
        self.token_lookups.join_or_start(&key, start, |other| self.accepts(other, now), fetch)
    }

    /// Whether the answer to a lookup may serve a request that begins now: it began after the last change,
    /// and within `max_staleness`.
    fn accepts(&self, lookup: LookupStart, now: Timestamp) -> bool {
        let age = now.saturating_duration_since(lookup.at);
        self.state.version.is_current(lookup) && age <= self.max_staleness
    }

    async fn fetch_partner(
        &self,
        key: &ApiKey,
        start: LookupStart,
    ) -> Result<Option<FetchedPartner>, StoreError> {
        let state = &self.state;
        let Some(partner) = self.store.partner_by_key(key).await? else {
            state.partners.invalidate(key);
            state.insert_negative(&state.negative_keys, key.as_str().as_bytes(), start);
            return Ok(None);
        };
        let used = self.used_today(&partner, start.at).await?;
        let is_current = || state.version.is_current(start);
        let fetched = state.partners.upsert(&partner, used, start, is_current);
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
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        let fresh = LimitState::default();
        Ok(if used > 0 { fresh.with_used_today(&partner.policy, now, used) } else { fresh })
    }

    async fn fetch_token(
        &self,
        digest: &TokenDigest,
        start: LookupStart,
    ) -> Result<Option<FetchedToken>, StoreError> {
        let state = &self.state;
        // A store may match loosely: only the row with exactly this digest counts.
        let stored = self.store.token_by_digest(digest).await?;
        let Some(stored) = stored.filter(|stored| stored.digest.ct_eq(digest).into()) else {
            state.tokens.remove(digest);
            state.insert_negative(&state.negative_tokens, digest.as_bytes(), start);
            return Ok(None);
        };
        let is_current = || state.version.is_current(start);
        Ok(Some(state.tokens.upsert(stored, start, is_current)))
    }
}

/// A permit of a partner's failure allowance, reserved until this is dropped.
pub(crate) struct FailureReservation {
    state: Arc<CacheState>,
    partner: u32,
}

impl Drop for FailureReservation {
    fn drop(&mut self) {
        if let Some(entry) = self.state.partners.entry(self.partner) {
            entry.release_failure();
        }
    }
}

impl CacheState {
    /// Caches an absence, unless something changed since the lookup began. A change bumps the version and
    /// then invalidates, so one of the two removes an entry that is not current.
    fn insert_negative(&self, cache: &NegativeCache, key: &[u8], start: LookupStart) {
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
