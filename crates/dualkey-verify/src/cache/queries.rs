//! Lookups in the store, and the allowances that they need.

use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::ApiKey;
use dualkey_token::TokenDigest;

use super::CredentialCache;
use super::answer::{FailureReservation, PartnerAnswer, TokenAnswer, TokenLookup};
use super::freshness::{LookupStart, is_within};
use super::partners::CachedPartner;
use super::singleflight::InFlight;

impl CredentialCache {
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

    /// Charges the allowance of all callers for a partner key that is not cached.
    ///
    /// # Errors
    ///
    /// The allowance is used up; the time to wait.
    pub(crate) fn charge_unknown_key(&self, now: Timestamp) -> Result<(), Duration> {
        let outcome = self.unknown_keys.take(&self.limits.unknown_keys, now, 1);
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
            let partner = fetcher.noted(begun.at, fetcher.fetch_partner(&owned, &begun)).await?;
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
                lookup.token = fetcher.noted(begun.at, fetcher.fetch_token(digest, &begun)).await?;
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
        lookup.is_current() && is_within(lookup.at, now, self.limits.max_staleness)
    }
}
