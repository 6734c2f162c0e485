use std::time::Duration;

use dualkey_limit::Rate;
use dualkey_store::{PartnerId, SharedCall, SharedTake, TakeRun};

use super::setup::{SharedSetup, number};
use crate::conformance::setup::join_all;

pub(super) async fn both_limits_are_spent_or_neither(setup: SharedSetup) {
    let policy = setup.slow(10).with_daily(number(12)).expect("a policy");
    assert!(setup.take(&policy, 7).await);
    assert!(!setup.take(&policy, 4).await, "3 are in the bucket");
    let standing = setup.peek(&policy).await;
    assert_eq!((standing.level, standing.used()), (3, 7), "a refusal spends nothing");

    let wider = setup.slow(10).with_daily(number(9)).expect("a policy");
    assert!(!setup.take(&wider, 3).await, "2 are left of the day");
    assert_eq!(setup.peek(&wider).await.level, 3, "a refusal spends nothing");
    assert!(setup.take(&wider, 2).await);
    assert!(setup.take(&wider, 0).await, "nothing is always granted");
    assert!(!setup.take(&setup.slow(10), 11).await, "more than the burst");
}

pub(super) async fn callers_are_answered_in_their_order(setup: SharedSetup) {
    let policy = setup.slow(20);
    let run = |permits, count| TakeRun { permits, count };
    let runs = vec![run(3, 2), run(10, 5), run(5, 1), run(0, 3), run(1, 9)];
    let taken = setup.step(&policy, &SharedTake { runs, ..SharedTake::default() }).await;
    assert_eq!(taken.granted, [2, 1, 0, 3, 4]);
    assert_eq!((taken.standing.level, taken.standing.granted), (0, 20));
}

pub(super) async fn permits_come_at_the_rate(setup: SharedSetup, wait: &impl AsyncFn(Duration)) {
    let policy = setup.policy(Rate::per_second(number(10)), 10);
    let before = setup.step(&policy, &SharedTake::permits(10)).await.standing;
    wait(Duration::from_millis(250)).await;
    let after = setup.peek(&policy).await;
    let passed = after.at.saturating_duration_since(before.at);
    let come = policy.rate().permits_in(passed).min(10);
    assert!(passed >= Duration::from_millis(250) && come >= 2);
    assert_eq!(u64::from(after.level), come);
}

pub(super) async fn a_peek_changes_nothing(setup: SharedSetup) {
    let policy = setup.slow(10);
    assert!(setup.take(&policy, 4).await);
    let known = setup.peek(&policy).await;
    assert_eq!((known.level, known.used()), (6, 4));
    let higher = dualkey_store::SharedStanding { granted: 9, ..known };
    let call = setup.call(&policy).with_known(&higher);
    assert_eq!(setup.limits.peek(call).await.expect("a standing").used(), 9, "as a take finds it");
    assert_eq!(setup.peek(&policy).await.used(), 4);
}

pub(super) async fn another_policy_keeps_permits_and_count(setup: SharedSetup) {
    let (wide, narrow) = (setup.slow(100), setup.slow(10));
    assert!(setup.take(&wide, 50).await);
    assert!(!setup.take(&narrow, 11).await);
    assert_eq!(setup.peek(&wide).await.level, 50, "a refusal under another burst cuts nothing");
    assert!(setup.take(&narrow, 4).await);
    let standing = setup.peek(&wide).await;
    assert_eq!((standing.level, standing.used()), (6, 54));
}

pub(super) async fn partners_have_their_own_limits(setup: SharedSetup, other: u8) {
    let policy = setup.slow(10);
    let other = SharedCall::new(PartnerId::from_bytes([other; 16]), &policy);
    assert!(setup.take(&policy, 10).await);
    let taken = setup.limits.take(other, &SharedTake::permits(10)).await.expect("an answer");
    assert_eq!(taken.granted, [1]);
}

pub(super) async fn concurrent_calls_share_one_bucket(setup: SharedSetup) {
    let policy = setup.slow(50).with_daily(number(40)).expect("a policy");
    let granted = join_all((0..100).map(|_| setup.take(&policy, 1))).await;
    assert_eq!(granted.into_iter().filter(|&granted| granted).count(), 40);
}

pub(super) async fn the_largest_numbers_are_counted(setup: SharedSetup) {
    let policy = setup.slow(u32::MAX);
    let take = |permits, count| SharedTake {
        runs: vec![TakeRun { permits, count }],
        ..SharedTake::default()
    };
    assert_eq!(setup.step(&policy, &take(u32::MAX, u32::MAX)).await.granted, [1]);
    assert_eq!(setup.peek(&policy).await.used(), u64::from(u32::MAX));
    let fastest = setup.policy(Rate::per_second(number(1_000_000)), u32::MAX);
    assert!(setup.peek(&fastest).await.level < u32::MAX);
}
