//! What this process holds of partners and tokens.

mod answer;
mod changes;
mod fetch;
mod freshness;
mod negative;
mod partner_entry;
mod partners;
mod singleflight;
mod state;
mod table;
mod tokens;
mod write_behind;

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock, Timestamp};
use dualkey_scope::{Catalogue, ScopeSet};
use dualkey_store::{ApiKey, OrganizationId, Store, StoreError};
use dualkey_token::TokenDigest;

use answer::FailureReservation;
use changes::ChangeSubscriber;
use fetch::Fetcher;
use freshness::{LookupStart, is_within};
use singleflight::Singleflight;
use state::CacheState;
use write_behind::WriteBehind;

pub(crate) use answer::{PartnerAnswer, TokenAnswer, TokenLookup};
pub(crate) use fetch::{FetchedPartner, StoreUnavailable, log_store_error};
pub(crate) use freshness::{CacheLookup, RequestTime};
pub(crate) use partners::{CachedPartner, HashedKey};
pub(crate) use singleflight::InFlight;
pub(crate) use table::Key;
pub(crate) use tokens::Token;

/// Partners by key, tokens by digest, and keys that the store does not have.
///
/// An entry is served for at most `max_staleness` after the store last confirmed it, and not at all once a
/// change to it is published. An answer from before a change serves the requests that began before it, and
/// none after.
pub(crate) struct CredentialCache {
    fetcher: Fetcher,
    changes: Arc<ChangeSubscriber>,
    max_staleness: Duration,
    write_behind: WriteBehind,
}

impl CredentialCache {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        catalogue: Catalogue,
        max_tokens: usize,
        max_staleness: Duration,
        now: Timestamp,
    ) -> Self {
        let state = Arc::new(CacheState::new(catalogue, max_tokens, now));
        let changes = Arc::new(ChangeSubscriber {
            state: Arc::clone(&state),
            partner_lookups: Singleflight::new(),
            token_lookups: Singleflight::new(),
        });
        store.changes().subscribe(&changes);
        Self {
            fetcher: Fetcher { store, state },
            changes,
            max_staleness,
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

    /// Looks a partner up in the store, together with the requests that wait for the same key.
    pub(crate) fn look_up_partner(&self, key: &ApiKey, now: Timestamp) -> InFlight<PartnerAnswer> {
        let start = LookupStart::new(now);
        let (fetcher, owned, begun) = (self.fetcher.clone(), key.clone(), start.clone());
        let fetch = async move { Ok(fetcher.fetch_partner(&owned, &begun).await?) };
        let accepts = |other: &LookupStart| self.accepts(other, now);
        self.changes.partner_lookups.join_or_start(
            &[key.as_str().as_bytes()],
            start,
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
        digests: Vec<TokenDigest>,
        reservation: Option<FailureReservation>,
        now: Timestamp,
    ) -> InFlight<TokenAnswer> {
        let start = LookupStart::new(now);
        let (fetcher, owned, begun) = (self.fetcher.clone(), digests.clone(), start.clone());
        let fetch = async move {
            let mut lookup = TokenLookup { token: None, _reservation: reservation.map(Arc::new) };
            for digest in &owned {
                lookup.token = fetcher.fetch_token(digest, &begun).await?;
                if lookup.token.is_some() {
                    break;
                }
            }
            Ok(lookup)
        };
        let keys: Vec<_> = digests.iter().map(|digest| &digest.as_bytes()[..]).collect();
        let accepts = |other: &LookupStart| self.accepts(other, now);
        self.changes.token_lookups.join_or_start(&keys, start, accepts, fetch)
    }

    /// Whether the answer to a lookup may serve a request that begins now: it began after the last change,
    /// and within `max_staleness`.
    fn accepts(&self, lookup: &LookupStart, now: Timestamp) -> bool {
        lookup.is_current() && is_within(lookup.at, now, self.max_staleness)
    }
}
