use std::fmt;
use std::task::{Poll, ready};
use std::time::Duration;

use dualkey_limit::Timestamp;
use dualkey_store::{ApiKey, OrganizationId, Registry};
use dualkey_token::{PlainToken, TokenDigest};

use crate::cache::{
    CacheLookup, CachedPartner, CatchUp, CredentialCache, FetchedPartner, HashedKey, InFlight,
    PartnerAnswer, RequestTime, StoreUnavailable, Token, TokenAnswer, TokenLookup,
};
use crate::credentials::CredentialError;
use crate::decision::{CredentialField, Denial};

/// What a request presents as its token.
pub(crate) struct Bearer<'a> {
    pub(crate) text: Result<&'a [u8], CredentialError>,
    /// The digest under the newest pepper, if the text is as long as a token.
    pub(crate) digest: Option<TokenDigest>,
}

/// A lookup for which a request waits.
enum PendingLookup {
    Partner(InFlight<PartnerAnswer>),
    Token(InFlight<TokenAnswer>),
    /// All changes before this time are to be published.
    CatchUp(Timestamp, CatchUp),
}

/// What one request asks the store, and what the store answered: see
/// [`Verifier::try_verify`](crate::Verifier::try_verify).
#[derive(Default)]
pub struct StoreLookup {
    pending: Option<PendingLookup>,
    partner: Option<Option<FetchedPartner>>,
    /// Boxed, since most decisions are made without it.
    token: Option<Box<TokenLookup>>,
    /// All changes before this time were published, or the store did not answer.
    caught_up: Option<Result<Timestamp, StoreUnavailable>>,
}

const INVALID_KEY: Denial = Denial::ApiKeyInvalid { misplaced_token: false };

impl StoreLookup {
    /// Waits for the pending answer, which is then used instead of the cache.
    pub(crate) async fn wait(&mut self) -> Result<(), Denial> {
        match self.pending.take() {
            Some(PendingLookup::Partner(answer)) => self.partner = Some(answer.await?),
            Some(PendingLookup::Token(answer)) => self.token = Some(Box::new(answer.await?)),
            Some(PendingLookup::CatchUp(at, caught_up)) => {
                self.caught_up = Some(caught_up.await.map(|()| at));
            }
            None => {}
        }
        Ok(())
    }

    /// Where the cache is complete, it lacks what the store lacked at this time, which is after the request
    /// began. `None`: the store does not catch up, so it has to be asked for each entry. Pending: it has
    /// begun to catch up.
    fn absent_since(&mut self, cache: &CredentialCache, now: Timestamp) -> Poll<Option<Timestamp>> {
        match self.caught_up {
            Some(caught_up) => Poll::Ready(caught_up.ok()),
            None => {
                self.pending = Some(PendingLookup::CatchUp(now, cache.catch_up()));
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for StoreLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreLookup").finish_non_exhaustive()
    }
}

/// A partner that the cache does not serve. Its key is parsed before the store is asked for it. Pending: the
/// lookup has begun.
#[cold]
pub(crate) fn resolve_partner<'a>(
    registry: &Registry,
    cache: &'a CredentialCache,
    key: &HashedKey<'_>,
    lookup: &CacheLookup<CachedPartner<'_>>,
    time: &RequestTime<'_>,
    store: &mut StoreLookup,
) -> Poll<Result<CachedPartner<'a>, Denial>> {
    if let Some(fetched) = store.partner {
        let partner = fetched.and_then(|fetched| cache.fetched_partner(fetched));
        let enabled = partner.filter(|partner| partner.state.is_enabled());
        return Poll::Ready(enabled.ok_or(INVALID_KEY));
    }
    if let CacheLookup::Fresh(_) | CacheLookup::NegativeHit = lookup {
        return Poll::Ready(Err(INVALID_KEY));
    }
    if let Ok(misplaced) = PlainToken::parse(registry.prefix(), key.key) {
        warn_of_misplaced(registry, cache, &misplaced, time);
        return Poll::Ready(Err(Denial::ApiKeyInvalid { misplaced_token: true }));
    }
    let (key, now) = (ApiKey::parse(key.key).map_err(|_| INVALID_KEY)?, time.now());
    let is_unknown = matches!(lookup, CacheLookup::Miss);
    if is_unknown
        && cache.lacks_key(&key)
        && let Some(at) = ready!(store.absent_since(cache, now))
    {
        cache.insert_absent_key(&key, at);
        return Poll::Ready(Err(INVALID_KEY));
    }
    let answer = look_up_partner(cache, &key, is_unknown, now)?;
    store.pending = Some(PendingLookup::Partner(answer));
    Poll::Pending
}

