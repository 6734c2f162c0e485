use dualkey_store::{PartnerId, SharedCall, SharedStanding, SharedTake};

use super::setup::{SharedSetup, number};

/// The call is about a partner of which there is no state, as after a restart that lost it.
fn lost<'a>(setup: &SharedSetup, number: u8, call: SharedCall<'a>) -> SharedCall<'a> {
    let mut bytes = *setup.partner.as_bytes();
    bytes[15] = 100 + number;
    SharedCall { partner: PartnerId::from_bytes(bytes), ..call }
}

pub(super) async fn a_lost_state_is_no_fresh_one(setup: SharedSetup) {
    let policy = setup.slow(10).with_daily(number(12)).expect("a policy");
    let known = setup.step(&policy, &SharedTake::permits(10)).await.standing;
    let call = lost(&setup, 0, setup.call(&policy));
    let refused = setup.limits.take(call.with_known(&known), &SharedTake::permits(1)).await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.granted, [0], "the bucket is as empty as it was");
    assert_eq!(refused.standing.used(), 10, "the day goes on");
    let stored = setup.limits.peek(call).await.expect("a standing");
    assert_eq!((stored.level, stored.used()), (0, 10), "a refusal stores what was merged");
}

pub(super) async fn of_granted_and_returned_the_larger_counts(setup: SharedSetup) {
    let policy = setup.slow(100);
    assert!(setup.lease(&policy, 1, 60).await.is_some());
    let early = setup.peek(&policy).await;
    let late = setup.settle(&policy, 1, 0, 50).await;
    let call = setup.call(&policy);
    let stale = setup.limits.peek(call.with_known(&early)).await.expect("a standing");
    assert_eq!((stale.granted, stale.returned), (60, 50), "a return is not undone");

    let call = lost(&setup, 0, call);
    let take = SharedTake::permits(1);
    setup.limits.take(call.with_known(&early), &take).await.expect("an answer");
    let merged = setup.limits.take(call.with_known(&late), &take).await.expect("an answer");
    assert_eq!((merged.standing.granted, merged.standing.returned), (62, 50));
}

pub(super) async fn another_day_or_offset_is_ignored(setup: SharedSetup) {
    let policy = setup.slow(10);
    let known = setup.step(&policy, &SharedTake::permits(4)).await.standing;
    let call = lost(&setup, 0, setup.call(&policy));
    for (days, seconds) in [(-1, 0), (1, 0), (0, 1)] {
        let utc_offset_secs = known.utc_offset_secs + seconds;
        let known = SharedStanding { day: known.day + days, utc_offset_secs, ..known };
        let standing = setup.limits.peek(call.with_known(&known)).await.expect("a standing");
        assert_eq!(standing.used(), 0);
        assert_eq!(standing.level, 6, "the level counts on every day");
    }
}

pub(super) async fn a_reset_is_not_undone(setup: SharedSetup) {
    let policy = setup.slow(100);
    assert!(setup.lease(&policy, 1, 30).await.is_some());
    assert!(setup.take(&policy, 70).await);
    let before = setup.peek(&policy).await;
    let call = setup.call(&policy);
    let reset = setup.limits.reset(call.with_known(&before)).await.expect("a standing");
    assert_eq!((reset.level, reset.outstanding, reset.used()), (70, 30, 30));
    assert!(reset.epoch > before.epoch);
    let take = SharedTake::permits(10);
    let taken = setup.limits.take(call.with_known(&before), &take).await.expect("an answer");
    assert_eq!(taken.standing.used(), 40, "the older count is ignored");

    let call = lost(&setup, 0, call);
    let none = SharedTake::permits(0);
    let restored = setup.limits.take(call.with_known(&before), &none).await.expect("an answer");
    assert_eq!(restored.standing.used(), 100, "the reset was lost");
    let again = setup.limits.take(call.with_known(&reset), &none).await.expect("an answer");
    assert_eq!(again.standing.used(), 30, "and comes back from who knows it");
}

pub(super) async fn usage_is_added_to_the_current_day(setup: SharedSetup) {
    let policy = setup.slow(10);
    let known = setup.step(&policy, &SharedTake::permits(4)).await.standing;
    let call = lost(&setup, 0, setup.call(&policy)).with_known(&known);
    for (days, permits, used) in [(0, 60, 64), (0, 0, 64), (-1, 5, 64), (1, 5, 64), (0, 6, 70)] {
        let standing = setup.limits.add_usage(call, known.day + days, permits).await;
        let standing = standing.expect("a standing");
        assert_eq!((standing.used(), standing.level), (used, 6), "beside what is known");
    }
    let standing = setup.limits.add_usage(call, known.day, u64::MAX).await.expect("a standing");
    assert_eq!(standing.granted, SharedStanding::MAX_COUNT);
}
