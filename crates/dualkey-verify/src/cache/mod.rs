//! What this process holds of partners and tokens.

mod answer;
mod changes;
mod coverage;
mod fetch;
mod freshness;
mod negative;
mod partner_entry;
mod partners;
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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dualkey_limit::{Clock, LimitPolicy, Meter, Rate, Timestamp};
use dualkey_scope::{Catalogue, ScopeSet};
use dualkey_store::{ApiKey, OrganizationId, Store, StoreError, TokenId};
use dualkey_token::TokenDigest;

use answer::FailureReservation;
use changes::ChangeSubscriber;
use fetch::Fetcher;
use freshness::{LookupStart, is_within};
use singleflight::Singleflight;
use state::CacheState;
use write_behind::WriteBehind;

/// Pending until every change before it began was published.
pub(crate) type CatchUp = Pin<Box<dyn Future<Output = Result<(), StoreUnavailable>> + Send>>;

pub(crate) use answer::{PartnerAnswer, TokenAnswer, TokenLookup};
pub(crate) use fetch::{FetchedPartner, StoreUnavailable, log_store_error};
pub(crate) use freshness::{CacheLookup, RequestTime};
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
    max_staleness: Duration,
    unknown_keys: Meter,
    unknown_key_limit: LimitPolicy,
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
        now: Timestamp,
    ) -> Self {
        let state = Arc::new(CacheState::new(catalogue, limits.max_tokens, now));
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
            max_staleness: limits.max_staleness,
            unknown_keys: Meter::new(),
            unknown_key_limit: limits.unknown_keys,
            is_warm: AtomicBool::new(false),
            warm_up_began_at: AtomicU64::new(0),
            write_behind: WriteBehind::new(outlives_process),
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

    #[inline]
    pub(crate) fn partner(
        &self,
        key: &HashedKey<'_>,
        time: &RequestTime<'_>,
    ) -> CacheLookup<CachedPartner<'_>> {
        match self.fetcher.state.partners.get(key) {
            Some(partner) => Self::freshness_of(partner, time),
            None if self.fetcher.state.negative_keys.contains(key.key, time) => {
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

    #[inline(always)]
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
        let usage = self.write_behind.write_usage(&**store, &state.partners, now).await;
        self.write_behind.write_uses(&**store, &state.tokens, now, all).await.and(usage)
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
        Ok(FailureReservation { state: Arc::clone(&self.fetcher.state), partner: partner.number })
    }

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
            || is_within(watermark, now, self.max_staleness)
    }

    /// Charges the allowance of all callers for a partner key that is not cached.
    ///
    /// # Errors
    ///
    /// The allowance is used up; the time to wait.
    pub(crate) fn charge_unknown_key(&self, now: Timestamp) -> Result<(), Duration> {
        let outcome = self.unknown_keys.take(&self.unknown_key_limit, now, 1);
        outcome.retry_after().map_or(Ok(()), Err)
    }

    /// The lookup of this partner, if it is in flight.
    pub(crate) fn join_partner_lookup(
        &self,
        key: &ApiKey,
        now: Timestamp,
    ) -> Option<InFlight<PartnerAnswer>> {
        let key = key.as_str().as_bytes();
        self.changes.partner_lookups.join(key, |other| self.accepts(other, now))
    }

    /// Looks a partner up in the store, together with the requests that wait for the same key.
    pub(crate) fn look_up_partner(&self, key: &ApiKey, now: Timestamp) -> InFlight<PartnerAnswer> {
        self.write_behind.warn_if_forgotten(now);
        let start = LookupStart::new(now);
        let (fetcher, owned, begun) = (self.fetcher.clone(), key.clone(), start.clone());
        let fetch = async move {
            let partner = fetcher.fetch_partner(&owned, &begun).await?;
            let announced = &fetcher.state.announced_keys;
            announced.remove(owned.as_str().as_bytes(), || begun.is_current());
            Ok(partner)
        };
        let accepts = |other: &LookupStart| self.accepts(other, now);
        self.changes.partner_lookups.join_or_start(
            &[key.as_str().as_bytes()],
            &start,
            accepts,
            fetch,
        )
    }

    /// The lookup of one of these digests, if it is in flight.
    pub(crate) fn join_token_lookup(
        &self,
        digests: &[TokenDigest],
        now: Timestamp,
    ) -> Option<InFlight<TokenAnswer>> {
        let key = digests.first()?.as_bytes();
        self.changes.token_lookups.join(key, |other| self.accepts(other, now))
    }

    /// Looks a token up in the store, together with the requests that wait for the same one.
    pub(crate) fn look_up_token(
        &self,
        digests: &[TokenDigest],
        reservation: Option<FailureReservation>,
        now: Timestamp,
    ) -> InFlight<TokenAnswer> {
        let start = LookupStart::new(now);
        let (fetcher, owned, begun) = (self.fetcher.clone(), digests.to_vec(), start.clone());
        let fetch = async move {
            let mut lookup = TokenLookup { token: None, _reservation: reservation.map(Arc::new) };
            for digest in &owned {
                lookup.token = fetcher.fetch_token(digest, &begun).await?;
                let announced = &fetcher.state.announced_tokens;
                announced.remove(digest.as_bytes(), || begun.is_current());
                if lookup.token.is_some() {
                    break;
                }
            }
            Ok(lookup)
        };
        let keys: Vec<_> = digests.iter().map(|digest| &digest.as_bytes()[..]).collect();
        let accepts = |other: &LookupStart| self.accepts(other, now);
        self.changes.token_lookups.join_or_start(&keys, &start, accepts, fetch)
    }

    /// Whether the answer to a lookup may serve a request that begins now: it began after the last change,
    /// and within `max_staleness`.
    fn accepts(&self, lookup: &LookupStart, now: Timestamp) -> bool {
        lookup.is_current() && is_within(lookup.at, now, self.max_staleness)
    }
}
