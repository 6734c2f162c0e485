//! Single decisions with known answers: published tables, boundaries, days, clocks.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::num::NonZeroU32;
use std::time::Duration;

use dualkey_limit::{InvalidPolicy, LimitPolicy, LimitState, Meter, Outcome, Rate, Timestamp};

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn policy(rate: u32, burst: u32) -> LimitPolicy {
    LimitPolicy::new(Rate::per_second(number(rate)), number(burst))
}

fn millis(ms: u64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

const MIDNIGHT: u64 = 1_700_006_400;

/// The table that redis-cell and throttled share: 1 a second, 5 in the bucket. Columns: time in ms,
/// permits, whether refused, permits left, ms until full, ms to wait.
const REDIS_CELL: [(u64, u32, bool, u32, u64, Option<u64>); 15] = [
    (0, 6, true, 5, 0, None),
    (0, 1, false, 4, 1000, None),
    (0, 1, false, 3, 2000, None),
    (0, 1, false, 2, 3000, None),
    (0, 1, false, 1, 4000, None),
    (0, 1, false, 0, 5000, None),
    (0, 1, true, 0, 5000, Some(1000)),
    (3000, 1, false, 2, 3000, None),
    (3100, 1, false, 1, 3900, None),
    (4000, 1, false, 1, 4000, None),
    (8000, 1, false, 4, 1000, None),
    (9500, 1, false, 4, 1000, None),
    (9500, 0, false, 4, 1000, None),
    (9500, 2, false, 2, 3000, None),
    (9500, 5, true, 2, 3000, Some(3000)),
];

#[test]
fn the_table_of_redis_cell_and_throttled_holds() {
    let mut state = LimitState::default();
    for (at, permits, refused, left, time_to_full, wait) in REDIS_CELL {
        let (after, outcome) = state.take(&policy(1, 5), millis(at), permits);
        state = after;
        assert_eq!(!outcome.is_allowed(), refused, "at {at}");
        assert_eq!(outcome.burst_remaining(), left, "at {at}");
        assert_eq!(
            outcome.standing().time_to_full(),
            Duration::from_millis(time_to_full),
            "at {at}"
        );
        assert_eq!(outcome.retry_after(), wait.map(Duration::from_millis), "at {at}");
    }
}

#[test]
fn five_a_second_with_a_burst_of_ten() {
    let default = LimitPolicy::default();
    let mut state = LimitState::default();
    for left in (0..10).rev() {
        let (after, outcome) = state.take(&default, millis(0), 1);
        state = after;
        assert_eq!(outcome.burst_remaining(), left);
        assert_eq!(outcome.daily_remaining(), Some(9_990 + left));
    }
    for (at, wait) in [(0, 200), (199, 1)] {
        let outcome = state.peek(&default, millis(at), 1);
        assert!(matches!(outcome, Outcome::BurstExceeded(_)));
        assert_eq!(outcome.retry_after(), Some(Duration::from_millis(wait)));
    }
    assert!(state.peek(&default, millis(200), 1).is_allowed());
    assert_eq!(state.peek(&default, millis(1000), 0).burst_remaining(), 5);
    assert_eq!(state.peek(&default, millis(2000), 0).burst_remaining(), 10);
}

#[test]
fn three_permits_a_second_lose_nothing_to_rounding() {
    let mut state = LimitState::default().take(&policy(3, 3), millis(0), 3).0;
    for second in 1..=3_600 {
        for _ in 0..3 {
            let (after, outcome) = state.take(&policy(3, 3), millis(second * 1000 + 1), 1);
            state = after;
            assert!(outcome.is_allowed(), "second {second}");
        }
    }
}

#[test]
fn the_quota_restarts_at_midnight_and_the_bucket_does_not() {
    let daily = policy(5, 10).with_daily(number(10)).unwrap();
    let before = Timestamp::from_secs(MIDNIGHT - 1);
    let (state, spent) = LimitState::default().take(&daily, before, 10);
    assert_eq!(spent.daily_remaining(), Some(0));

    // The bucket holds a permit after 200 ms, and the day ends after 1 s. The later time decides.
    let refused = state.peek(&daily, before, 1);
    assert!(matches!(refused, Outcome::QuotaExceeded(_)));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));

    // Half a second before midnight, only the quota refuses.
    let later = before.saturating_add(Duration::from_millis(500));
    assert_eq!(state.peek(&daily, later, 1).retry_after(), Some(Duration::from_millis(500)));

    let next_day = Timestamp::from_secs(MIDNIGHT);
    let (_, granted) = state.take(&daily, next_day, 5);
    assert!(granted.is_allowed());
    assert_eq!(granted.daily_remaining(), Some(5));
    assert_eq!(granted.burst_remaining(), 0);
}

