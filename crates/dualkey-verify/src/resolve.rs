use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::ApiKey;
use dualkey_token::{PlainToken, TokenDigest};

use crate::cache::{
    CacheLookup, CachedPartner, FailureReservation, FetchedPartner, FetchedToken, HashedKey,
    InFlight, PartnerAnswer, RequestTime, StoreUnavailable, Token, TokenAnswer,
};
use crate::decide::{Bearer, NotGranted, Request};
use crate::{CredentialError, CredentialField, Denial, Grant, Verifier};

/// What the store answered for one request.
#[derive(Default)]
pub(crate) struct StoreLookup {
    partner: Option<Option<FetchedPartner>>,
    token: Option<(Option<FetchedToken>, Option<Arc<FailureReservation>>)>,
}

/// A lookup for which a request waits.
pub(crate) enum PendingLookup {
    Partner(InFlight<PartnerAnswer>),
    Token(InFlight<TokenAnswer>),
}

const INVALID_KEY: Denial = Denial::ApiKeyInvalid { misplaced_token: false };

impl Verifier {
    /// Asks the store for what the cache does not hold, and decides again: at most once for the partner and
    /// once for the token.
    pub(crate) async fn resolve(
        &self,
        request: Request<'_>,
        mut pending: PendingLookup,
    ) -> Result<Grant, Denial> {
        let mut fetched = StoreLookup::default();
        loop {
            match pending {
                PendingLookup::Partner(answer) => fetched.partner = Some(answer.await?),
                PendingLookup::Token(answer) => fetched.token = Some(answer.await?),
            }
            match self.decide(request, &fetched) {
                Ok(grant) => return Ok(grant),
                Err(NotGranted::Denied(denial)) => return Err(denial),
                Err(NotGranted::NeedsStore(next)) => pending = next,
            }
        }
    }

    /// A partner that the cache does not serve. Its key is parsed before the store is asked for it.
    #[cold]
    pub(crate) fn resolve_partner(
        &self,
        key: &HashedKey<'_>,
        lookup: &CacheLookup<CachedPartner<'_>>,
        time: &RequestTime<'_>,
        fetched: &StoreLookup,
    ) -> Result<CachedPartner<'_>, NotGranted> {
        if let Some(fetched) = fetched.partner {
            let partner = fetched.and_then(|fetched| self.cache.fetched_partner(fetched));
            let enabled = partner.filter(|partner| partner.state.is_enabled());
            return enabled.ok_or(NotGranted::Denied(INVALID_KEY));
        }
        if let CacheLookup::Fresh(_) | CacheLookup::NegativeHit = lookup {
            return Err(INVALID_KEY.into());
        }
        if let Ok(misplaced) = PlainToken::parse(self.registry.prefix(), key.key) {
            self.warn_of_misplaced(&misplaced, time);
            return Err(Denial::ApiKeyInvalid { misplaced_token: true }.into());
        }
        let key = ApiKey::parse(key.key).map_err(|_| INVALID_KEY)?;
        let answer = self.cache.look_up_partner(&key, time.now());
        Err(NotGranted::NeedsStore(PendingLookup::Partner(answer)))
    }

    /// A token that the cache does not serve, or that is stored under an older pepper. Its text is parsed
    /// before the store is asked for it.
    #[cold]
    pub(crate) fn resolve_token<'a>(
        &'a self,
        bearer: &Bearer<'_>,
        partner: CachedPartner<'_>,
        time: &RequestTime<'_>,
        fetched: &StoreLookup,
    ) -> Result<Token<'a>, NotGranted> {
        let now = time.now();
        if let Some((token, _reservation)) = &fetched.token {
            let token = token.as_ref().and_then(|token| token.token(now));
            return token.ok_or_else(|| charge_failure(partner, Denial::TokenInvalid, now).into());
        }
        let (mut unknown, mut is_cached) = (Vec::new(), false);
        let text = self.parse_token(bearer, partner, now)?;
        for digest in self.registry.digester().candidates(text) {
            match self.cache.token(&digest, time) {
                CacheLookup::Fresh(token) => return Ok(token),
                CacheLookup::NegativeHit => continue,
                CacheLookup::Stale => is_cached = true,
                CacheLookup::Miss => {}
            }
            unknown.push(digest);
        }
        let pending = self.look_up_token(partner, unknown, is_cached, now)?;
        Err(NotGranted::NeedsStore(PendingLookup::Token(pending)))
    }

    /// The text of the token, if it is well-formed.
    fn parse_token<'a>(
        &self,
        bearer: &Bearer<'a>,
        partner: CachedPartner<'_>,
        now: Timestamp,
    ) -> Result<&'a [u8], Denial> {
        let text = bearer.text.map_err(|error| {
            let denial = match error {
                CredentialError::Missing => Denial::TokenMissing,
                CredentialError::Repeated => Denial::HeaderRepeated(CredentialField::Token),
                CredentialError::Malformed => Denial::TokenInvalid,
            };
            charge_failure(partner, denial, now)
        })?;
        if let Err(error) = PlainToken::parse(self.registry.prefix(), text) {
            let partner_id = partner.entry.id;
            tracing::debug!(partner = %partner_id, kind = %error.kind(), "malformed token");
            return Err(charge_failure(partner, Denial::TokenInvalid, now));
        }
        Ok(text)
    }

    /// A token that is not cached needs the failure allowance, whether the store is asked or is known not
    /// to have it. A stale entry is confirmed without: its token was valid before.
    fn look_up_token(
        &self,
        partner: CachedPartner<'_>,
        unknown: Vec<TokenDigest>,
        is_cached: bool,
        now: Timestamp,
    ) -> Result<InFlight<TokenAnswer>, Denial> {
        if let Some(answer) = self.cache.join_token_lookup(&unknown, now) {
            return Ok(answer);
        }
        let reservation = match self.cache.reserve_failure(partner, now) {
            Ok(reservation) => Some(reservation),
            Err(_) if is_cached => None,
            Err(retry_after) => return Err(Denial::AttemptsExceeded { retry_after }),
        };
        if unknown.is_empty() {
            return Err(charge_failure(partner, Denial::TokenInvalid, now));
        }
        Ok(self.cache.look_up_token(unknown, reservation, now))
    }

    fn warn_of_misplaced(&self, secret: &PlainToken, time: &RequestTime<'_>) {
        let cached_id = |digest| match self.cache.token(&digest, time) {
            CacheLookup::Fresh(token) => Some(tracing::field::display(token.id())),
            _ => None,
        };
        let text = secret.expose_secret().as_bytes();
        let token = self.registry.digester().candidates(text).find_map(cached_id);
        tracing::warn!(token, "an access token was sent in place of a partner key: revoke it");
    }
}

impl From<StoreUnavailable> for Denial {
    fn from(_logged: StoreUnavailable) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(1) }
    }
}

/// Charges a failure to present a valid token to the partner's failure allowance.
#[cold]
fn charge_failure(partner: CachedPartner<'_>, denial: Denial, now: Timestamp) -> Denial {
    partner.entry.charge_failure(partner.policy, now);
    denial
}
