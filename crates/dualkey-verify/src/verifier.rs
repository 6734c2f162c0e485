use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{LimitPolicy, Timestamp};
use dualkey_scope::Requirement;
use dualkey_shared::{OutagePolicies, SharedLimiter};
use dualkey_store::{Registry, SharedLimits};
use http::HeaderMap;

use crate::cache::{CacheLimits, CredentialCache};
use crate::credentials::HeaderNames;
use crate::decide::{Decider, Request};
use crate::decision::{Denial, Grant};
use crate::live;
use crate::lookup::StoreLookup;
use crate::telemetry::Telemetry;

/// Decides on requests by their two headers. Clones share one cache and one set of meters.
///
/// It decides from memory. The store is asked only for partners and tokens that it has not confirmed within
/// [`max_staleness`](VerifierBuilder::max_staleness), and for unknown tokens only within the failure
/// allowance of the partner under whose key they come.
///
/// Limits are counted per verifier: two verifiers in one process admit twice as much, unless they
/// [share limits](VerifierBuilder::shared_limits).
///
/// ```
/// use dualkey_scope::{Catalogue, Requirement};
/// use dualkey_store::{NewPartner, NewToken, Registry};
/// use dualkey_token::Prefix;
/// use dualkey_verify::Verifier;
/// use http::HeaderMap;
///
/// # pollster::block_on(async {
/// let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// let registry = Registry::in_memory(catalogue, Prefix::new("gw"));
/// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
/// let token = NewToken::new("acme", "Zapier - production", ["guests:read"]);
/// let issued = registry.issue_token(token).await?;
///
/// let verifier = Verifier::new(registry);
/// let mut headers = HeaderMap::new();
/// headers.insert("x-api-key", partner.api_key.as_str().parse()?);
/// let denial = verifier.verify(&headers, &Requirement::NONE).await.unwrap_err();
/// assert_eq!(denial.code(), "token_missing");
///
/// let bearer = format!("Bearer {}", issued.secret.expose_secret());
/// headers.insert("authorization", bearer.parse()?);
/// let grant = verifier.verify(&headers, &Requirement::NONE).await?;
/// assert_eq!(grant.organization.as_str(), "acme");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Verifier {
    pub(crate) decider: Decider,
}

/// Settings of a [`Verifier`]: see [`Verifier::builder`].
#[derive(Debug)]
pub struct VerifierBuilder {
    registry: Registry,
    header_names: HeaderNames,
    limits: CacheLimits,
    metrics_by_partner: bool,
    shared_limits: Option<Arc<dyn SharedLimits>>,
    outage_policies: OutagePolicies,
}

impl VerifierBuilder {
    /// The header fields that hold the credentials. Default: `X-Api-Key` and `Authorization`.
    #[must_use]
    pub fn header_names(self, header_names: HeaderNames) -> Self {
        Self { header_names, ..self }
    }

    /// How long a cached entry is served after the store last confirmed it, by an answer or by its
    /// [change feed](dualkey_store::ChangeNotifier::watermark). Default: 5 s.
    ///
    /// This bounds how long a revoked token may still pass where changes do not reach this process, and
    /// how long known tokens pass while the store is unavailable.
    #[must_use]
    pub fn max_staleness(self, max_staleness: Duration) -> Self {
        Self { limits: CacheLimits { max_staleness, ..self.limits }, ..self }
    }

    /// How many tokens are held in memory. Default: 1,000,000; at most 134,217,728.
    ///
    /// At the bound, tokens without a use within the last minute are evicted; if there are none, the store
    /// is asked at each use of a token that is not held.
    ///
    /// A token takes about 100 bytes, and about 50 more for a minute after each use, until the use is written.
    /// `cargo bench -p dualkey-benches --bench memory` measures them. The names of organizations are held once
    /// each, and beside that where they have more than 39 bytes.
    #[must_use]
    pub fn max_tokens(self, max_tokens: usize) -> Self {
        Self { limits: CacheLimits { max_tokens, ..self.limits }, ..self }
    }

    /// How often partner keys that are not cached are looked up, for all callers together. Beyond it they are
    /// denied with [`Denial::AttemptsExceeded`]. Default: 100 a second, burst 200.
    #[must_use]
    pub fn unknown_keys(self, unknown_keys: LimitPolicy) -> Self {
        Self { limits: CacheLimits { unknown_keys, ..self.limits }, ..self }
    }