#[test]
fn a_bucket_that_refills_after_midnight_determines_the_wait() {
    let slow =
        LimitPolicy::new(Rate::per_hour(number(1)), number(2)).with_daily(number(2)).unwrap();
    let before = Timestamp::from_secs(MIDNIGHT - 60);
    let (state, _) = LimitState::default().take(&slow, before, 2);
    let refused = state.peek(&slow, before, 1);
    assert!(matches!(refused, Outcome::BurstExceeded(_)));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(3_600)));
}

#[test]
fn the_last_permit_of_a_day_waits_for_the_bucket_alone() {
    let daily = policy(5, 10).with_daily(number(11)).unwrap();
    let noon = Timestamp::from_secs(MIDNIGHT + 43_200);
    let (state, _) = LimitState::default().take(&daily, noon, 10);
    let refused = state.peek(&daily, noon, 1);
    assert!(matches!(refused, Outcome::BurstExceeded(_)));
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(200)));
    assert_eq!(refused.daily_remaining(), Some(1));
}

#[test]
fn where_both_limits_take_as_long_the_quota_is_exceeded() {
    let daily = policy(1, 10).with_daily(number(10)).unwrap();
    let before = Timestamp::from_secs(MIDNIGHT - 1);
    let (state, _) = LimitState::default().take(&daily, before, 10);
    let refused = state.peek(&daily, before, 1);
    assert!(matches!(refused, Outcome::QuotaExceeded(_)));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(1)));
}

#[test]
fn a_bucket_is_full_after_any_time_without_a_use() {
    let state = LimitState::default().take(&policy(5, 10), millis(1_000), 10).0;
    for nanos in (31..63).flat_map(|bits| [(1_u64 << bits) - 1, 1 << bits, 3 << (bits - 1)]) {
        let now = millis(1_000).saturating_add(Duration::from_nanos(nanos));
        let later = state.peek(&policy(5, 10), now, 0);
        assert_eq!(later.burst_remaining(), 10, "after {nanos} ns");
    }
}

#[test]
fn a_bucket_may_take_years_to_fill() {
    let slow = LimitPolicy::new(Rate::per_day(number(2)), number(10_000));
    let (_, granted) = LimitState::default().take(&slow, millis(0), 10_000);
    assert_eq!(granted.standing().time_to_full(), Duration::from_secs(5_000 * 86_400));
}

#[test]
fn a_day_can_begin_at_another_hour_than_midnight_utc() {
    let daily = policy(5, 10).with_daily(number(10)).unwrap();
    let east = daily.with_utc_offset_secs(3_600).unwrap();
    let west = daily.with_utc_offset_secs(-3_600).unwrap();
    let midnight = Timestamp::from_secs(MIDNIGHT);
    let ends_in =
        |policy| LimitState::default().peek(&policy, midnight, 0).standing().quota_resets_in();
    assert_eq!(ends_in(daily), Duration::from_secs(86_400));
    assert_eq!(ends_in(east), Duration::from_secs(82_800));
    assert_eq!(ends_in(west), Duration::from_secs(3_600));
}

#[test]
fn a_permit_a_day_is_counted_on_the_day_on_which_it_was_spent() {
    let daily =
        LimitPolicy::new(Rate::per_day(number(1)), number(3)).with_daily(number(2)).unwrap();
    let evening = Timestamp::from_secs(MIDNIGHT - 10);
    let state = LimitState::default().take(&daily, evening, 2).0;
    // The time in the state stays in the evening, and the third permit is spent in the morning.
    let morning = Timestamp::from_secs(MIDNIGHT + 10);
    let (state, outcome) = state.take(&daily, morning, 1);
    assert_eq!(outcome.daily_remaining(), Some(1));
    assert_eq!(state.used_today(&daily, Timestamp::from_secs(MIDNIGHT + 80_000)), 1);
    assert_eq!(state.used_today(&daily, Timestamp::from_secs(MIDNIGHT + 86_400)), 0);
}

#[test]
fn more_permits_than_a_full_bucket_or_day_have_no_retry_time() {
    let daily = policy(5, 10).with_daily(number(8)).unwrap();
    for permits in [9, 10, 11, u32::MAX] {
        let (state, outcome) = LimitState::default().take(&daily, millis(5), permits);
        assert!(matches!(outcome, Outcome::Unsatisfiable(_)));
        assert_eq!(outcome.retry_after(), None);
        assert_eq!(state, LimitState::default());
    }
}

