use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey_limit::{Clock, LimitPolicy, Rate};
use dualkey_scope::Requirement;
use dualkey_store::{ApiKey, MemoryStore, NewPartner, NewToken, Registry};
use dualkey_verify::{Denial, Grant, Verifier};
use http::HeaderMap;

use crate::settings::{PREFIX, SCOPE, catalogue};
use crate::{partner_key, ready_or_panic, request, swapped};

/// A verifier on a store in memory with one partner, and requests that it refuses.
#[derive(Debug)]
pub struct Refusals {
    verifier: Verifier,
    requirement: Requirement,
    /// The key of no partner.
    pub unknown_key: HeaderMap,
    /// A token whose checksum is wrong.
    pub bad_checksum: HeaderMap,
    /// Credentials that are good, of a partner that has used its one permit of this day.
    pub spent_burst: HeaderMap,
}

impl Refusals {
    /// The verifier has decided on each of the requests once.
    ///
    /// # Panics
    ///
    /// If a request is granted or refused for another reason.
    #[must_use]
    pub fn new(clock: impl Clock + 'static) -> Self {
        let registry = registry_with_partner(&partner_key(0), clock);
        let token = NewToken::new("acme", "Benchmark", [SCOPE]);
        let token = ready_or_panic(registry.issue_token(token)).expect("the store is empty").secret;
        let text = token.expose_secret().as_bytes();
        let refusals = Self {
            requirement: registry.catalogue().require_all([SCOPE]).expect("the scope is declared"),
            verifier: Verifier::new(registry),
            unknown_key: request(b"partner-unknown", text),
            bad_checksum: request(&partner_key(0), &swapped(text)),
            spent_burst: request(&partner_key(0), text),
        };
        let code = |headers| refusals.verify(headers).err().map(|denial| denial.code());
        assert_eq!(code(&refusals.spent_burst), None);
        assert_eq!(code(&refusals.unknown_key), Some("api_key_invalid"));
        assert_eq!(code(&refusals.bad_checksum), Some("token_invalid"));
        assert_eq!(code(&refusals.spent_burst), Some("rate_limited"));
        refusals
    }

    /// Decides on a request.
    ///
    /// # Errors
    ///
    /// The request is refused.
    #[inline]
    pub fn verify(&self, headers: &HeaderMap) -> Result<Grant, Denial> {
        ready_or_panic(self.verifier.verify(headers, &self.requirement))
    }
}

fn registry_with_partner(key: &[u8], clock: impl Clock + 'static) -> Registry {
    let store = Arc::new(MemoryStore::new());
    let registry = Registry::new(catalogue(), PREFIX, store, Arc::new(clock));
    let policy = LimitPolicy::new(Rate::per_day(NonZeroU32::MIN), NonZeroU32::MIN);
    let api_key = ApiKey::parse(key).expect("the key is well-formed");
    let partner = NewPartner::new("Spent").with_policy(policy).with_api_key(api_key);
    let _partner = ready_or_panic(registry.register_partner(partner)).expect("the key is free");
    registry
}
