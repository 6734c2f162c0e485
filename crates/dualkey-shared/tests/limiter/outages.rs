//! A store that does not answer.

use std::time::Duration;

use dualkey_limit::{Clock as _, Outcome};
use pollster::block_on;

use crate::support::World;

#[test]
fn by_default_requests_are_refused() {
    let world = World::new(5, 10);
    let (limiter, partner) = world.process();
    world.store.set_down(true);
    assert!(block_on(limiter.take(&partner, &world.policy, 1)).is_err());
    world.store.set_down(false);
    assert!(block_on(limiter.take(&partner, &world.policy, 1)).is_ok());
}

#[test]
fn burst_and_quota_have_policies_of_their_own() {
    for (burst, quota, granted) in [
        ("local", "local", 10),
        ("local/3", "local", 3),
        ("local/3", "local/100", 2),
        ("local", "refuse", 0),
        ("refuse", "local", 0),
    ] {
        let world = World::new(5, 10).with_quota(200);
        let process = world.process_with(burst, quota);
        world.store.set_down(true);
        assert_eq!(world.drain(&process), granted, "{burst} and {quota}");
    }
    let without_quota = World::new(5, 10);
    without_quota.store.set_down(true);
    assert_eq!(without_quota.drain(&without_quota.process_with("local", "refuse")), 10);
}

#[test]
fn an_outage_goes_on_from_the_last_standing() {
    let world = World::new(5, 10).with_quota(12);
    let process = world.process_with("local", "local");
    assert_eq!(world.drain(&process), 10);
    world.clock.advance(Duration::from_secs(60));
    world.store.set_down(true);
    assert_eq!(world.drain(&process), 2, "the day is no fresh one");
}

#[test]
fn local_permits_are_added_to_the_day_once() {
    let world = World::new(5, 10).with_quota(100);
    let process = world.process_with("local", "local");
    world.store.set_down(true);
    assert_eq!(world.drain(&process), 10);
    block_on(process.0.maintain());
    assert_eq!(world.used(), 0);
    world.store.set_down(false);
    world.clock.advance(Duration::from_secs(1));
    let before = world.store.calls();
    for _ in 0..2 {
        block_on(process.0.maintain());
        // It adds the usage, and then takes, once.
        assert_eq!((world.store.calls() - before, world.used()), (2, 10));
    }
}

#[test]
fn a_store_that_answers_at_times_refills_no_local_bucket() {
    let world = World::new(1, 100);
    let process = world.process_with("local", "local");
    let mut granted = 0;
    for _ in 0..10 {
        world.store.set_down(true);
        granted += world.drain(&process);
        world.store.set_down(false);
        world.clock.advance(Duration::from_secs(1));
        block_on(process.0.maintain());
    }
    assert!((100..=110).contains(&granted), "{granted}");
}

#[test]
fn a_request_above_the_policy_is_never_granted_locally() {
    let world = World::new(5, 10);
    let (limiter, partner) = world.process_with("local/5", "local");
    world.store.set_down(true);
    let take = |permits| block_on(limiter.take(&partner, &world.policy, permits)).unwrap();
    assert!(matches!(take(11), Outcome::Unsatisfiable(_)));
    assert!(take(7).is_allowed(), "it takes all of the share of 2");
    assert!(!take(1).is_allowed());
    world.store.set_down(false);
    world.clock.advance(Duration::from_secs(1));
    block_on(limiter.maintain());
    assert_eq!(world.used(), 7);
}

#[test]
fn the_circuit_opens_after_failures_and_closes_by_itself() {
    let world = World::new(5, 100);
    let process = world.process_with("local", "local");
    world.store.set_down(true);
    let mut granted = world.drain(&process);
    assert_eq!(granted, 100);
    assert_eq!(world.store.calls(), 3, "then the store is left alone");
    world.clock.advance(Duration::from_secs(1));
    granted += world.drain(&process);
    assert!(granted > 100);
    assert_eq!(world.store.calls(), 4);
    world.store.set_down(false);
    world.clock.advance(Duration::from_secs(1));
    let granted_by_store = world.drain(&process);
    assert!(granted_by_store > 0);
    granted += granted_by_store;
    assert_eq!(world.used(), granted as u64, "each is counted once");
    assert!(world.drain(&process) < 100, "the store decides");
}

#[test]
fn a_decision_that_is_not_polled_uses_up_no_try() {
    let world = World::new(5, 10);
    let (limiter, partner) = world.process();
    world.store.set_down(true);
    for _ in 0..3 {
        assert!(block_on(limiter.take(&partner, &world.policy, 1)).is_err());
    }
    world.store.set_down(false);
    assert!(block_on(limiter.take(&partner, &world.policy, 1)).is_err(), "the circuit is open");
    world.clock.advance(Duration::from_secs(1));
    drop(limiter.try_take(&partner, &world.policy, world.clock.now(), 1));
    assert!(block_on(limiter.take(&partner, &world.policy, 1)).is_ok());
}