#[test]
fn a_clock_set_back_locks_no_caller_out_and_keeps_the_count() {
    let daily = policy(5, 10).with_daily(number(100)).unwrap();
    let ahead = Timestamp::from_secs(MIDNIGHT + 10 * 86_400);
    let state = LimitState::default().take(&daily, ahead, 10).0;

    let back = Timestamp::from_secs(MIDNIGHT + 100);
    let (state, refused) = state.take(&daily, back, 1);
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(200)));
    assert_eq!(refused.daily_remaining(), Some(90));

    // The refusal wrote the state as of now, so later refusals do not restart the wait.
    let later = back.saturating_add(Duration::from_millis(200));
    let (_, granted) = state.take(&daily, later, 1);
    assert!(granted.is_allowed());
    assert_eq!(granted.daily_remaining(), Some(89));
}

#[test]
fn a_clock_back_by_100_ms_has_stopped_and_by_more_was_set_back() {
    let (five, ahead) = (policy(5, 10), millis(1_000));
    let state = LimitState::default().take(&five, ahead, 10).0;
    let stopped = ahead.saturating_sub(Duration::from_millis(100));
    let (same, refused) = state.take(&five, stopped, 1);
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(300)));
    assert_eq!(same, state);

    let set_back = stopped.saturating_sub(Duration::from_nanos(1));
    let (rewritten, refused) = state.take(&five, set_back, 1);
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(200)));
    assert_ne!(rewritten, state);
}

#[test]
fn a_word_of_the_last_representable_day_is_rewritten_once() {
    let policy = LimitPolicy::new(Rate::per_day(number(2)), number(2))
        .with_daily(number(2))
        .and_then(|policy| policy.with_utc_offset_secs(-11_777))
        .unwrap();
    let now = Timestamp::from_nanos(18_446_744_073_701_163_007);
    let word = LimitState::from_bits(340_282_366_683_253_975_920_581_594_613_739_945_983);
    let (kept, refused) = word.take(&policy, now, 1);
    assert!(matches!(refused, Outcome::QuotaExceeded(_)));
    assert_eq!(kept.take(&policy, now, 1), (kept, refused));
}

#[test]
fn clock_readings_out_of_order_grant_nothing_extra() {
    let mut state = LimitState::default().take(&policy(1000, 1), millis(1_000), 1).0;
    // Two threads alternate, with readings 1 ms apart. Each turn takes 10 µs.
    let mut granted = 0;
    for turn in 0..100 {
        for offset in [1, 0] {
            let now = Timestamp::from_nanos(1_000_000_000 + turn * 10_000 + offset * 1_000_000);
            let (after, outcome) = state.take(&policy(1000, 1), now, 1);
            state = after;
            granted += u32::from(outcome.is_allowed());
        }
    }
    assert!(
        granted <= 1 + 2,
        "two permits accrue in 1 ms of inversion and 1 ms of progress: {granted}"
    );
}

#[test]
fn a_wait_is_exact_right_after_the_rate_changed() {
    let (before, after) = (policy(5, 10), policy(3, 10));
    let state = LimitState::default().take(&before, millis(0), 10).0;
    let (state, refused) = state.take(&after, millis(535), 3);
    let then = millis(535).saturating_add(refused.retry_after().unwrap());
    assert!(state.peek(&after, then, 3).is_allowed());
    let a_nanosecond_before = then.saturating_sub(Duration::from_nanos(1));
    assert!(!state.peek(&after, a_nanosecond_before, 3).is_allowed());
}

/// A faster policy waits at least as long as a permit takes at the old pace, and at most an eighth longer.
#[test]
fn the_pace_of_an_earlier_policy_is_known_to_an_eighth() {
    let fast = policy(1_000_000, 10);
    for rate in 1..=100 {
        let (state, _) = LimitState::default().take(&policy(rate, 10), millis(0), 10);
        let wait = state.peek(&fast, millis(0), 1).retry_after().unwrap();
        let permit = policy(rate, 10).rate().time_for(1);
        assert!(wait >= permit && wait <= permit * 9 / 8, "{rate} a second: {wait:?}");
    }
}

