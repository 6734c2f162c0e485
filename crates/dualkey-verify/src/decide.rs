use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Poll, ready};

use dualkey_limit::{Outcome, Timestamp};
use dualkey_scope::Requirement;
use dualkey_shared::SharedLimiter;
use dualkey_store::{OrganizationId, PartnerId, Registry, TokenId};
use http::HeaderMap;

use crate::cache::{CacheLookup, CachedPartner, CredentialCache, Token};
use crate::credentials::{CredentialError, Credentials, HeaderNames};
use crate::decision::{CredentialField, Denial, Grant, GrantSource};
use crate::lookup::{Bearer, StoreLookup, resolve_partner, resolve_token};
use crate::refusal::Reason;
use crate::span;
use crate::telemetry::{Code, Found};

/// What is decided on: see [`Verifier::try_verify`](crate::Verifier::try_verify).
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The fields of the request.
    pub headers: &'a HeaderMap,
    /// What the token must allow.
    pub requirement: &'a Requirement,
    /// In permits. A cost above what the limits ever hold is all that they hold.
    pub cost: NonZeroU32,
    /// The permits that an earlier decision on this request has charged. Only what the cost exceeds them is
    /// charged.
    pub charged: u32,
}

/// What decisions are made from. Clones share one cache.
#[derive(Clone)]
pub(crate) struct Decider {
    pub(crate) registry: Registry,
    pub(crate) cache: Arc<CredentialCache>,
    pub(crate) header_names: HeaderNames,
    /// Where processes share the limits.
    pub(crate) limiter: Option<SharedLimiter>,
}

impl Decider {
    /// Decides on a request from the cache, and from what the store answered for this request. Pending: a
    /// lookup in the store has begun, and nothing is charged.
    #[inline]
    pub(crate) fn decide(
        &self,
        request: &Request<'_>,
        store: &mut StoreLookup,
    ) -> Poll<Result<Grant, Denial>> {
        let Self { registry, cache, header_names, .. } = self;
        let time = cache.request_time(registry.clock());
        let credentials = Credentials::new(request.headers, header_names);

        let key = credentials.api_key_field().map_err(api_key_denial);
        let key = cache.hash_key(key.inspect_err(|denial| self.count_denial(denial, store))?);
        // Large partner index: digest first, so that its cache miss overlaps with SHA-256. Otherwise look
        // up first: an unknown key costs no hash.
        let digests_first = cache.has_large_partner_index();
        let early = digests_first.then(|| self.read_bearer(credentials));
        let lookup = cache.partner(&key, &time);
        store.trace.found_partner(lookup.found());
        let partner = match lookup {
            CacheLookup::Fresh(partner) if partner.state.is_enabled() => partner,
            lookup => ready!(resolve_partner(registry, cache, &key, &lookup, &time, store))
                .inspect_err(|denial| self.count_denial(denial, store))?,
        };
        store.trace.set_partner(partner.number);
        let bearer = early.unwrap_or_else(|| self.read_bearer(credentials));
        let digest = bearer.digest.as_ref();
        if let Some(token) = digest.and_then(|digest| cache.fresh_token(digest, &time)) {
            store.trace.found_token(Found::Hit);
            let organization = || token.short_organization();
            return self.charge(request, partner, &token, time.now(), store, organization);
        }
        let resolved = ready!(resolve_token(registry, cache, &bearer, partner, &time, store));
        let resolved = resolved.inspect_err(|denial| self.count_denial(denial, store));
        let (token, organization) = resolved?;
        self.charge(request, partner, &token, time.now(), store, || organization.clone())
    }

    /// Charges the request to the partner's limits, and compares the scopes. Pending: processes share the
    /// limits, and the store decides.
    #[inline(always)]
    fn charge(
        &self,
        request: &Request<'_>,
        partner: CachedPartner<'_>,
        token: &Token<'_>,
        now: Timestamp,
        store: &mut StoreLookup,
        organization: impl Fn() -> OrganizationId,
    ) -> Poll<Result<Grant, Denial>> {
        // An outer guard that has charged the request has recorded its caller.
        if span::is_enabled() && request.charged == 0 {
            span::record_caller(partner.entry.id, token.id(), &organization());
        }
        let shared = self.limiter.as_ref().and_then(|limiter| partner.entry.shared_by(limiter));
        let outcome = match shared {
            None => partner.entry.charge(partner.policy, request.cost.get(), request.charged, now),
            Some(shared) => ready!(Self::take_shared(shared, request, partner, now, store))
                .inspect_err(|denial| self.count_denial(denial, store))?,
        };
        let Outcome::Allowed(standing) = outcome else {
            let denial = limit_denial(outcome, partner.entry.id, token.id());
            self.count_denial(&denial, store);
            return Poll::Ready(Err(denial));
        };
        self.cache.record_use(partner, token, now);

        let scopes = self.cache.scopes(token);
        if !request.requirement.is_met_by(&scopes) {
            let required = request.requirement.clone();
            let denial = Denial::ScopeInsufficient { required, standing };
            self.count_denial(&denial, store);
            let reason = Reason::of_recorded("a scope is missing", partner.entry.id, token.id());
            return Poll::Ready(Err(reason.refuse(denial)));
        }
        self.cache.count(Code::Granted, &store.trace);
        let source = GrantSource { partner: partner.number, token: token.key() };
        let (partner, token) = (partner.entry.id, token.id());
        let organization = organization();
        Poll::Ready(Ok(Grant { partner, organization, token, scopes, standing, source }))
    }

    #[inline]
    pub(crate) fn count_denial(&self, denial: &Denial, store: &StoreLookup) {
        if let Some(code) = denial.counted_code() {
            self.cache.count(code, &store.trace);
        }
    }

    /// Reads and digests the token, and brings its entry from memory.
    #[inline]
    fn read_bearer<'a>(&self, credentials: Credentials<'a>) -> Bearer<'a> {
        let text = credentials.token_field();
        let is_token_long = |text: &&[u8]| text.len() == self.registry.prefix().token_len();
        let digest = text.ok().filter(is_token_long).map(|text| {
            let digest = self.registry.digester().digest(text);
            self.cache.prefetch_token(&digest);
            digest
        });
        Bearer { text, digest }
    }
}

/// Without the headers, which hold the credentials.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("requirement", &self.requirement)
            .field("cost", &self.cost)
            .field("charged", &self.charged)
            .finish_non_exhaustive()
    }
}

fn api_key_denial(error: CredentialError) -> Denial {
    match error {
        CredentialError::Repeated => Reason::new("several partner keys")
            .refuse(Denial::HeaderRepeated(CredentialField::ApiKey)),
        _ => Reason::new("no partner key").refuse(Denial::ApiKeyMissing),
    }
}

fn limit_denial(outcome: Outcome, partner: PartnerId, token: TokenId) -> Denial {
    let (reason, denial) = match outcome {
        Outcome::BurstExceeded(refusal) => {
            ("the burst is used up", Denial::RateLimited { refusal })
        }
        Outcome::QuotaExceeded(refusal) => {
            ("the day's quota is used up", Denial::QuotaExceeded { refusal })
        }
        outcome => {
            let retry_after = outcome.standing().policy().fill_time();
            ("more than the limits ever hold", Denial::Unavailable { retry_after })
        }
    };
    Reason::of_recorded(reason, partner, token).refuse(denial)
}
