use std::time::Duration;

use dualkey_limit::Rate;
use dualkey_store::{Lease, LeaseId, LeaseRequest, LeaseSettlement, SharedTake, TakeRun};

use super::setup::{SharedSetup, number};

pub(super) async fn a_lease_keeps_its_place(setup: SharedSetup) {
    let slow = setup.slow(100);
    let lease = setup.lease(&slow, 1, 40).await.expect("a lease");
    assert_eq!((lease.permits, lease.id), (40, LeaseId::from_bits(1)));
    assert_eq!(lease.lifetime, Lease::LIFETIME);
    let fast = setup.policy(Rate::per_second(number(1_000_000)), 100);
    let standing = setup.peek(&fast).await;
    assert_eq!((standing.level, standing.outstanding, standing.used()), (60, 40, 40));
}

pub(super) async fn what_is_given_back_returns(setup: SharedSetup) {
    let policy = setup.slow(100).with_daily(number(100)).expect("a policy");
    assert!(setup.lease(&policy, 1, 60).await.is_some());
    let standing = setup.settle(&policy, 1, 10, 30).await; // 20 are spent
    assert_eq!((standing.level, standing.outstanding), (70, 10));
    assert_eq!((standing.granted, standing.returned, standing.used()), (60, 30, 30));
    assert!(setup.take(&policy, 70).await);
    assert!(!setup.take(&policy, 1).await);
}

pub(super) async fn a_repeated_settlement_changes_nothing(setup: SharedSetup) {
    let policy = setup.slow(100);
    assert!(setup.lease(&policy, 1, 60).await.is_some());
    setup.settle(&policy, 1, 10, 30).await;
    for (id, keep, give_back) in [(1, 10, 30), (1, 40, 20), (2, 0, 60)] {
        let standing = setup.settle(&policy, id, keep, give_back).await;
        assert_eq!((standing.level, standing.outstanding, standing.returned), (70, 10, 30));
    }
    for _ in 0..2 {
        let standing = setup.settle(&policy, 1, 0, 60).await;
        assert_eq!((standing.level, standing.outstanding, standing.returned), (80, 0, 40));
    }
}

pub(super) async fn a_lease_gets_what_is_left(setup: SharedSetup) {
    let policy = setup.slow(100).with_daily(number(70)).expect("a policy");
    assert!(setup.lease(&policy, 1, 40).await.is_some());
    assert_eq!(setup.lease(&policy, 1, 10).await, None, "the id is in use");
    let rest = setup.lease(&policy, 2, 40).await.expect("a lease");
    assert_eq!(rest.permits, 30, "the rest of the day");
    assert_eq!(setup.lease(&policy, 3, 40).await, None);
}

pub(super) async fn there_are_at_most_32_leases(setup: SharedSetup) {
    let policy = setup.slow(100);
    let mut count = 0;
    let mut last = None;
    for id in 0..40 {
        last = setup.lease(&policy, id, 1).await;
        count += u32::from(last.is_some());
    }
    // On a real clock, the first ones may have ended before the last one is requested.
    let outstanding = setup.peek(&policy).await.outstanding;
    assert!(outstanding <= 32, "{outstanding} leases");
    assert!(count >= 32 && (count == 32) == last.is_none());
    assert!(setup.take(&policy, 1).await, "takes go on");
}

pub(super) async fn a_lease_ends_by_itself(setup: SharedSetup, wait: &impl AsyncFn(Duration)) {
    let policy = setup.slow(100);
    assert!(setup.lease(&policy, 1, 60).await.is_some());
    wait(Lease::LIFETIME).await;
    let ended = setup.settle(&policy, 1, 0, 60).await;
    assert_eq!((ended.level, ended.outstanding, ended.returned), (40, 0, 0), "all is spent");
    let fast = setup.policy(Rate::per_second(number(1_000)), 100);
    wait(Duration::from_millis(100)).await;
    assert_eq!(setup.peek(&fast).await.level, 100, "its place refills");
}

pub(super) async fn one_call_settles_takes_and_leases(setup: SharedSetup) {
    let policy = setup.slow(100);
    assert!(setup.lease(&policy, 1, 100).await.is_some());
    let settlement = LeaseSettlement { id: LeaseId::from_bits(1), keep: 0, give_back: 50 };
    let take = SharedTake {
        settlements: vec![settlement],
        runs: vec![TakeRun { permits: 20, count: 3 }],
        lease: Some(LeaseRequest { id: LeaseId::from_bits(2), permits: 100 }),
    };
    let taken = setup.step(&policy, &take).await;
    assert_eq!(taken.granted, [2], "from what was given back");
    assert_eq!(taken.lease.map(|lease| lease.permits), Some(10), "from what is left");
    assert_eq!((taken.standing.level, taken.standing.outstanding), (0, 10));
}