/// A partner that is not cached needs the allowance for unknown keys, unless a change announced its key.
fn look_up_partner(
    cache: &CredentialCache,
    key: &ApiKey,
    is_unknown: bool,
    now: Timestamp,
) -> Result<InFlight<PartnerAnswer>, Denial> {
    if let Some(answer) = cache.join_partner_lookup(key, now) {
        return Ok(answer);
    }
    if is_unknown && !cache.is_announced_key(key) {
        cache
            .charge_unknown_key(now)
            .map_err(|retry_after| Denial::AttemptsExceeded { retry_after })?;
    }
    Ok(cache.look_up_partner(key, now))
}

/// A token and its organization, where the organization's name is long, the cache does not serve the token,
/// or the token is stored under an older pepper. The token's text is parsed before the store is asked for
/// it. Pending: the lookup has begun.
#[cold]
pub(crate) fn resolve_token<'a>(
    registry: &Registry,
    cache: &'a CredentialCache,
    bearer: &Bearer<'_>,
    partner: CachedPartner<'_>,
    time: &RequestTime<'_>,
    store: &mut StoreLookup,
) -> Poll<Result<(Token<'a>, OrganizationId), Denial>> {
    let now = time.now();
    if let Some(lookup) = &store.token {
        let token = lookup.token.as_ref().and_then(|token| token.valid_at(now));
        let token = token.ok_or_else(|| charge_failure(partner, Denial::TokenInvalid, now));
        return Poll::Ready(token);
    }
    let (mut unknown, mut is_known) = (Vec::new(), false);
    let text = parse_token(registry, bearer, partner, now)?;
    for digest in registry.digester().candidates(text) {
        match cache.token(&digest, time) {
            CacheLookup::Fresh(token) => match cache.organization(&token) {
                Some(organization) => return Poll::Ready(Ok((token, organization))),
                None => is_known = true,
            },
            CacheLookup::NegativeHit => continue,
            CacheLookup::Stale => is_known = true,
            CacheLookup::Miss => is_known |= cache.is_announced_token(&digest),
        }
        unknown.push(digest);
    }
    if !is_known
        && !unknown.is_empty()
        && cache.lacks_tokens(&unknown)
        && let Some(at) = ready!(store.absent_since(cache, now))
    {
        cache.insert_absent_tokens(&unknown, at);
        unknown.clear();
    }
    let answer = look_up_token(cache, partner, &unknown, is_known, now)?;
    store.pending = Some(PendingLookup::Token(answer));
    Poll::Pending
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
/// have it. One that is stale, or that a change announced, is looked up without: the store had it.
fn look_up_token(
    cache: &CredentialCache,
    partner: CachedPartner<'_>,
    unknown: &[TokenDigest],
    is_known: bool,
    now: Timestamp,
) -> Result<InFlight<TokenAnswer>, Denial> {
    if let Some(answer) = cache.join_token_lookup(unknown, now) {
        return Ok(answer);
    }
    let reservation = match cache.reserve_failure(partner, now) {
        Ok(reservation) => Some(reservation),
        Err(_) if is_known => None,
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

impl From<StoreUnavailable> for Denial {
    fn from(_logged: StoreUnavailable) -> Self {
        Self::Unavailable { retry_after: Duration::from_secs(1) }
    }
}
