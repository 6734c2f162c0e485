use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::Poll;

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

/// A partner and a token that are valid now.
#[derive(Clone, Copy)]
struct Caller<'a> {
    partner: CachedPartner<'a>,
    token: &'a Token<'a>,
    /// The organization, unless its name is short: then the token's entry has it.
    organization: Option<&'a OrganizationId>,
    now: Timestamp,
}

impl Decider {
    /// Decides on a request from the cache, and from what the store answered for this request. If a lookup in
    /// the store has begun instead, nothing is charged, and the result is that of `wait`.
    ///
    /// The result has the type that the caller returns, since a conversion would move the decision once more.
    #[inline]
    pub(crate) fn decide<T: From<Result<Grant, Denial>>>(
        &self,
        request: &Request<'_>,
        store: &mut StoreLookup,
        wait: impl FnOnce(&mut StoreLookup) -> T,
    ) -> T {
        let Self { registry, cache, header_names, .. } = self;
        let time = cache.request_time(registry.clock());
        let credentials = Credentials::new(request.headers, header_names);

        let key = match credentials.api_key_field() {
            Ok(key) => cache.hash_key(key),
            Err(error) => return self.deny(api_key_denial(error), store),
        };
        // Large partner index: digest first, so that its cache miss overlaps with SHA-256. Otherwise look
        // up first: an unknown key costs no hash.
        let digests_first = cache.has_large_partner_index();
        let early = digests_first.then(|| self.read_bearer(credentials));
        let lookup = cache.partner(&key, &time);
        store.trace.found_partner(lookup.found());
        let partner = match lookup {
            CacheLookup::Fresh(partner) if partner.state.is_enabled() => partner,
            lookup => match resolve_partner(registry, cache, &key, &lookup, &time, store) {
                Poll::Ready(Ok(partner)) => partner,
                Poll::Ready(Err(denial)) => return self.deny(denial, store),
                Poll::Pending => return wait(store),
            },
        };
        store.trace.set_partner(partner.number);
        let bearer = early.unwrap_or_else(|| self.read_bearer(credentials));
        // Before the token is looked up: the processor reads the clock while SHA-256 is under way.
        let now = time.now();
        let digest = bearer.digest.as_ref();
        if let Some(token) = digest.and_then(|digest| cache.fresh_token(digest, &time)) {
            store.trace.found_token(Found::Hit);
            let caller = Caller { partner, token: &token, organization: None, now };
            return self.charge(request, caller, store, wait);
        }
        match resolve_token(registry, cache, &bearer, partner, &time, store) {
            Poll::Ready(Ok((token, organization))) => {
                let organization = Some(&organization);
                let caller = Caller { partner, token: &token, organization, now };
                self.charge(request, caller, store, wait)
            }
            Poll::Ready(Err(denial)) => self.deny(denial, store),
            Poll::Pending => wait(store),
        }
    }

    /// Charges the request to the partner's limits, and compares the scopes. If processes share the limits, and
    /// the store decides, the result is that of `wait`.
    #[inline(always)]
    fn charge<T: From<Result<Grant, Denial>>>(
        &self,
        request: &Request<'_>,
        caller: Caller<'_>,
        store: &mut StoreLookup,
        wait: impl FnOnce(&mut StoreLookup) -> T,
    ) -> T {
        let Caller { partner, token, now, .. } = caller;
        // An outer guard that has charged the request has recorded its caller.
        if span::is_enabled() && request.charged == 0 {
            span::record_caller(partner.entry.id, token.id(), &caller.organization());
        }
        let shared = self.limiter.as_ref().and_then(|limiter| partner.entry.shared_by(limiter));
        let outcome = match shared {
            None => partner.entry.charge(partner.policy, request.cost.get(), request.charged, now),
            Some(shared) => match Self::take_shared(shared, request, partner, now, store) {
                Poll::Ready(Ok(outcome)) => outcome,
                Poll::Ready(Err(denial)) => return self.deny(denial, store),
                Poll::Pending => return wait(store),
            },
        };
        let Outcome::Allowed(standing) = outcome else {
            return self.deny(limit_denial(outcome, partner.entry.id, token.id()), store);
        };
        self.cache.record_use(partner, token, now);

        let scopes = self.cache.scopes(token);
        if !request.requirement.is_met_by(&scopes) {
            let required = request.requirement.clone();
            let denial = Denial::ScopeInsufficient { required, standing };
            let reason = Reason::of_recorded("a scope is missing", partner.entry.id, token.id());
            return self.deny(reason.refuse(denial), store);
        }
        self.cache.count(Code::Granted, &store.trace);
        T::from(Ok(Grant {
            partner: partner.entry.id,
            organization: caller.organization(),
            token: token.id(),
            scopes,
            standing,
            source: GrantSource { partner: partner.number, token: token.key() },
        }))
    }

    /// Counts the denial.
    pub(crate) fn deny<T: From<Result<Grant, Denial>>>(
        &self,
        denial: Denial,
        store: &StoreLookup,
    ) -> T {
        if let Some(code) = denial.counted_code() {
            self.cache.count(code, &store.trace);
        }
        T::from(Err(denial))
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

impl Caller<'_> {
    #[inline]
    fn organization(self) -> OrganizationId {
        self.organization.map_or_else(|| self.token.short_organization(), OrganizationId::clone)
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