/// Two policies take turns, 10 ms apart, for 6 s. The first alone grants 39 permits.
#[test]
fn policies_of_different_pace_take_turns_without_starving() {
    for (one, other) in [(5, 6), (6, 5), (5, 500), (5, 5)] {
        let policies = [policy(one, 10), policy(other, 10)];
        let mut state = LimitState::default();
        let mut granted = 0;
        for turn in 0..600 {
            let policy = &policies[turn % 2];
            let (after, outcome) = state.take(policy, millis(turn as u64 * 10), 1);
            granted += u64::from(outcome.is_allowed());
            assert!(outcome.is_allowed() || after == state, "a refusal changes nothing");
            state = after;
        }
        let fastest = u64::from(one.max(other));
        assert!(granted >= 39 && granted <= 10 + 6 * fastest, "{one} and {other}: {granted}");
    }
}

#[test]
fn a_permit_under_way_completes_under_a_faster_rate() {
    let (slow, fast) = (policy(1, 10), policy(100, 10));
    let (state, _) = LimitState::default().take(&slow, millis(0), 10);
    // Half a permit has come at the old pace, and none of the new one's 50.
    assert!(!state.peek(&fast, millis(500), 1).is_allowed());
    // The old pace is known to an eighth.
    let wait = state.peek(&fast, millis(500), 1).retry_after().unwrap();
    assert!(wait >= Duration::from_millis(500) && wait <= Duration::from_millis(625), "{wait:?}");
    let then = millis(500).saturating_add(wait);
    assert_eq!(state.peek(&fast, then, 0).burst_remaining(), 1);
    let later = then.saturating_add(Duration::from_millis(40));
    assert_eq!(state.peek(&fast, later, 0).burst_remaining(), 5);

    let (almost_full, _) = LimitState::default().take(&slow, millis(0), 1);
    assert_eq!(almost_full.peek(&fast, millis(500), 0).burst_remaining(), 9);
}

#[test]
fn a_grant_carries_the_part_of_a_permit_to_a_faster_rate() {
    let (slow, fast) = (policy(1, 10), policy(10, 10));
    let (state, _) = LimitState::default().take(&slow, millis(0), 9);
    let (state, granted) = state.take(&fast, millis(900), 1);
    assert!(granted.is_allowed());
    // At least 900 of 1125 parts have come, so at most 28 ms are missing.
    let wait = state.peek(&fast, millis(900), 1).retry_after().unwrap();
    assert!(wait >= Duration::from_millis(10) && wait <= Duration::from_millis(28), "{wait:?}");
}

/// Part of the permit under way, old and new rate, and the wait for the rest of it.
#[test]
fn a_replaced_policy_carries_the_part_of_a_permit_over() {
    let a_day = LimitPolicy::new(Rate::per_day(number(10)), number(10));
    let an_hour = LimitPolicy::new(Rate::per_hour(number(1)), number(10));
    let millis = Duration::from_millis;
    for (from, to, passed, wait) in [
        (a_day, policy(5, 10), millis(0), millis(200)),
        // 3,600 of 8,640 seconds are 5 of 12 parts, and 7 parts of 200 ms are missing.
        (a_day, policy(5, 10), millis(3_600_000), Duration::from_nanos(116_666_667)),
        (policy(5, 10), an_hour, millis(100), millis(1_800_000)),
        (an_hour, an_hour, millis(900_000), millis(2_700_000)),
    ] {
        let start = Timestamp::from_secs(MIDNIGHT);
        let (state, _) = LimitState::default().take(&from, start, 10);
        let now = start.saturating_add(passed);
        let state = state.change_policy(&from, &to, now);
        assert_eq!(state.peek(&to, now, 1).retry_after(), Some(wait));
    }
}

#[test]
fn a_bucket_that_is_full_now_carries_no_part_of_a_permit_over() {
    let (from, to) = (policy(5, 10), policy(5, 3));
    let (state, _) = LimitState::default().take(&from, millis(0), 7);
    let state = state.change_policy(&from, &to, millis(100));
    // The next permit comes 200 ms after the change, also for a thread whose clock is 50 ms behind.
    let (state, granted) = state.take(&to, millis(50), 3);
    assert!(granted.is_allowed());
    let wait = state.peek(&to, millis(50), 1).retry_after();
    assert_eq!(wait, Some(Duration::from_millis(250)));
}

#[test]
fn a_replaced_policy_keeps_permits_up_to_its_burst() {
    let (small, large) = (policy(5, 3), policy(5, 20));
    let (used, _) = LimitState::default().take(&policy(5, 10), millis(0), 4);
    for (to, permits) in [(small, 3), (large, 6)] {
        let state = used.change_policy(&policy(5, 10), &to, millis(0));
        assert_eq!(state.peek(&to, millis(0), 0).burst_remaining(), permits);
    }
    let unused = LimitState::default().change_policy(&small, &large, millis(0));
    assert_eq!(unused.peek(&large, millis(0), 0).burst_remaining(), 20, "a new caller");
}

