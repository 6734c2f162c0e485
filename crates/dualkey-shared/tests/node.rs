//! The state of one process, step by step, without a store.

use std::num::NonZeroU32;
use std::time::Duration;

use dualkey_limit::{LimitPolicy, Rate, Timestamp};
use dualkey_shared::node::{Batch, NodeState};
use dualkey_store::{Lease, SharedStanding, SharedTake, SharedTaken};

/// Ten seconds before midnight.
const EVENING: Timestamp = Timestamp::from_secs(1_700_006_400 - 10);

fn policy() -> LimitPolicy {
    let number = |n: u32| NonZeroU32::new(n).expect("it is not zero");
    let policy = LimitPolicy::new(Rate::per_second(number(1_000)), number(1_000));
    policy.with_daily(number(10_000)).expect("it is representable")
}

fn later(millis: u64) -> Timestamp {
    EVENING.saturating_add(Duration::from_millis(millis))
}

/// What a store answers that grants everything.
fn granted(take: &SharedTake, at: Timestamp, used: u64) -> SharedTaken {
    let standing = SharedStanding {
        at,
        level: 500,
        remainder: 0,
        day: policy().day(at),
        utc_offset_secs: 0,
        granted: used,
        returned: 0,
        outstanding: 0,
        epoch: 0,
    };
    let lease = take.lease.map(|request| Lease {
        id: request.id,
        permits: request.permits,
        lifetime: Lease::LIFETIME,
    });
    SharedTaken { standing, granted: take.runs.iter().map(|run| run.count).collect(), lease }
}

/// A call for one caller, after enough others that it leases.
fn begin_call(node: &mut NodeState, now: Timestamp) -> SharedTake {
    let mut batch = Batch::default();
    for _ in 0..20 {
        if node.try_take(&policy(), now, 1).is_none() {
            batch = Batch::default();
            batch.join(1);
        }
    }
    node.begin_call(&policy(), now, batch.into_runs())
}

#[test]
fn a_lease_is_spent_for_450_ms_from_before_the_request() {
    let mut node = NodeState::new(1);
    let take = begin_call(&mut node, later(0));
    let answer =
        node.answered(&policy(), (later(0), later(90)), &take, granted(&take, later(40), 50));
    assert_eq!(answer.granted(), [1]);
    let last = later(450).saturating_sub(Duration::from_nanos(1));
    assert!(node.try_take(&policy(), last, 1).is_some());
    assert!(node.try_take(&policy(), later(450), 1).is_none());
}

#[test]
fn a_clock_that_steps_forwards_ends_the_lease() {
    let mut node = NodeState::new(1);
    let take = begin_call(&mut node, later(0));
    node.answered(&policy(), (later(0), later(1)), &take, granted(&take, later(0), 50));
    assert!(node.try_take(&policy(), later(3_600_000), 1).is_none());
    assert!(node.try_take(&policy(), later(2), 1).is_none(), "and back");
}

#[test]
fn a_new_day_begins_with_a_full_quota_in_the_standing() {
    let mut node = NodeState::new(1);
    let take = SharedTake::permits(1);
    node.answered(&policy(), (later(0), later(1)), &take, granted(&take, later(0), 9_000));
    assert_eq!(node.standing(&policy(), later(2)).daily_remaining(), Some(1_000));
    assert_eq!(node.standing(&policy(), later(10_000)).daily_remaining(), Some(10_000));
}

#[test]
fn a_lease_given_up_during_another_call_is_still_given_back() {
    let mut node = NodeState::new(1);
    let given_up = begin_call(&mut node, later(0));
    let under_way = begin_call(&mut node, later(1));
    node.abandoned(later(2), &given_up);
    node.answered(&policy(), (later(1), later(3)), &under_way, granted(&under_way, later(2), 50));
    assert!(node.needs_call(later(3)));
    let next = node.begin_call(&policy(), later(4), Vec::new());
    let given_up = given_up.lease.expect("it asks often").id;
    assert!(next.settlements.iter().any(|settlement| settlement.id == given_up));
}

#[test]
fn a_settlement_is_sent_until_a_call_is_answered() {
    let mut node = NodeState::new(1);
    let take = begin_call(&mut node, later(0));
    node.failed(later(100), &take);
    for millis in [101, 500, 1_099] {
        let again = node.begin_call(&policy(), later(millis), Vec::new());
        assert_eq!(again.settlements.len(), 1);
        node.failed(later(millis), &again);
    }
    assert!(node.begin_call(&policy(), later(1_100), Vec::new()).settlements.is_empty());
}
