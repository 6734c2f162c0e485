mod decisions;
mod known;
mod leases;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use dualkey_store::SharedLimits;

use setup::SharedSetup;

/// Runs every check of [`SharedLimits`], each on partners of its own. The limits hold no state yet, and `wait`
/// completes when this time has passed on their clock: at once, if the clock belongs to the test.
///
/// ```
/// use std::sync::Arc;
/// use dualkey_limit::{FakeClock, Timestamp};
/// use dualkey_store::MemorySharedLimits;
/// use dualkey_testing::conformance;
///
/// let clock = FakeClock::new(Timestamp::from_secs(1_700_000_000));
/// let limits = Arc::new(MemorySharedLimits::new(Arc::new(clock.clone())));
/// pollster::block_on(conformance::check_shared_limits(limits, async |time| clock.advance(time)));
/// ```
///
/// # Panics
///
/// If the limits break the contract of the port; the message names what differs.
pub async fn check_shared_limits(limits: Arc<dyn SharedLimits>, wait: impl AsyncFn(Duration)) {
    let mut partners = 1_u8..;
    let mut partner = || partners.next().expect("fewer than 255 checks");
    let setup = async |partner| SharedSetup::new(Arc::clone(&limits), partner).await;
    decisions::both_limits_are_spent_or_neither(setup(partner()).await).await;
    decisions::callers_are_answered_in_their_order(setup(partner()).await).await;
    decisions::permits_come_at_the_rate(setup(partner()).await, &wait).await;
    decisions::a_peek_changes_nothing(setup(partner()).await).await;
    decisions::another_policy_keeps_permits_and_count(setup(partner()).await).await;
    decisions::partners_have_their_own_limits(setup(partner()).await, partner()).await;
    decisions::concurrent_calls_share_one_bucket(setup(partner()).await).await;
    decisions::the_largest_numbers_are_counted(setup(partner()).await).await;
    leases::a_lease_keeps_its_place(setup(partner()).await).await;
    leases::what_is_given_back_returns(setup(partner()).await).await;
    leases::a_repeated_settlement_changes_nothing(setup(partner()).await).await;
    leases::a_lease_gets_what_is_left(setup(partner()).await).await;
    leases::there_are_at_most_32_leases(setup(partner()).await).await;
    leases::a_lease_ends_by_itself(setup(partner()).await, &wait).await;
    leases::one_call_settles_takes_and_leases(setup(partner()).await).await;
    known::a_lost_state_is_no_fresh_one(setup(partner()).await).await;
    known::of_granted_and_returned_the_larger_counts(setup(partner()).await).await;
    known::another_day_or_offset_is_ignored(setup(partner()).await).await;
    known::a_reset_is_not_undone(setup(partner()).await).await;
    known::usage_is_added_to_the_current_day(setup(partner()).await).await;
}