    /// Whether decisions are also counted by partner: see
    /// [`publish_metrics`](Verifier::publish_metrics). Default: no.
    ///
    /// Each partner that sends requests adds a series for each code that it gets, labelled with its id. A
    /// partner that the store does not have adds none.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn metrics_by_partner(self, metrics_by_partner: bool) -> Self {
        Self { metrics_by_partner, ..self }
    }

    /// Partners have one set of limits in all processes that share these, such as `RedisLimits` of the crate
    /// `dualkey-redis`. Default: none.
    ///
    /// A decision then waits for them where neither a lease nor a remembered refusal of this process answers.
    /// Spawn [`Verifier::run_shared_limits`] beside. The failure allowance stays that of this process, since
    /// it protects the lookups that this process makes in its store.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use dualkey_store::MemorySharedLimits;
    /// use dualkey_testing::Fixture;
    /// use dualkey_verify::Verifier;
    ///
    /// # pollster::block_on(async {
    /// let fixture = Fixture::new(); // burst 10
    /// let (registry, guests_read) = (&fixture.registry, fixture.require("guests:read"));
    /// let limits = Arc::new(MemorySharedLimits::new(Arc::new(fixture.clock.clone())));
    /// let build = || Verifier::builder(registry.clone()).shared_limits(limits.clone()).build();
    /// let verifiers = [build(), build()];
    ///
    /// for n in 0..10 {
    ///     verifiers[n % 2].verify(&fixture.headers(), &guests_read).await.unwrap();
    /// }
    /// let denial = verifiers[0].verify(&fixture.headers(), &guests_read).await.unwrap_err();
    /// assert_eq!(denial.code(), "rate_limited");
    /// # });
    /// ```
    #[must_use]
    pub fn shared_limits(self, shared_limits: Arc<dyn SharedLimits>) -> Self {
        Self { shared_limits: Some(shared_limits), ..self }
    }

    /// What decides while the [shared limits](Self::shared_limits) do not answer. Default: requests are
    /// refused with [`Denial::Unavailable`].
    #[must_use]
    pub fn outage_policies(self, outage_policies: OutagePolicies) -> Self {
        Self { outage_policies, ..self }
    }

    /// A verifier with an empty cache and full buckets.
    ///
    /// Without [shared limits](Self::shared_limits), limits are counted per verifier: a second one on the same store admits as much again, and is logged
    /// as a warning. Clones of one verifier share its limits.
    #[must_use]
    pub fn build(self) -> Verifier {
        let Self { registry, header_names, limits, .. } = self;
        let (store, catalogue) = (Arc::clone(registry.store()), registry.catalogue().clone());
        let now = registry.clock().now();
        let telemetry = Telemetry::new(self.metrics_by_partner);
        let limiter = self.shared_limits.map(|shared| {
            let limiter = SharedLimiter::new(shared, Arc::clone(registry.clock()));
            limiter.with_outage_policies(self.outage_policies)
        });
        let cache = Arc::new(CredentialCache::new(
            store,
            catalogue,
            limits,
            telemetry,
            limiter.clone(),
            now,
        ));
        if limiter.is_none() {
            live::register(registry.store(), &cache);
        }
        Verifier { decider: Decider { registry, cache, header_names, limiter } }
    }
}

