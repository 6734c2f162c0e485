//! Leases, one rule at a time.

use dualkey_limit::Timestamp;
use dualkey_store::Lease;

use crate::support::{EVENING, Shared, number, per_second};

const NOON: Timestamp = Timestamp::from_secs(1_700_049_600);

#[test]
fn a_leased_permit_keeps_its_place_in_the_bucket() {
    let shared = Shared::new(per_second(1_000, 1_000), NOON);
    assert_eq!(shared.lease(1, 250).unwrap().permits, 250);
    shared.advance(400_000);
    assert_eq!(shared.drain(), 750, "full, beside the lease");
    shared.advance(99_000);
    assert_eq!((shared.peek().level, shared.peek().outstanding), (99, 250));
}

/// The process spends its lease in its last moment, and others find a bucket of which no more has refilled
/// than what came after the end.
#[test]
fn an_ended_lease_bounds_the_refill_until_its_end() {
    let shared = Shared::new(per_second(1_000, 1_000), NOON);
    let lease = shared.lease(1, 250).unwrap();
    shared.advance(499_000); // 250 permits are spent from the lease
    shared.advance(2_000);
    assert_eq!(lease.permits + shared.drain(), 1_001);
    assert_eq!(shared.peek().outstanding, 0);
}

#[test]
fn leases_that_end_in_turn_each_bound_the_refill() {
    let shared = Shared::new(per_second(1_000, 100), NOON);
    assert!(shared.lease(1, 40).is_some());
    shared.advance(10_000);
    assert!(shared.lease(2, 60).is_some());
    shared.advance(495_000); // the first ended 5 ms ago: 5 permits came in its place
    assert_eq!((shared.peek().level, shared.peek().outstanding), (5, 60));
    shared.advance(10_000); // the second ended 5 ms ago: 10 permits came before, and 5 since
    assert_eq!((shared.peek().level, shared.peek().outstanding), (15, 0));
}

#[test]
fn what_is_given_back_returns_to_bucket_and_day() {
    let policy = per_second(1, 100).with_daily(number(100)).unwrap();
    let shared = Shared::new(policy, NOON);
    assert!(shared.lease(1, 60).is_some());
    let standing = shared.settle(1, 10, 30); // 20 are spent
    assert_eq!((standing.level, standing.outstanding), (70, 10));
    assert_eq!((standing.granted, standing.returned, standing.used()), (60, 30, 30));
    assert_eq!(shared.drain(), 70);
}

#[test]
fn a_repeated_late_or_unknown_settlement_changes_nothing() {
    let shared = Shared::new(per_second(1, 100), NOON);
    assert!(shared.lease(1, 60).is_some());
    let first = shared.settle(1, 10, 30);
    for (id, keep, give_back) in [(1, 10, 30), (1, 40, 20), (2, 0, 60)] {
        assert_eq!(shared.settle(id, keep, give_back), first);
    }
    assert_eq!(shared.settle(1, 0, 60).returned, 40, "no more than is leased");
    assert_eq!(shared.settle(1, 0, 60).returned, 40, "the lease is over");

    assert!(shared.lease(3, 5).is_some());
    shared.advance(500_000);
    assert_eq!(shared.settle(3, 0, 5).returned, 40, "the lease has ended");
}

#[test]
fn a_lease_ends_with_the_day() {
    let policy = per_second(1, 100).with_daily(number(100)).unwrap();
    let shared = Shared::new(policy, EVENING);
    shared.advance(9_800_000);
    let lease = shared.lease(1, 60).unwrap();
    assert_eq!(lease.lifetime.as_millis(), 200);
    assert_eq!(lease.usable_for().as_millis(), 180);
    shared.advance(200_000);
    let standing = shared.settle(1, 0, 60);
    assert_eq!((standing.granted, standing.returned, standing.outstanding), (0, 0, 0));
}

#[test]
fn a_partner_has_at_most_32_leases() {
    let shared = Shared::new(per_second(1, 1_000), NOON);
    for id in 0..32 {
        assert!(shared.lease(id, 1).is_some());
    }
    assert_eq!(shared.lease(32, 1), None);
    assert!(shared.take(1), "takes go on");
    shared.settle(0, 0, 1);
    assert!(shared.lease(32, 1).is_some());
    assert_eq!(Lease::MAX_PER_PARTNER, 32);
}

#[test]
fn a_lease_gets_what_is_left_and_its_id_once() {
    let policy = per_second(1, 100).with_daily(number(70)).unwrap();
    let shared = Shared::new(policy, NOON);
    assert_eq!(shared.lease(1, 40).unwrap().permits, 40);
    assert_eq!(shared.lease(1, 10), None, "the id is in use");
    assert_eq!(shared.lease(2, 40).unwrap().permits, 30, "the rest of the day");
    assert_eq!(shared.lease(3, 40), None);
}

#[test]
fn a_clock_set_back_moves_the_ends_of_leases() {
    let shared = Shared::new(per_second(10, 100), NOON);
    assert!(shared.lease(1, 40).is_some());
    shared.clock.set(Timestamp::from_secs(NOON.as_secs() - 3_600));
    assert!(shared.take(1));
    shared.advance(499_999);
    assert_eq!(shared.peek().outstanding, 40);
    shared.advance(1);
    assert_eq!(shared.peek().outstanding, 0);
}

/// The old burst bounds until the old leases end.
#[test]
fn a_lower_burst_holds_when_the_leases_end() {
    let mut shared = Shared::new(per_second(1_000, 100), NOON);
    assert!(shared.lease(1, 60).is_some());
    shared.policy = per_second(1_000, 10);
    assert_eq!(shared.drain(), 0);
    shared.advance(505_000);
    assert_eq!(shared.drain(), 5);
    shared.advance(1_000_000);
    assert_eq!(shared.drain(), 10);
}
