use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{ApiKey, Registry};
use dualkey_token::{PlainToken, TokenDigest};

use crate::cache::{
    CacheLookup, CachedPartner, CredentialCache, FailureReservation, FetchedPartner, FetchedToken,
    HashedKey, InFlight, PartnerAnswer, RequestTime, StoreUnavailable, Token, TokenAnswer,
};
use crate::credentials::CredentialError;
use crate::decision::{CredentialField, Denial};

/// What a request presents as its token.
pub(crate) struct Bearer<'a> {
    pub(crate) text: Result<&'a [u8], CredentialError>,
    /// The digest under the newest pepper, if the text is as long as a token.
    pub(crate) digest: Option<TokenDigest>,
}

/// Why a request is not granted, yet or at all.
pub(crate) enum NotGranted {
    Denied(Denial),
    /// The store has to be asked; nothing is charged.
    NeedsStore(PendingLookup),
}

/// A lookup for which a request waits.
pub(crate) enum PendingLookup {
    Partner(InFlight<PartnerAnswer>),
    Token(InFlight<TokenAnswer>),
}

/// What the store answered for one request.
#[derive(Default)]
pub(crate) struct StoreLookup {
    partner: Option<Option<FetchedPartner>>,
    token: Option<(Option<FetchedToken>, Option<Arc<FailureReservation>>)>,
}

const INVALID_KEY: Denial = Denial::ApiKeyInvalid { misplaced_token: false };

impl StoreLookup {
    /// Waits for an answer, which is then used instead of the cache.
    pub(crate) async fn await_answer(&mut self, pending: PendingLookup) -> Result<(), Denial> {
        match pending {
            PendingLookup::Partner(answer) => self.partner = Some(answer.await?),
            PendingLookup::Token(answer) => self.token = Some(answer.await?),
        }
        Ok(())
    }
}

/// A partner that the cache does not serve. Its key is parsed before the store is asked for it.
#[cold]
pub(crate) fn resolve_partner<'a>(
    registry: &Registry,
    cache: &'a CredentialCache,
    key: &HashedKey<'_>,
    lookup: &CacheLookup<CachedPartner<'_>>,
    time: &RequestTime<'_>,
    fetched: &StoreLookup,
) -> Result<CachedPartner<'a>, NotGranted> {
    if let Some(fetched) = fetched.partner {
        let partner = fetched.and_then(|fetched| cache.fetched_partner(fetched));
        let enabled = partner.filter(|partner| partner.state.is_enabled());
        return enabled.ok_or(NotGranted::Denied(INVALID_KEY));
    }
    if let CacheLookup::Fresh(_) | CacheLookup::NegativeHit = lookup {
        return Err(INVALID_KEY.into());
    }
    if let Ok(misplaced) = PlainToken::parse(registry.prefix(), key.key) {
        warn_of_misplaced(registry, cache, &misplaced, time);
        return Err(Denial::ApiKeyInvalid { misplaced_token: true }.into());
    }
    let key = ApiKey::parse(key.key).map_err(|_| INVALID_KEY)?;
    Err(NotGranted::NeedsStore(PendingLookup::Partner(cache.look_up_partner(&key, time.now()))))
}

/// A token that the cache does not serve, or that is stored under an older pepper. Its text is parsed before
/// the store is asked for it.
#[cold]
pub(crate) fn resolve_token<'a>(
    registry: &Registry,
    cache: &'a CredentialCache,
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
    let text = parse_token(registry, bearer, partner, now)?;
    for digest in registry.digester().candidates(text) {
        match cache.token(&digest, time) {
            CacheLookup::Fresh(token) => return Ok(token),
            CacheLookup::NegativeHit => continue,
            CacheLookup::Stale => is_cached = true,
            CacheLookup::Miss => {}
        }
        unknown.push(digest);
    }
    let answer = look_up_token(cache, partner, unknown, is_cached, now)?;
    Err(NotGranted::NeedsStore(PendingLookup::Token(answer)))
}

/// The text of the token, if it is well-formed.
fn parse_token<'a>(
    registry: &Registry,
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
    if let Err(error) = PlainToken::parse(registry.prefix(), text) {
        tracing::debug!(partner = %partner.entry.id, kind = %error.kind(), "malformed token");
        return Err(charge_failure(partner, Denial::TokenInvalid, now));
    }
    Ok(text)
}

/// A token that is not cached needs the failure allowance, whether the store is asked or is known not to
/// have it. A stale entry is confirmed without: its token was valid before.
fn look_up_token(
    cache: &CredentialCache,
    partner: CachedPartner<'_>,
    unknown: Vec<TokenDigest>,
    is_cached: bool,
    now: Timestamp,
) -> Result<InFlight<TokenAnswer>, Denial> {
    if let Some(answer) = cache.join_token_lookup(&unknown, now) {
        return Ok(answer);
    }
    let reservation = match cache.reserve_failure(partner, now) {
        Ok(reservation) => Some(reservation),
        Err(_) if is_cached => None,
        Err(retry_after) => return Err(Denial::AttemptsExceeded { retry_after }),
    };
    if unknown.is_empty() {
        return Err(charge_failure(partner, Denial::TokenInvalid, now));
    }
    Ok(cache.look_up_token(unknown, reservation, now))
}

/// Charges a failure to present a valid token to the partner's failure allowance.
#[cold]
fn charge_failure(partner: CachedPartner<'_>, denial: Denial, now: Timestamp) -> Denial {
    partner.entry.charge_failure(partner.policy, now);
    denial
}

fn warn_of_misplaced(
    registry: &Registry,
    cache: &CredentialCache,
    secret: &PlainToken,
    time: &RequestTime<'_>,
) {
    let cached_id = |digest| match cache.token(&digest, time) {
        CacheLookup::Fresh(token) => Some(tracing::field::display(token.id())),
        _ => None,
    };
    let text = secret.expose_secret().as_bytes();
    let token = registry.digester().candidates(text).find_map(cached_id);
    tracing::warn!(token, "an access token was sent in place of a partner key: revoke it");
}

impl From<Denial> for NotGranted {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<StoreUnavailable> for Denial {
    fn from(_logged: StoreUnavailable) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(1) }
    }
}