#[test]
fn a_replaced_policy_keeps_todays_count_and_no_other() {
    let quota = |offset| policy(5, 10).with_utc_offset_secs(offset).unwrap();
    let evening = Timestamp::from_secs(MIDNIGHT - 3_600);
    let (used, _) = LimitState::default().take(&quota(0), evening, 4);
    // Two hours east of UTC, the next day has begun.
    let east = used.change_policy(&quota(0), &quota(7_200), evening);
    assert_eq!(east.used_today(&quota(7_200), evening), 4);
    let morning = Timestamp::from_secs(MIDNIGHT);
    let next_day = used.change_policy(&quota(0), &quota(7_200), morning);
    assert_eq!(next_day.used_today(&quota(7_200), morning), 0);
}

#[test]
fn a_meter_fills_at_a_replaced_rate_from_then_on() {
    let slow = LimitPolicy::new(Rate::per_day(number(1)), number(1));
    let (fast, meter) = (policy(5, 10), Meter::new());
    assert!(meter.take(&slow, millis(0), 1).is_allowed());
    meter.change_policy(&slow, &fast, millis(0));
    assert!(!meter.take(&fast, millis(199), 1).is_allowed());
    assert!(meter.take(&fast, millis(200), 1).is_allowed());
    assert_eq!(meter.state().used_today(&fast, millis(200)), 2);
}

#[test]
fn the_days_count_is_exact_under_every_burst() {
    let quota = policy(1_000, 10).with_daily(number(1_000)).unwrap();
    let huge = policy(1_000, 4_000_000_000);
    let mut state = LimitState::default();
    for step in 0..999 {
        state = state.take(&huge, millis(step), 1).0;
    }
    assert_eq!(state.used_today(&huge, millis(1_000)), 999);
    assert_eq!(state.peek(&quota, millis(1_000), 0).daily_remaining(), Some(1));
    let (state, last) = state.take(&quota, millis(1_000), 1);
    assert!(last.is_allowed());
    assert_eq!(last.daily_remaining(), Some(0));
    let (state, _) = state.take(&huge, millis(1_001), 1);
    assert!(matches!(state.peek(&quota, millis(1_010), 1), Outcome::QuotaExceeded(_)));
    assert_eq!(state.used_today(&quota, millis(1_010)), 1_001);
    assert_eq!(state.used_today(&quota, Timestamp::from_secs(86_400)), 0);
}

#[test]
fn a_days_count_may_exceed_32_bits() {
    let huge = policy(1_000_000, u32::MAX);
    let (state, _) = LimitState::default().take(&huge, millis(0), u32::MAX);
    let (state, _) = state.take(&huge, millis(5_000), 5_000_000);
    assert_eq!(state.used_today(&huge, millis(5_000)), u64::from(u32::MAX) + 5_000_000);
    assert_eq!(state.used_today(&policy(5, 10), millis(5_000)), u64::from(u32::MAX) + 5_000_000);
}

#[test]
fn a_meter_counts_exactly_under_every_burst() {
    let quota = policy(1_000, 10).with_daily(number(1_000)).unwrap();
    let huge = policy(1_000, 4_000_000_000);
    let meter = Meter::new();
    for step in 0..999 {
        assert!(meter.take(&huge, millis(step), 1).is_allowed());
    }
    assert_eq!(meter.state().used_today(&huge, millis(999)), 999);
    assert_eq!(meter.peek(&quota, millis(999), 0).daily_remaining(), Some(1));
    meter.add_used_today(&huge, millis(999), 100);
    assert_eq!(meter.state().used_today(&huge, millis(999)), 1_099);
    assert_eq!(Meter::from(meter.state()).state(), meter.state());
    assert!(matches!(meter.take(&quota, millis(999), 1), Outcome::QuotaExceeded(_)));
    assert_eq!(meter.state().used_today(&quota, millis(999)), 1_099);
}

#[test]
fn a_restored_count_limits_the_rest_of_the_day() {
    let default = LimitPolicy::default();
    let now = Timestamp::from_secs(MIDNIGHT + 5);
    let restored = LimitState::default().with_used_today(&default, now, 9_999);
    let (state, outcome) = restored.take(&default, now, 1);
    assert_eq!(outcome.daily_remaining(), Some(0));
    assert!(matches!(state.peek(&default, now, 1), Outcome::QuotaExceeded(_)));
}

