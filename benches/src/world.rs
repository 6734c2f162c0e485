use std::sync::Arc;

use dualkey_limit::{Clock, SystemClock, Timestamp};
use dualkey_scope::Requirement;
use dualkey_store::{MemorySharedLimits, Registry};
use dualkey_verify::{Denial, Grant, Verifier, VerifierBuilder};
use http::HeaderMap;

use crate::settings::{PREFIX, SCOPE, TOKEN_LEN, catalogue};
use crate::{
    Numbers, SyntheticStore, ample_policy, partner_key, ready_or_panic, request, rewrite,
    token_text,
};

/// The system clock, accelerated 64 times. It is read as usual, so that its cost is measured; without
/// acceleration a single thread would exhaust the fastest rate that a policy allows.
#[derive(Clone, Copy, Debug)]
pub struct AcceleratedClock(Timestamp);

impl AcceleratedClock {
    /// A clock that shows the correct time now.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemClock.now())
    }
}

impl Default for AcceleratedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for AcceleratedClock {
    fn now(&self) -> Timestamp {
        let elapsed = SystemClock.now().as_nanos() - self.0.as_nanos();
        Timestamp::from_nanos(self.0.as_nanos() + elapsed * 64)
    }
}

/// A verifier, and the numbers of its partners and tokens.
#[derive(Debug)]
pub struct World {
    /// The verifier under measurement.
    pub verifier: Verifier,
    /// What the route requires.
    pub requirement: Requirement,
    /// How many partners send requests.
    pub partners: usize,
    /// How many tokens they use.
    pub tokens: usize,
}

impl World {
    /// A verifier that has cached all partners and tokens, on an [`AcceleratedClock`].
    ///
    /// # Panics
    ///
    /// If a request is refused.
    #[must_use]
    pub fn new(partners: usize, tokens: usize) -> Self {
        Self::cold(partners, tokens, AcceleratedClock::new()).warm()
    }

    /// The same, with shared limits that a store in memory holds. All decisions but one in a thousand spend a
    /// lease: it has a quarter of the burst.
    ///
    /// # Panics
    ///
    /// If a request is refused.
    #[must_use]
    pub fn with_shared_limits(partners: usize, tokens: usize) -> Self {
        let clock = Arc::new(AcceleratedClock::new());
        let limits = Arc::new(MemorySharedLimits::new(clock.clone()));
        Self::build(partners, tokens, clock, |verifier| verifier.shared_limits(limits)).warm()
    }

    /// A verifier with an empty cache.
    ///
    /// # Panics
    ///
    /// Never: the scope is declared.
    #[must_use]
    pub fn cold(partners: usize, tokens: usize, clock: impl Clock + 'static) -> Self {
        Self::build(partners, tokens, Arc::new(clock), |verifier| verifier)
    }

    fn build(
        partners: usize,
        tokens: usize,
        clock: Arc<dyn Clock>,
        with_options: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Self {
        let catalogue = catalogue();
        let requirement = catalogue.require_all([SCOPE]).expect("the scope is declared");
        let store = Arc::new(SyntheticStore::of_tokens(tokens));
        let registry = Registry::new(catalogue, PREFIX, store, clock);
        // All partners are looked up at once, which the default allows of strangers' keys only slowly.
        let verifier = Verifier::builder(registry).max_tokens(tokens).unknown_keys(ample_policy());
        Self { verifier: with_options(verifier).build(), requirement, partners, tokens }
    }

    /// With all partners and tokens in the cache.
    fn warm(self) -> Self {
        let mut headers = HeaderMap::new();
        for number in 0..self.partners.max(self.tokens) {
            let (partner, token) = (number % self.partners, number % self.tokens);
            rewrite(&mut headers, &partner_key(partner), &token_text(token));
            self.verify(&headers).expect("the store has the partner and the token");
        }
        self
    }

    /// Decides on a request to the route.
    ///
    /// # Errors
    ///
    /// The request is refused.
    #[inline]
    pub fn verify(&self, headers: &HeaderMap) -> Result<Grant, Denial> {
        ready_or_panic(self.verifier.verify(headers, &self.requirement))
    }
}

/// Requests whose partner and token are drawn at random.
#[derive(Debug)]
pub struct Requests {
    numbers: Numbers,
    partners: Vec<[u8; 16]>,
    tokens: Vec<[u8; TOKEN_LEN]>,
}

impl Requests {
    /// Requests with the credentials of this world.
    #[must_use]
    pub fn to(world: &World) -> Self {
        Self {
            numbers: Numbers::from(7),
            partners: (0..world.partners).map(partner_key).collect(),
            tokens: (0..world.tokens).map(token_text).collect(),
        }
    }

    /// A batch of requests that fits into the first-level cache of a processor.
    #[must_use]
    pub fn first(&self) -> Vec<HeaderMap> {
        vec![request(&self.partners[0], &self.tokens[0]); 32]
    }

    /// Draws other credentials for this request.
    pub fn renew(&mut self, headers: &mut HeaderMap) {
        let partner = self.numbers.below(self.partners.len());
        let token = self.numbers.below(self.tokens.len());
        rewrite(headers, &self.partners[partner], &self.tokens[token]);
    }
}