impl Verifier {
    /// A verifier with the default settings, on the clock of this registry. Limits are counted per verifier,
    /// as [`VerifierBuilder::build`] says.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self::builder(registry).build()
    }

    /// A verifier of the tokens that this registry issues, with settings of its own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use dualkey_scope::Catalogue;
    /// use dualkey_store::Registry;
    /// use dualkey_token::Prefix;
    /// use dualkey_verify::Verifier;
    ///
    /// let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// let verifier = Verifier::builder(registry)
    ///     .max_staleness(Duration::from_secs(1))
    ///     .max_tokens(50_000)
    ///     .build();
    /// assert_eq!(verifier.header_names().api_key, "x-api-key");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn builder(registry: Registry) -> VerifierBuilder {
        VerifierBuilder {
            registry,
            header_names: HeaderNames::default(),
            limits: CacheLimits::default(),
            metrics_by_partner: false,
            shared_limits: None,
            outage_policies: OutagePolicies::default(),
        }
    }

    /// The registry that issues the tokens.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.decider.registry
    }

    /// The header fields that hold the credentials.
    #[must_use]
    pub const fn header_names(&self) -> &HeaderNames {
        &self.decider.header_names
    }

    /// Decides on a request with these headers, which costs one permit.
    ///
    /// # Errors
    ///
    /// The request is denied.
    pub fn verify<'a>(
        &'a self,
        headers: &'a HeaderMap,
        requirement: &'a Requirement,
    ) -> impl Future<Output = Result<Grant, Denial>> + use<'a> {
        self.verify_with_cost(headers, requirement, NonZeroU32::MIN)
    }

    /// Decides on a request that costs this many permits. A request that costs more than its partner's
    /// limits ever hold costs all that they hold.
    ///
    /// # Errors
    ///
    /// The request is denied.
    pub fn verify_with_cost<'a>(
        &'a self,
        headers: &'a HeaderMap,
        requirement: &'a Requirement,
        cost: NonZeroU32,
    ) -> impl Future<Output = Result<Grant, Denial>> + use<'a> {
        let request = Request { headers, requirement, cost, charged: 0 };
        let mut resolving = None;
        // One state for both ways, since each nested future would move the decision once more. A lookup is
        // boxed, so that a decision from memory does not carry its state.
        poll_fn(move |cx| {
            let Some(resolving) = &mut resolving else {
                return self.decider.decide(&request, &mut StoreLookup::default(), |store| {
                    let resolve = Box::pin(self.decider.resolve(request, mem::take(store)));
                    resolving.insert(resolve).as_mut().poll(cx)
                });
            };
            resolving.as_mut().poll(cx)
        })
    }

    /// Decides on a request without waiting. `None`: the store has to be asked, and nothing is charged.
    ///
    /// ```
    /// # use std::num::NonZeroU32;
    /// # use dualkey_scope::{Catalogue, Requirement};
    /// # use dualkey_store::Registry;
    /// # use dualkey_token::Prefix;
    /// # use dualkey_verify::Verifier;
    /// # use http::HeaderMap;
    /// # let registry = Registry::in_memory(Catalogue::builder().build()?, Prefix::new("gw"));
    /// let verifier = Verifier::new(registry);
    /// let mut headers = HeaderMap::new();
    /// let decide = |headers: &HeaderMap| {
    ///     verifier.try_verify_cached(headers, &Requirement::NONE, NonZeroU32::MIN)
    /// };
    /// assert_eq!(decide(&headers).unwrap().unwrap_err().code(), "api_key_missing");
    /// headers.insert("x-api-key", "abcd1234efgh5678".parse()?);
    /// assert!(decide(&headers).is_none(), "this partner is not in the cache");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn try_verify_cached(
        &self,
        headers: &HeaderMap,
        requirement: &Requirement,
        cost: NonZeroU32,
    ) -> Option<Result<Grant, Denial>> {
        let request = Request { headers, requirement, cost, charged: 0 };
        self.try_verify(request, &mut StoreLookup::default())
    }

    /// Decides on a request without waiting, for a guard. `None`: the store has to be asked, and nothing is
    /// charged. The lookup has begun, and [`resolve`](Self::resolve) waits for it.
    #[must_use]
    pub fn try_verify(
        &self,
        request: Request<'_>,
        lookup: &mut StoreLookup,
    ) -> Option<Result<Grant, Denial>> {
        self.decider.decide(&request, lookup, |_| None)
    }

    /// Decides on the same request once the store has answered.
    ///
    /// # Errors
    ///
    /// The request is denied.
    pub async fn resolve(
        &self,
        request: Request<'_>,
        lookup: StoreLookup,
    ) -> Result<Grant, Denial> {
        self.decider.resolve(request, lookup).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.decider.registry.clock().now()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("registry", &self.decider.registry)
            .field("header_names", &self.decider.header_names)
            .field("max_staleness", &self.decider.cache.max_staleness())
            .finish_non_exhaustive()
    }
}
