use std::fmt;
use std::task::{Poll, ready};
use std::time::Duration;

use dualkey_limit::{Outcome, Timestamp};
use dualkey_shared::{Away, PendingTake};
use dualkey_store::{ApiKey, OrganizationId, PartnerId, Registry, TokenId};
use dualkey_token::{PlainToken, TokenDigest};

use crate::cache::{
    CacheLookup, CachedPartner, CatchUp, CredentialCache, FetchedPartner, FetchedToken, HashedKey,
    InFlight, PartnerAnswer, RequestTime, StoreUnavailable, Token, TokenAnswer, TokenLookup,
};
use crate::credentials::CredentialError;
use crate::decision::{CredentialField, Denial};
use crate::refusal::Reason;
use crate::telemetry::{Found, Trace};

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
    /// The decision of the shared limits.
    Limits(PendingTake),
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
    /// The decision of the shared limits, which is used once.
    pub(crate) taken: Option<Result<Outcome, Away>>,
    pub(crate) trace: Trace,
}

const UNKNOWN_KEY: Reason<'_> = Reason::new("unknown partner key");
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
            Some(PendingLookup::Limits(pending)) => self.taken = Some(pending.await),
            None => {}
        }
        Ok(())
    }

    /// The decision waits for the shared limits.
    pub(crate) fn await_limits<T>(&mut self, pending: PendingTake) -> Poll<T> {
        self.pending = Some(PendingLookup::Limits(pending));
        Poll::Pending
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
        let partner = partner.ok_or_else(|| UNKNOWN_KEY.refuse(INVALID_KEY));
        return Poll::Ready(partner.and_then(enabled));
    }
    match lookup {
        CacheLookup::Fresh(partner) => {
            return Poll::Ready(Err(disabled(partner.entry.id)));
        }
        CacheLookup::NegativeHit => return Poll::Ready(Err(UNKNOWN_KEY.refuse(INVALID_KEY))),
        CacheLookup::Stale | CacheLookup::Miss => {}
    }
    if let Ok(misplaced) = PlainToken::parse(registry.prefix(), key.key) {
        warn_of_misplaced(registry, cache, &misplaced, time);
        let denial = Denial::ApiKeyInvalid { misplaced_token: true };
        return Poll::Ready(Err(Reason::new("an access token as partner key").refuse(denial)));
    }
    let key = ApiKey::parse(key.key);
    let key = key.map_err(|_| Reason::new("malformed partner key").refuse(INVALID_KEY))?;
    let now = time.now();
    let is_unknown = matches!(lookup, CacheLookup::Miss);
    if is_unknown
        && cache.lacks_key(&key)
        && let Some(at) = ready!(store.absent_since(cache, now))
    {
        cache.insert_absent_key(&key, at);
        return Poll::Ready(Err(UNKNOWN_KEY.refuse(INVALID_KEY)));
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
        cache.charge_unknown_key(now).map_err(|retry_after| {
            let reason = Reason::new("unknown partner key, beyond the allowance for all");
            reason.refuse(Denial::AttemptsExceeded { retry_after })
        })?;
    }
    Ok(cache.look_up_partner(key, now))
}

fn enabled(partner: CachedPartner<'_>) -> Result<CachedPartner<'_>, Denial> {
    if partner.state.is_enabled() { Ok(partner) } else { Err(disabled(partner.entry.id)) }
}

fn disabled(partner: PartnerId) -> Denial {
    Reason::of_partner("disabled partner", partner).refuse(INVALID_KEY)
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
        let expired = lookup.token.as_ref().map(FetchedToken::id);
        return Poll::Ready(token.ok_or_else(|| charge_invalid_token(partner, expired, now)));
    }
    let (mut unknown, mut is_known, mut expired) = (Vec::new(), false, None);
    let mut found = Found::NotLookedUp;
    let text = parse_token(registry, bearer, partner, now)?;
    for digest in registry.digester().candidates(text) {
        let lookup = cache.token(&digest, time);
        found = found.max(lookup.found());
        match lookup {
            CacheLookup::Fresh(token) => match cache.organization(&token) {
                Some(organization) => {
                    store.trace.found_token(found);
                    return Poll::Ready(Ok((token, organization)));
                }
                None => is_known = true,
            },
            CacheLookup::NegativeHit => {
                expired = expired.or(cache.expired_token(&digest));
                continue;
            }
            CacheLookup::Stale => is_known = true,
            CacheLookup::Miss => is_known |= cache.is_announced_token(&digest),
        }
        unknown.push(digest);
    }
    store.trace.found_token(found);
    if !is_known
        && !unknown.is_empty()
        && cache.lacks_tokens(&unknown)
        && let Some(at) = ready!(store.absent_since(cache, now))
    {
        cache.insert_absent_tokens(&unknown, at);
        unknown.clear();
    }
    let answer = look_up_token(cache, partner, &unknown, is_known, expired, now)?;
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
        let (denial, reason) = match error {
            CredentialError::Missing => (Denial::TokenMissing, "no token"),
            CredentialError::Repeated => {
                (Denial::HeaderRepeated(CredentialField::Token), "several tokens")
            }
            CredentialError::Malformed => (Denial::TokenInvalid, "malformed token field"),
        };
        charge_failure(partner, denial, Reason::of_partner(reason, partner.entry.id), now)
    })?;
    PlainToken::parse(registry.prefix(), text).map_err(|error| {
        let reason = Reason::of_partner("malformed token", partner.entry.id);
        let reason = Reason { parse_error: Some(error.kind()), ..reason };
        charge_failure(partner, Denial::TokenInvalid, reason, now)
    })?;
    Ok(text)
}

/// A token that is not cached needs the failure allowance, whether the store is asked or is known not to
/// have it. One that is stale, or that a change announced, is looked up without: the store had it.
fn look_up_token(
    cache: &CredentialCache,
    partner: CachedPartner<'_>,
    unknown: &[TokenDigest],
    is_known: bool,
    expired: Option<TokenId>,
    now: Timestamp,
) -> Result<InFlight<TokenAnswer>, Denial> {
    if let Some(answer) = cache.join_token_lookup(unknown, now) {
        return Ok(answer);
    }
    let reservation = match cache.reserve_failure(partner, now) {
        Ok(reservation) => Some(reservation),
        Err(_) if is_known => None,
        Err(retry_after) => {
            let reason = Reason::of_partner("the failure allowance is used up", partner.entry.id);
            let denial = Denial::AttemptsExceeded { retry_after };
            return Err(reason.with_token(expired).refuse(denial));
        }
    };
    if unknown.is_empty() {
        return Err(charge_invalid_token(partner, expired, now));
    }
    Ok(cache.look_up_token(unknown, reservation, now))
}

/// Charges a failure to present a valid token to the partner's failure allowance.
#[cold]
fn charge_failure(
    partner: CachedPartner<'_>,
    denial: Denial,
    reason: Reason<'_>,
    now: Timestamp,
) -> Denial {
    partner.entry.charge_failure(partner.policy, now);
    reason.refuse(denial)
}

/// Charges a well-formed token that is unknown, or has expired and is still known by its id.
fn charge_invalid_token(
    partner: CachedPartner<'_>,
    expired: Option<TokenId>,
    now: Timestamp,
) -> Denial {
    let reason = if expired.is_some() { "expired token" } else { "unknown token" };
    let reason = Reason::of_partner(reason, partner.entry.id).with_token(expired);
    charge_failure(partner, Denial::TokenInvalid, reason, now)
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
        let denial = Self::Unavailable { retry_after: Duration::from_secs(1) };
        Reason::new("the store did not answer").refuse(denial)
    }
}
