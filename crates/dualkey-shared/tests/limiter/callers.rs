//! Callers that give up, and callers on several threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dualkey_limit::Outcome;
use dualkey_shared::Away;
use futures_util::FutureExt as _;
use pollster::block_on;

use crate::support::World;

fn is_allowed(outcome: Result<Outcome, Away>) -> bool {
    outcome.expect("the store answers").is_allowed()
}

#[test]
fn the_lease_of_a_call_that_was_given_up_is_given_back() {
    let world = World::new(1_000, 1_000);
    let (limiter, partner) = world.process();
    for _ in 0..10 {
        assert!(is_allowed(block_on(limiter.take(&partner, &world.policy, 1))));
    }
    world.store.hold_answers();
    let given_up = limiter.take(&partner, &world.policy, 300);
    assert!(given_up.now_or_never().is_none());
    assert!(world.leased() > 0, "the answer is lost, not the call");
    world.store.release_answers();
    world.clock.advance(Duration::from_millis(200)); // it asks rarely now
    assert!(is_allowed(block_on(limiter.take(&partner, &world.policy, 300))));
    assert_eq!((world.leased(), world.used()), (0, 610));
}

#[test]
fn a_caller_that_gives_up_does_not_end_the_call_of_others() {
    let world = World::new(5, 10);
    let (limiter, partner) = world.process();
    world.store.hold_answers();
    let mut first = Box::pin(limiter.take(&partner, &world.policy, 1));
    let mut second = Box::pin(limiter.take(&partner, &world.policy, 2));
    let mut third = Box::pin(limiter.take(&partner, &world.policy, 3));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    assert!((&mut third).now_or_never().is_none());
    drop((first, second));
    world.store.release_answers();
    assert!(is_allowed(block_on(third)));
    assert_eq!((world.store.calls(), world.used()), (2, 6));
}

#[test]
fn callers_that_all_give_up_leave_room_for_the_next() {
    let world = World::new(5, 10);
    let (limiter, partner) = world.process();
    world.store.hold_answers();
    for _ in 0..2 {
        assert!(limiter.take(&partner, &world.policy, 1).now_or_never().is_none());
    }
    world.store.release_answers();
    assert!(is_allowed(block_on(limiter.take(&partner, &world.policy, 8))));
    assert!(!is_allowed(block_on(limiter.take(&partner, &world.policy, 1))));
}

#[test]
fn a_failed_call_that_a_caller_holds_fails_no_later_one() {
    let world = World::new(5, 10);
    let (limiter, partner) = world.process();
    world.store.hold_answers();
    let mut takes = [1, 1, 1].map(|n| Box::pin(limiter.take(&partner, &world.policy, n)));
    assert!(takes.iter_mut().all(|take| take.now_or_never().is_none()));
    world.store.set_down(true);
    world.store.release_answers();
    assert!(block_on(&mut takes[1]).is_err());
    world.store.set_down(false);
    assert!(is_allowed(block_on(limiter.take(&partner, &world.policy, 1))));
    drop(takes);
}

#[test]
fn callers_on_several_threads_share_one_bucket() {
    let world = World::new(1_000, 1_000);
    let (limiter, partner) = world.process();
    let granted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (limiter, partner, granted, policy) = (&limiter, &partner, &granted, &world.policy);
            scope.spawn(move || {
                for n in 0..500 {
                    let take = limiter.take(partner, policy, 1);
                    let is_granted = match (thread + n) % 50 {
                        // Without a wait, the caller may give up.
                        0 => take.now_or_never().is_some_and(is_allowed),
                        _ => is_allowed(block_on(take)),
                    };
                    granted.fetch_add(u64::from(is_granted), Ordering::SeqCst);
                    if n % 20 == 0 {
                        block_on(limiter.maintain());
                    }
                }
            });
        }
    });
    block_on(limiter.give_back());
    let granted = granted.into_inner();
    assert_eq!(world.leased(), 0);
    assert!(granted <= world.used() && world.used() <= 1_000, "{granted} {}", world.used());
    assert!(granted >= 900, "few callers gave up, not {granted} granted");
}

#[test]
fn maintenance_keeps_the_policy_of_callers_that_wait() {
    let world = World::new(1_000, 1_000).with_quota(310);
    let raised = world.policy.without_daily();
    let (limiter, partner) = world.process();
    for _ in 0..10 {
        assert!(is_allowed(block_on(limiter.take(&partner, &world.policy, 1))));
    }
    world.store.hold_answers();
    let mut first = Box::pin(limiter.take(&partner, &world.policy, 300));
    let mut second = Box::pin(limiter.take(&partner, &raised, 1));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    assert!(limiter.maintain().now_or_never().is_none());
    world.store.release_answers();
    assert!(is_allowed(block_on(second)));
}