#[test]
fn permits_are_counted_without_a_quota_too() {
    let state = LimitState::default().take(&policy(5, 10), millis(0), 7).0;
    assert_eq!(state.used_today(&policy(5, 10), millis(0)), 7);
    assert_eq!(state.peek(&policy(5, 10), millis(0), 1).daily_remaining(), None);
    let quota = policy(5, 10).with_daily(number(9)).unwrap();
    assert_eq!(state.peek(&quota, millis(0), 0).daily_remaining(), Some(2));
}

#[test]
fn a_state_is_fresh_when_full_and_unused_today() {
    let default = LimitPolicy::default();
    let now = Timestamp::from_secs(MIDNIGHT);
    assert!(LimitState::default().is_fresh(&default, now));
    let state = LimitState::default().take(&default, now, 1).0;
    assert!(!state.is_fresh(&default, now));
    assert!(!state.is_fresh(&default, Timestamp::from_secs(MIDNIGHT + 86_399)));
    assert!(state.is_fresh(&default, Timestamp::from_secs(MIDNIGHT + 86_400)));
}

#[test]
fn standings_are_equal_if_all_that_they_show_is_equal() {
    let quota = policy(5, 10).with_daily(number(100)).unwrap();
    let (used, _) = LimitState::default().take(&quota, millis(0), 5);
    let standing = |state: LimitState, policy, at| *state.peek(policy, millis(at), 0).standing();
    assert_eq!(standing(used, &quota, 0), standing(used, &quota, 0));
    assert_ne!(standing(used, &quota, 0), standing(used, &quota, 100), "another time to full");
    assert_ne!(standing(used, &quota, 0), standing(LimitState::default(), &quota, 0));
    let other = quota.with_daily(number(101)).unwrap().without_daily();
    assert_eq!(other, policy(5, 10));
    let without = |policy| standing(LimitState::default(), policy, 0);
    assert_ne!(without(&policy(5, 10)), without(&policy(6, 10)), "another policy, equally full");
}

#[test]
fn debug_output_shows_a_state_as_a_number() {
    let (state, _) = LimitState::default().take(&policy(5, 10), millis(0), 3);
    let shown = format!("LimitState({:#034x}, excess 0)", state.to_bits());
    assert_eq!(format!("{state:?}"), shown);
    assert_eq!(format!("{:?}", Meter::from(state)), format!("Meter({shown})"));
}

#[test]
fn policies_out_of_range_are_errors() {
    let fast = LimitPolicy::new(Rate::per_second(number(1_000_001)), number(1));
    assert_eq!(fast.validated(), Err(InvalidPolicy::Rate));
    assert_eq!(fast.with_daily(number(1)), Err(InvalidPolicy::Rate));
    let fast = LimitPolicy::new(Rate::per_minute(number(60_000_001)), number(1));
    assert_eq!(fast.validated(), Err(InvalidPolicy::Rate));
    assert!(policy(1_000_000, 1).validated().is_ok());

    let pairs = [(u32::MAX, 127), (32_767, 16_777_215), (127, u32::MAX), (524_287, 1_048_575)];
    for (burst, daily) in pairs {
        assert!(policy(1, burst).with_daily(number(daily)).is_ok());
        let size = Err(InvalidPolicy::TooLarge);
        if daily < u32::MAX {
            assert_eq!(policy(1, burst).with_daily(number(daily + 1)), size);
        }
        if burst < u32::MAX {
            assert_eq!(policy(1, burst + 1).with_daily(number(daily)), size);
        }
    }

    assert_eq!(policy(1, 1).with_utc_offset_secs(86_400), Err(InvalidPolicy::UtcOffset));
    assert_eq!(policy(1, 1).with_utc_offset_secs(i32::MIN), Err(InvalidPolicy::UtcOffset));
}

#[test]
fn times_of_a_rate_are_rounded_away_from_the_caller() {
    let three = Rate::per_second(number(3));
    assert_eq!(three.time_for(3), Duration::from_secs(1));
    assert_eq!(three.time_for(1), Duration::from_nanos(333_333_334));
    assert_eq!(three.permits_in(Duration::from_nanos(333_333_333)), 0);
    assert_eq!(three.permits_in(Duration::from_secs(2)), 6);
    assert_eq!(LimitPolicy::default().fill_time(), Duration::from_secs(2));
}
