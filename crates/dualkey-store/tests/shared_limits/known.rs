//! What processes know of a state, and what the store merges of it.

use dualkey_limit::Timestamp;
use dualkey_store::{SharedCall, SharedLimits, SharedTake};
use pollster::block_on;

use crate::support::{EVENING, PARTNER, Shared, number, per_second};

const NOON: Timestamp = Timestamp::from_secs(1_700_049_600);

/// One highest count of used permits would undo every return: it counts 10,200 here.
#[test]
fn a_stale_standing_undoes_no_return() {
    let shared = Shared::new(per_second(10, 1_000), NOON);
    for round in 0..12 {
        assert!(shared.lease(round, 850).is_some());
        let stale = shared.peek();
        let standing = shared.settle(round, 0, 750);
        let merged = block_on(shared.limits.peek(shared.call(Some(&stale)))).unwrap();
        assert_eq!(merged, standing);
        let after = shared.step(Some(&stale), &SharedTake::permits(0)).standing;
        assert_eq!(after.used(), (round + 1) * 100);
        shared.advance(10_000_000);
    }
}

#[test]
fn a_store_that_restarted_empty_hands_out_no_fresh_day() {
    let shared = Shared::new(per_second(1, 100).with_daily(number(120)).unwrap(), NOON);
    assert_eq!(shared.drain(), 100);
    let known = shared.step(None, &SharedTake::permits(1)).standing;
    shared.limits.clear();
    let after = shared.step(Some(&known), &SharedTake::permits(1));
    assert_eq!((after.granted, after.standing), (vec![0], known), "nor a fresh bucket");
    assert_eq!(shared.drain(), 0, "and the state is stored again");
    shared.advance(90_000_000);
    assert_eq!(shared.drain(), 20, "the rest of the day");
}

/// Each of the two numbers is the larger one, so that writes that were lost come back from any process.
#[test]
fn of_granted_and_returned_the_larger_counts() {
    let shared = Shared::new(per_second(1, 100), NOON);
    assert!(shared.lease(1, 60).is_some());
    let early = shared.peek();
    let late = shared.settle(1, 0, 50);
    shared.limits.clear();
    assert_eq!(shared.step(Some(&early), &SharedTake::permits(1)).standing.used(), 61);
    let merged = shared.step(Some(&late), &SharedTake::permits(1)).standing;
    assert_eq!((merged.granted, merged.returned), (62, 50));
}

#[test]
fn a_count_of_another_day_or_offset_is_ignored() {
    let mut shared = Shared::new(per_second(1, 100), EVENING);
    assert_eq!(shared.drain(), 100);
    let known = shared.peek();
    shared.limits.clear();
    let offset = shared.policy.with_utc_offset_secs(5).unwrap();
    let other = SharedCall::new(PARTNER, &offset).with_known(&known);
    assert_eq!(block_on(shared.limits.peek(other)).unwrap().used(), 0);
    shared.advance(10_000_000);
    let next = shared.step(Some(&known), &SharedTake::permits(1)).standing;
    assert_eq!((next.used(), next.day), (1, known.day + 1));
    shared.policy = offset;
    assert_eq!(shared.peek().used(), 1, "a count stays under another offset of the same day");
}

#[test]
fn a_reset_is_not_undone_by_what_processes_know() {
    let shared = Shared::new(per_second(1, 100), NOON);
    assert!(shared.lease(1, 30).is_some());
    assert_eq!(shared.drain(), 70);
    let before = shared.peek();
    let reset = block_on(shared.limits.reset(shared.call(Some(&before)))).unwrap();
    assert_eq!((reset.level, reset.outstanding, reset.used()), (70, 30, 30));
    assert!(reset.epoch > before.epoch);
    assert_eq!(shared.step(Some(&before), &SharedTake::permits(10)).standing.used(), 40);

    shared.limits.clear();
    let restored = shared.step(Some(&before), &SharedTake::permits(0)).standing;
    assert_eq!((restored.used(), restored.epoch), (100, before.epoch), "the reset was lost");
    let again = shared.step(Some(&reset), &SharedTake::permits(0)).standing;
    assert_eq!((again.used(), again.epoch), (30, reset.epoch), "and is known to a process");
}

#[test]
fn usage_counted_elsewhere_is_added_to_the_current_day() {
    let shared = Shared::new(per_second(1, 100).with_daily(number(100)).unwrap(), NOON);
    assert!(shared.take(10));
    let known = shared.peek();
    shared.limits.clear();
    let add = |day, permits| {
        block_on(shared.limits.add_usage(shared.call(Some(&known)), day, permits)).unwrap()
    };
    assert_eq!(add(known.day, 60).used(), 70, "beside what is known");
    assert_eq!(add(known.day, 0).used(), 70);
    assert_eq!(add(known.day - 1, 60).used(), 70);
    assert_eq!(add(known.day + 1, 60).used(), 70);
    assert_eq!(shared.drain(), 30);
    assert_eq!(add(known.day, u64::MAX).granted, dualkey_store::SharedStanding::MAX_COUNT);
}
