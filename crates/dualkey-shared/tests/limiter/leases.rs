//! Calls, leases and refusals of processes that share limits.

use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock as _, FakeClock, Outcome};
use dualkey_shared::SharedLimiter;
use pollster::block_on;

use crate::support::{ID, World};

#[test]
fn processes_share_one_bucket() {
    let world = World::new(5, 10);
    let processes = [world.process(), world.process()];
    let take = |n: usize| {
        let (limiter, partner) = &processes[n % 2];
        block_on(limiter.take(partner, &world.policy, 1)).unwrap()
    };
    assert!((0..10).all(|n| take(n).is_allowed()));
    assert_eq!(take(0).retry_after(), Some(Duration::from_millis(200)));
    world.clock.advance(Duration::from_millis(200));
    assert!(take(1).is_allowed());
    assert!(!take(0).is_allowed());
}

#[test]
fn concurrent_callers_get_their_own_answers_in_order() {
    let world = World::new(5, 10);
    let granted = world.take_together(&world.process(), &[4, 4, 4, 1, 1, 1]);
    assert_eq!(granted, [true, true, false, true, true, false]);
}

#[test]
fn a_frequent_process_leases_and_gives_back_when_idle() {
    let world = World::new(1_000, 1_000);
    let (limiter, partner) = world.process();
    for _ in 0..300 {
        let outcome = block_on(limiter.take(&partner, &world.policy, 1)).unwrap();
        assert!(matches!(outcome, Outcome::Allowed(_)));
        world.clock.advance(Duration::from_millis(1));
    }
    assert!(world.leased() > 0);
    block_on(limiter.maintain());
    assert!(world.leased() > 0, "the lease is in use");
    world.clock.advance(Duration::from_millis(100));
    block_on(limiter.maintain());
    assert_eq!(world.leased(), 0);
}

#[test]
fn callers_that_waited_are_served_by_the_new_lease() {
    let world = World::new(1_000, 1_000);
    let (limiter, partner) = world.process();
    for _ in 0..100 {
        assert!(block_on(limiter.take(&partner, &world.policy, 1)).unwrap().is_allowed());
        world.clock.advance(Duration::from_millis(1));
    }
    let before = world.store.calls();
    // No lease has 300 permits.
    assert_eq!(world.take_together(&(limiter, partner), &[300, 1, 1, 1]), [true; 4]);
    assert_eq!(world.store.calls(), before + 1);
}

#[test]
fn callers_that_wait_go_together_in_the_next_call() {
    let world = World::new(5, 10);
    let process = world.process();
    assert_eq!(world.take_together(&process, &[1, 1, 1, 1]), [true; 4]);
    assert_eq!(world.store.calls(), 2);
}

#[test]
fn a_lease_that_cannot_be_spent_any_more_is_given_back() {
    let world = World::new(1_000, 1_000);
    let (limiter, partner) = world.process();
    let take = || assert!(block_on(limiter.take(&partner, &world.policy, 1)).unwrap().is_allowed());
    (0..30).for_each(|_| take());
    for _ in 0..5 {
        world.clock.advance(Duration::from_millis(75));
        take();
    }
    assert!(world.leased() > 0);
    world.clock.advance(Duration::from_millis(75)); // 450 ms
    block_on(limiter.maintain());
    assert_eq!(world.leased(), 0);
}

/// How much time has passed is not known then.
#[test]
fn a_clock_that_is_set_back_ends_lease_and_refusal() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let world = World::new(1_000, 1_000);
    let clock = Arc::new(FakeClock::new(world.clock.now().saturating_add(HOUR)));
    let limiter = SharedLimiter::new(world.store.clone(), clock.clone());
    let process = (limiter.clone(), limiter.partner(ID));
    let take = || block_on(limiter.take(&process.1, &world.policy, 1)).unwrap().is_allowed();
    assert!((0..30).all(|_| take()) && world.leased() > 0);
    world.clock.advance(Duration::from_millis(600));
    clock.set(world.clock.now());
    let before = world.store.calls();
    assert!(take());
    assert_eq!(world.store.calls(), before + 1, "the lease has ended by the store's clock");

    clock.advance(HOUR);
    assert!(world.drain(&process) > 0 && !take());
    world.clock.advance(Duration::from_secs(1));
    clock.set(world.clock.now());
    assert!(take());
}
