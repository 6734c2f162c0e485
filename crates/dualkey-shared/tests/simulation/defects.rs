//! Stores and processes with a fault that is built in. The checks find each.

use crate::plan::{Defect, Plan};
use crate::random::failure;
use crate::world::World;

const BOUND: &str = "more permits than burst + rate × T";

/// Whether one of a few hundred seeds shows that the defect breaks the promise.
fn is_found(defect: Defect, promise: &str) -> bool {
    (1..600).any(|seed| {
        let plan = Plan { defect: Some(defect), ..Plan::random(seed) };
        failure(&World::new(plan).run()).is_some_and(|failure| failure.contains(promise))
    })
}

#[test]
fn a_lease_without_a_margin_is_found() {
    assert!(is_found(Defect::NoMargin, BOUND));
}

#[test]
fn a_lease_counted_from_its_answer_is_found() {
    assert!(is_found(Defect::TimeFromAnswer, BOUND));
}

#[test]
fn a_refill_of_the_place_of_leases_is_found() {
    assert!(is_found(Defect::RefillNotCapped, BOUND));
}

#[test]
fn one_highest_count_of_used_permits_is_found() {
    assert!(is_found(Defect::OneHighestCount, "the day counts"));
}

#[test]
fn calls_that_run_after_they_were_given_up_are_found() {
    assert!(is_found(Defect::NoVoidTime, "after it was given up"));
}
