use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey_limit::{Clock, LimitPolicy, Rate, SystemClock, Timestamp};
use dualkey_scope::{Catalogue, Requirement};
use dualkey_store::{NewPartner, Registry};
use dualkey_verify::{Denial, Grant, Verifier};
use http::HeaderMap;

use crate::{
    Computed, Numbers, PREFIX, TOKEN_LEN, at_once, partner_key, request, rewrite, token_text,
};

/// The scope that tokens have and routes ask for.
pub const SCOPE: &str = "reservations:read";

/// A catalogue of one scope.
///
/// # Panics
///
/// Never: one name is enough for a catalogue.
#[must_use]
pub fn catalogue() -> Catalogue {
    let catalogue = Catalogue::builder().scope(SCOPE, "Reservations - Read").build();
    catalogue.expect("one name is not declared twice")
}

/// The system's clock, read as usual, that shows time pass 64 times as fast: the fastest rate that a
/// policy takes is slower than one thread that asks without a pause.
#[derive(Clone, Copy, Debug)]
pub struct Fast(Timestamp);

impl Fast {
    /// A clock that shows the right time now.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemClock.now())
    }
}

impl Default for Fast {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Fast {
    fn now(&self) -> Timestamp {
        let elapsed = SystemClock.now().as_nanos() - self.0.as_nanos();
        Timestamp::from_nanos(self.0.as_nanos() + elapsed * 64)
    }
}

/// Both limits, and neither is reached on a clock that is [`Fast`]. Burst and daily quota share the
/// bits of a word.
///
/// # Panics
///
/// Never: the numbers are those of a policy.
#[must_use]
pub fn plenty() -> LimitPolicy {
    let rate = Rate::per_second(NonZeroU32::new(1_000_000).expect("not zero"));
    let burst = NonZeroU32::new((1 << 12) - 1).expect("not zero");
    let daily = NonZeroU32::new((1 << 27) - 1).expect("not zero");
    LimitPolicy::new(rate, burst).with_daily(daily).expect("the numbers are those of a policy")
}

/// A verifier, and the partners and tokens that it has heard of.
#[derive(Debug)]
pub struct World {
    /// Who decides.
    pub verifier: Verifier,
    /// What the route asks for.
    pub requirement: Requirement,
    /// How many partners it has heard of.
    pub partners: usize,
    /// How many tokens.
    pub tokens: usize,
}

impl World {
    /// With a verifier that has heard of all of these, on a clock that is [`Fast`].
    ///
    /// # Panics
    ///
    /// If one is refused.
    #[must_use]
    pub fn new(partners: usize, tokens: usize) -> Self {
        let world = Self::asleep(partners, tokens, Fast::new());
        let mut headers = HeaderMap::new();
        for number in 0..partners.max(tokens) {
            let (partner, token) = (number % partners, number % tokens);
            rewrite(&mut headers, &partner_key(partner), &token_text(token));
            world.verify(&headers).expect("it is known to the store");
        }
        world
    }

    /// With a verifier that has heard of none of these yet.
    ///
    /// # Panics
    ///
    /// Never: the scope is declared.
    #[must_use]
    pub fn asleep(partners: usize, tokens: usize, clock: impl Clock + 'static) -> Self {
        let catalogue = catalogue();
        let requirement = catalogue.require_all([SCOPE]).expect("the scope is declared");
        let store = Arc::new(Computed::of_tokens(tokens));
        let registry = Registry::new(catalogue, PREFIX, store, Arc::new(clock));
        let verifier = Verifier::builder(registry).max_tokens(tokens).build();
        Self { verifier, requirement, partners, tokens }
    }

    /// A decision, as a route has it made.
    ///
    /// # Errors
    ///
    /// The request may not pass.
    #[inline]
    pub fn verify(&self, headers: &HeaderMap) -> Result<Grant, Denial> {
        at_once(self.verifier.verify(headers, &self.requirement))
    }

    /// A registry in memory with a partner that has one permit a day, under this key.
    ///
    /// # Panics
    ///
    /// If the key is none.
    #[must_use]
    pub fn registry_with_spent_partner(key: &[u8]) -> Registry {
        let registry = Registry::in_memory(catalogue(), PREFIX);
        let policy = LimitPolicy::new(Rate::per_day(NonZeroU32::MIN), NonZeroU32::MIN);
        let api_key = Some(String::from_utf8_lossy(key).into_owned());
        let partner = NewPartner { policy, api_key, ..NewPartner::new("Spent") };
        let _partner = at_once(registry.register_partner(partner)).expect("the key is free");
        registry
    }
}

/// Requests with a partner and a token that are drawn anew each time.
#[derive(Debug)]
pub struct Requests {
    numbers: Numbers,
    partners: Vec<[u8; 16]>,
    tokens: Vec<[u8; TOKEN_LEN]>,
}

impl Requests {
    /// Requests to this world.
    #[must_use]
    pub fn to(world: &World) -> Self {
        Self {
            numbers: Numbers::from(7),
            partners: (0..world.partners).map(partner_key).collect(),
            tokens: (0..world.tokens).map(token_text).collect(),
        }
    }

    /// As many as a first-level cache holds.
    #[must_use]
    pub fn first(&self) -> Vec<HeaderMap> {
        vec![request(&self.partners[0], &self.tokens[0]); 32]
    }

    /// Makes this another request.
    pub fn renew(&mut self, headers: &mut HeaderMap) {
        let partner = self.numbers.below(self.partners.len());
        let token = self.numbers.below(self.tokens.len());
        rewrite(headers, &self.partners[partner], &self.tokens[token]);
    }
}
