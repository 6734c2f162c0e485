//! Cases that random load does not find: the exact model of the store against the bound, step by step.

use std::num::NonZeroU32;

use dualkey_limit::{LimitPolicy, Timestamp};
use dualkey_store::{
    LeaseId, LeaseRequest, LeaseSettlement, SharedStanding, SharedTake, SharedTaken, TakeRun,
};

use crate::bound::Bound;
use crate::clocks::{Nanos, StoreClock};
use crate::plan::{MIDNIGHT, MILLI, SECOND, policy};
use crate::store::Store;

const LEASE: LeaseId = LeaseId::from_bits(1);
/// When a process spends the last permit of a lease at the latest.
const LAST: Nanos = 450 * MILLI - 1;

fn store() -> Store {
    Store::new(StoreClock::new(Timestamp::from_secs(MIDNIGHT - 10), 0), 0, None)
}

fn lease(store: &mut Store, now: Nanos, policy: &LimitPolicy, permits: u32) -> SharedTaken {
    let lease = Some(LeaseRequest { id: LEASE, permits });
    store.take(now, (policy, None), &SharedTake { lease, ..SharedTake::default() })
}

fn settle(store: &mut Store, now: Nanos, policy: &LimitPolicy, give_back: u32) -> SharedStanding {
    let settlements = vec![LeaseSettlement { id: LEASE, keep: 0, give_back }];
    store.take(now, (policy, None), &SharedTake { settlements, ..SharedTake::default() }).standing
}

/// All that is in the bucket.
fn drain(store: &mut Store, now: Nanos, policy: &LimitPolicy) -> u64 {
    let runs = vec![TakeRun { permits: 1, count: u32::MAX }];
    store.take(now, (policy, None), &SharedTake { runs, ..SharedTake::default() }).granted[0].into()
}

#[test]
fn an_ended_lease_keeps_its_place_until_its_end() {
    let (mut store, policy) = (store(), policy(1_000, 1_000));
    let mut bound = Bound::new(86_400_000, 1_000, 0, 0);
    assert_eq!(lease(&mut store, 0, &policy, 250).lease.map(|lease| lease.permits), Some(250));
    assert!(bound.spend(LAST / 1_000, 250));
    // The bucket could hold what the lease held only from 500 ms on.
    let granted = drain(&mut store, 501 * MILLI, &policy);
    assert_eq!(granted, 751);
    assert!(bound.spend(501_000, granted));
}

#[test]
fn what_returns_after_the_end_of_the_day_is_not_given_again() {
    let (mut store, policy) = (store(), policy(1_000, 1_000));
    let quota = NonZeroU32::new(600).expect("it is not zero");
    let policy = policy.with_daily(quota).expect("it is representable");
    let evening = 9_900 * MILLI;
    let leased = lease(&mut store, evening, &policy, 250);
    let lifetime = leased.lease.map(|lease| lease.lifetime.as_millis());
    assert_eq!(lifetime, Some(100), "it ends with the day");
    let standing = settle(&mut store, 10_001 * MILLI, &policy, 250);
    assert_eq!((standing.granted, standing.returned), (0, 0));
    assert_eq!(drain(&mut store, 10_002 * MILLI, &policy), 600);
}

#[test]
fn the_old_burst_bounds_until_the_last_lease_under_it_ends() {
    let (mut store, high, low) = (store(), policy(1_000, 1_000), policy(10, 10));
    let mut old = Bound::new(86_400_000, 1_000, 0, 0);
    assert!(lease(&mut store, 0, &high, 250).lease.is_some());
    assert!(old.spend(1_000, drain(&mut store, MILLI, &low)));
    assert!(old.spend(LAST / 1_000, 250));
    let mut new = Bound::new(864_000, 10, 0, 500_000);
    for at in (500 * MILLI..5 * SECOND).step_by(100_000_000) {
        assert!(new.spend(at / 1_000, drain(&mut store, at, &low)));
    }
}

#[test]
fn policies_in_turns_grant_no_more_than_the_larger_one() {
    let (mut store, policies) = (store(), [policy(1_000, 100), policy(10, 1_000)]);
    let mut bound = Bound::new(86_400_000, 1_000, 0, 0);
    for turn in 0..4 {
        for step in 0..50 {
            let at = turn * 5 * SECOND + step * 100 * MILLI;
            let granted = drain(&mut store, at, &policies[usize::from(turn % 2 == 0)]);
            assert!(bound.spend(at / 1_000, granted));
        }
    }
}

#[test]
fn a_store_that_restarts_empty_gives_no_fresh_day() {
    let (mut store, policy) = (store(), policy(1_000, 1_000));
    let quota = NonZeroU32::new(600).expect("it is not zero");
    let policy = policy.with_daily(quota).expect("it is representable");
    let take = SharedTake::permits(600);
    let taken = store.take(0, (&policy, None), &take);
    assert_eq!(taken.granted, [1]);
    store.forget(None);
    let again = store.take(SECOND, (&policy, Some(taken.standing)), &SharedTake::permits(1));
    assert_eq!((again.granted, again.standing.used()), (vec![0], 600));
}
