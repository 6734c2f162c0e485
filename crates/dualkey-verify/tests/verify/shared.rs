//! Limits that several verifiers share, on the exact model of the store.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::Clock as _;
use dualkey_scope::Requirement;
use dualkey_shared::{OutagePolicies, OutagePolicy};
use dualkey_store::{SharedCall, SharedLimits as _};
use dualkey_testing::{FaultyLimits, Fixture};
use dualkey_verify::{Denial, Grant, Verifier};
use http::HeaderMap;
use pollster::block_on;

/// Two verifiers on one store, as two processes have them.
struct World {
    fixture: Fixture,
    limits: Arc<FaultyLimits>,
    verifiers: [Verifier; 2],
}

impl World {
    fn new(outages: OutagePolicies) -> Self {
        let fixture = Fixture::new();
        let limits = Arc::new(FaultyLimits::new(Arc::new(fixture.clock.clone())));
        let verifiers = [0, 1].map(|_| {
            let builder = Verifier::builder(fixture.registry.clone());
            builder.shared_limits(limits.clone()).outage_policies(outages).build()
        });
        Self { fixture, limits, verifiers }
    }

    fn verify(&self, verifier: usize) -> Result<Grant, Denial> {
        let requirement = self.fixture.require("guests:read");
        block_on(self.verifiers[verifier].verify(&self.fixture.headers(), &requirement))
    }

    fn used(&self) -> u64 {
        let partner = &self.fixture.partner;
        let call = SharedCall::new(partner.id, &partner.policy);
        block_on(self.limits.inner().peek(call)).expect("it is in memory").used()
    }
}

fn refuse() -> World {
    World::new(OutagePolicies::default())
}

fn local() -> World {
    World::new(OutagePolicies { burst: OutagePolicy::LOCAL, quota: OutagePolicy::LOCAL })
}

#[test]
fn verifiers_share_burst_and_quota() {
    let world = refuse();
    let remaining: Vec<_> = (0..10)
        .map(|n| world.verify(n % 2).unwrap().standing)
        .map(|standing| (standing.burst_remaining(), standing.daily_remaining()))
        .collect();
    let expected: Vec<_> = (0..10).map(|n| (9 - n, Some(9_999 - n))).collect();
    assert_eq!(remaining, expected);
    for n in [0, 1] {
        let denial = world.verify(n).unwrap_err();
        assert_eq!(denial.code(), "rate_limited");
        assert_eq!(denial.retry_after(), Some(Duration::from_millis(200)));
        assert_eq!(denial.standing().unwrap().daily_remaining(), Some(9_990));
    }
    world.fixture.clock.advance(Duration::from_millis(200));
    assert!(world.verify(1).is_ok());
    assert!(world.verify(0).is_err());
}

#[test]
fn only_the_fifth_step_asks_the_shared_limits() {
    let world = refuse();
    let mut headers = HeaderMap::new();
    let denied = |headers: &HeaderMap| {
        let verifier = &world.verifiers[0];
        block_on(verifier.verify(headers, &Requirement::NONE)).unwrap_err().code()
    };
    assert_eq!(denied(&headers), "api_key_missing");
    headers.insert("x-api-key", world.fixture.partner.api_key.as_str().parse().unwrap());
    assert_eq!(denied(&headers), "token_missing");
    headers.insert("authorization", "Bearer gw_unknown".parse().unwrap());
    assert_eq!(denied(&headers), "token_invalid");
    assert_eq!((world.limits.calls(), world.used()), (0, 0));

    let writes = world.fixture.require("reservations:edit");
    let headers = world.fixture.headers();
    let denial = block_on(world.verifiers[0].verify(&headers, &writes)).unwrap_err();
    assert_eq!(denial.code(), "scope_insufficient");
    assert_eq!((world.limits.calls(), world.used()), (1, 1));
}

#[test]
fn a_remembered_refusal_asks_nothing() {
    let world = refuse();
    (0..10).for_each(|_| assert!(world.verify(0).is_ok()));
    let calls = world.limits.calls();
    (0..100).for_each(|_| assert_eq!(world.verify(0).unwrap_err().code(), "rate_limited"));
    assert_eq!(world.limits.calls(), calls + 1);
}

#[test]
fn without_waiting_nothing_is_charged() {
    let world = refuse();
    assert!(world.verify(0).is_ok());
    let (headers, requirement) = (world.fixture.headers(), world.fixture.require("guests:read"));
    for _ in 0..100 {
        let verifier = &world.verifiers[0];
        assert!(verifier.try_verify_cached(&headers, &requirement, NonZeroU32::MIN).is_none());
    }
    assert_eq!((world.limits.calls(), world.used()), (1, 1));
}

#[test]
fn an_outage_refuses_and_ends_by_itself() {
    let world = refuse();
    assert!(world.verify(0).is_ok());
    world.limits.set_down(true);
    for _ in 0..100 {
        let denial = world.verify(0).unwrap_err();
        assert_eq!(denial.code(), "unavailable");
        assert!(denial.retry_after() <= Some(Duration::from_secs(1)));
    }
    assert_eq!(world.limits.calls(), 4, "then the circuit is open");
    world.limits.set_down(false);
    world.fixture.clock.advance(Duration::from_secs(1));
    assert!(world.verify(0).is_ok());
    assert_eq!(world.used(), 2);
}

#[test]
fn what_was_granted_locally_is_counted_afterwards() {
    let world = local();
    assert_eq!(world.verify(0).unwrap().standing.burst_remaining(), 9);
    world.limits.set_down(true);
    let granted = (0..20).filter(|_| world.verify(0).is_ok()).count();
    assert_eq!(granted, 9, "what was left of the bucket");
    world.limits.set_down(false);
    world.fixture.clock.advance(Duration::from_secs(1));
    assert!(world.verify(0).is_ok());
    assert_eq!(world.used(), 11);
}

#[test]
fn the_usage_of_each_process_is_written() {
    let world = refuse();
    (0..6).for_each(|n| assert!(world.verify(n % 2).is_ok()));
    for verifier in &world.verifiers {
        block_on(verifier.flush()).unwrap();
    }
    let partner = &world.fixture.partner;
    let day = partner.policy.day(world.fixture.clock.now());
    let store = world.fixture.registry.store();
    assert_eq!(block_on(store.usage(partner.id, day)).unwrap(), 6);
}
