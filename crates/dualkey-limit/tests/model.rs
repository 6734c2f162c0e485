//! The decision against a naive model in exact arithmetic, over random policies and requests.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests may panic")]

mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use dualkey_limit::{LimitPolicy, LimitState, Meter, Outcome, Rate, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use support::Naive;

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

fn rates() -> impl Strategy<Value = Rate> {
    let small = || prop_oneof![1..20_u32, 1..=1_000_000_u32].prop_map(number);
    prop_oneof![
        small().prop_map(Rate::per_second),
        small().prop_map(Rate::per_minute),
        small().prop_map(Rate::per_hour),
        small().prop_map(Rate::per_day),
        (999_000..=1_000_000_u32).prop_map(|n| Rate::per_second(number(n))),
    ]
}

fn policies() -> impl Strategy<Value = LimitPolicy> {
    let burst = prop_oneof![1..20_u32, 1..100_000_u32, 1..=u32::MAX];
    let daily = prop_oneof![Just(None), (1..50_u32).prop_map(Some), (1..=u32::MAX).prop_map(Some)];
    let offset = prop_oneof![Just(0), -86_399..86_400_i32];
    (rates(), burst, daily, offset).prop_filter_map("too large", |(rate, burst, daily, offset)| {
        let policy = LimitPolicy::new(rate, number(burst)).with_utc_offset_secs(offset).unwrap();
        match daily {
            Some(daily) => policy.with_daily(number(daily)).ok(),
            None => Some(policy),
        }
    })
}

/// Time steps around those of a policy, in nanoseconds: one permit, a full bucket, a day.
fn steps() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => Just(0),
        2 => 0..2_000_u64,
        4 => 0..2_000_000_000_u64,
        2 => 0..200_000_000_000_000_u64,
        1 => Just(86_400_000_000_000),
    ]
}

fn amounts() -> impl Strategy<Value = u32> {
    prop_oneof![5 => Just(1), 3 => 0..12_u32, 1 => any::<u32>()]
}

fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..u64::MAX / 4, Just(1_700_000_000_000_000_000)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// The permits granted are at most those of exact arithmetic, so at most `burst + rate × T` in any
    /// window, and at least those less a millionth. The day's count equals that of the model.
    #[test]
    fn every_decision_matches_the_model(
        policy in policies(),
        start in starts(),
        requests in vec((steps(), amounts()), 1..80),
    ) {
        let mut now = Timestamp::from_nanos(start);
        let mut state = LimitState::default();
        let mut naive = Naive::new(&policy, now);
        for (step, permits) in requests {
            now = now.saturating_add(Duration::from_nanos(step));
            naive.advance(&policy, now);
            let (after, outcome) = state.take(&policy, now, permits);
            match outcome {
                Outcome::Allowed(standing) => {
                    prop_assert!(naive.bucket_holds(permits) && naive.day_allows(&policy, permits));
                    naive.spend(permits);
                    prop_assert!(naive.bucket_holds(standing.burst_remaining()));
                    prop_assert!(!naive.bucket_surely_holds(standing.burst_remaining() + 1));
                }
                Outcome::Unsatisfiable(_) => {
                    let daily = policy.daily().map_or(u32::MAX, NonZeroU32::get);
                    prop_assert!(permits > policy.burst().get() || permits > daily);
                }
                Outcome::BurstExceeded(_) => prop_assert!(!naive.bucket_surely_holds(permits)),
                Outcome::QuotaExceeded(_) => prop_assert!(!naive.day_allows(&policy, permits)),
                _ => unreachable!(),
            }
            if !outcome.is_allowed() {
                prop_assert_eq!(after, state, "a refusal changes nothing");
            }
            if let Some(daily) = policy.daily() {
                let left = u64::from(daily.get()).saturating_sub(naive.used);
                prop_assert_eq!(outcome.daily_remaining().map(u64::from), Some(left));
            }
            state = after;
        }
    }

    #[test]
    fn a_wait_is_exact_to_the_nanosecond(
        policy in policies(),
        start in starts(),
        requests in vec((steps(), amounts()), 1..40),
    ) {
        let mut now = Timestamp::from_nanos(start);
        let mut state = LimitState::default();
        for (step, permits) in requests {
            now = now.saturating_add(Duration::from_nanos(step));
            let (after, outcome) = state.take(&policy, now, permits);
            state = after;
            let Some(wait) = outcome.retry_after() else { continue };
            let then = u128::from(now.as_nanos()) + wait.as_nanos();
            let Ok(then) = u64::try_from(then) else { continue };
            let early = Timestamp::from_nanos(then - 1);
            prop_assert!(state.peek(&policy, Timestamp::from_nanos(then), permits).is_allowed());
            prop_assert!(!state.peek(&policy, early, permits).is_allowed());
        }
    }

    /// The bucket is full after exactly `time_to_full`, and a new day begins after exactly `quota_resets_in`.
    #[test]
    fn a_standing_predicts_full_bucket_and_new_day(
        policy in policies(),
        start in starts(),
        requests in vec((steps(), 1..12_u32), 1..40),
    ) {
        let mut now = Timestamp::from_nanos(start);
        let mut state = LimitState::default();
        for (step, permits) in requests {
            now = now.saturating_add(Duration::from_nanos(step));
            let (after, outcome) = state.take(&policy, now, permits);
            state = after;
            let standing = *outcome.standing();
            let after = |wait: Duration| {
                let then = u64::try_from(u128::from(now.as_nanos()) + wait.as_nanos()).ok()?;
                let standing_at = |at| *state.peek(&policy, Timestamp::from_nanos(at), 0).standing();
                Some((standing_at(then - 1), standing_at(then)))
            };
            if standing.time_to_full() > Duration::ZERO && let Some((early, then)) = after(standing.time_to_full()) {
                prop_assert!(early.burst_remaining() < policy.burst().get());
                prop_assert_eq!(then.burst_remaining(), policy.burst().get());
            }
            if let Some((early, then)) = after(standing.quota_resets_in()) {
                prop_assert_eq!(early.daily_remaining(), standing.daily_remaining());
                prop_assert_eq!(then.daily_remaining(), policy.daily().map(NonZeroU32::get));
            }
        }
    }

    /// A caller that takes every available permit for an hour gets the rate, less a millionth.
    #[test]
    fn no_caller_starves(rate in rates(), step in 1_000_000..60_000_000_000_u64) {
        let policy = LimitPolicy::new(rate, number(u32::MAX));
        let start = Timestamp::from_secs(1_700_000_000);
        let (mut state, _) = LimitState::default().take(&policy, start, u32::MAX);
        let (mut granted, mut now) = (0_u64, start);
        let hour = Duration::from_secs(3_600);
        let step = step.max(u64::try_from(hour.as_nanos()).unwrap() / 20_000);
        while now < start.saturating_add(hour) {
            now = now.saturating_add(Duration::from_nanos(step));
            let ready = state.peek(&policy, now, 0).burst_remaining();
            granted += u64::from(ready);
            state = state.take(&policy, now, ready).0;
        }
        let due = rate.permits_in(now.saturating_duration_since(start));
        prop_assert!(granted <= due);
        prop_assert!(granted + due.div_ceil(1_000_000) + 1 >= due, "{granted} of {due}");
    }

    /// For any sequence of times, the permits granted are at most the burst and those that accrue in the
    /// time in which the clock ran forwards. No caller is locked out, and nothing panics.
    #[test]
    fn a_clock_that_jumps_grants_nothing_beyond_the_bound(
        policy in policies(),
        times in vec((any::<u64>(), amounts()), 1..60),
        word: u128,
    ) {
        let mut state = LimitState::default();
        let mut granted = 0_u128;
        let mut progress = 0_u128;
        let mut last: Option<u64> = None;
        for (nanos, permits) in times {
            let now = Timestamp::from_nanos(nanos);
            progress += u128::from(last.map_or(0, |last| nanos.saturating_sub(last)));
            last = Some(nanos);
            let (after, outcome) = state.take(&policy, now, permits);
            state = after;
            if outcome.is_allowed() {
                granted += u128::from(permits);
            }
            let rate = policy.rate();
            let accrued = progress * u128::from(rate.permits().get()) / rate.period().as_nanos();
            prop_assert!(granted <= u128::from(policy.burst().get()) + accrued);
            prop_assert!(outcome.burst_remaining() <= policy.burst().get());
            if matches!(outcome, Outcome::BurstExceeded(_)) {
                let longest = policy.fill_time() * 2 + Duration::from_millis(101);
                prop_assert!(outcome.retry_after().unwrap() <= longest.max(Duration::from_secs(86_400)));
            }
            let _ = LimitState::from_bits(word).take(&policy, now, permits);
            let _ = LimitState::from_bits(word).with_used_today(&policy, now, permits.into());
        }
    }

    /// Threads may read the clock in one order and take permits in another. While a reading is at most
    /// 100 ms earlier than another thread's, at most `burst + rate × T` permits are granted in every
    /// window of readings, and at most the quota on each day. A permit that is granted after the first of a
    /// day counts to this day, also if its reading is of the day before.
    #[test]
    fn inversions_of_100_ms_grant_nothing_beyond_the_bound(
        policy in policies(),
        start in prop_oneof![Just(1_700_006_400_000_000_000), starts().prop_map(|start| start + 100_000_000)],
        requests in vec((steps(), 0..=100_000_000_u64, amounts()), 1..100),
    ) {
        let mut state = LimitState::default();
        let mut latest = start;
        let mut takes = Vec::new();
        let (mut day, mut used) = (i64::MIN, 0);
        for (step, back, permits) in requests {
            latest = latest.saturating_add(step);
            let now = Timestamp::from_nanos(latest - back);
            let (after, outcome) = state.take(&policy, now, permits);
            if !outcome.is_allowed() {
                prop_assert_eq!(after, state, "a refusal changes nothing");
                continue;
            }
            state = after;
            takes.push((now.as_nanos(), u128::from(permits)));
            if permits > 0 && policy.day(now) > day {
                (day, used) = (policy.day(now), 0);
            }
            used += u64::from(permits);
            prop_assert!(policy.daily().is_none_or(|daily| used <= u64::from(daily.get())));
            let (rate, period) = (policy.rate(), policy.rate().period().as_nanos());
            let (mut granted, mut from, mut to) = (0, u64::MAX, 0);
            for (at, permits) in takes.iter().rev() {
                (granted, from, to) = (granted + permits, from.min(*at), to.max(*at));
                let accrued = u128::from(to - from) * u128::from(rate.permits().get());
                prop_assert!(granted * period <= u128::from(policy.burst().get()) * period + accrued);
            }
        }
    }

    /// Under policies that take turns, at most the largest burst and what accrues at the fastest rate is
    /// granted, the count is exact, and a refusal changes nothing.
    #[test]
    fn policies_in_turns_grant_nothing_beyond_the_fastest(
        first in policies(),
        second in policies(),
        start in starts(),
        requests in vec((steps(), 0..12_u32, any::<bool>()), 1..80),
    ) {
        let second = second.with_utc_offset_secs(first.utc_offset_secs()).unwrap();
        let burst = u128::from(first.burst().max(second.burst()).get());
        let accrued = |policy: &LimitPolicy, nanos: u64| {
            u128::from(nanos) * u128::from(policy.rate().permits().get()) / policy.rate().period().as_nanos()
        };
        let (mut state, mut now, mut granted) = (LimitState::default(), Timestamp::from_nanos(start), 0_u128);
        let (mut day, mut used) = (i64::MIN, 0);
        let mut changes = 0;
        let mut last = true;
        for (step, permits, is_first) in requests {
            let policy = if is_first { &first } else { &second };
            now = now.saturating_add(Duration::from_nanos(step));
            let (after, outcome) = state.take(policy, now, permits);
            prop_assert!(outcome.is_allowed() || after == state, "a refusal changes nothing");
            state = after;
            if policy.day(now) > day {
                (day, used) = (policy.day(now), 0);
            }
            if outcome.is_allowed() {
                granted += u128::from(permits);
                used += u64::from(permits);
                // Rates that differ by less than an eighth may count as the same.
                changes += u128::from(is_first != last);
                last = is_first;
            }
            prop_assert_eq!(state.used_today(policy, now), used);
            let elapsed = now.as_nanos() - start;
            let most = accrued(&first, elapsed).max(accrued(&second, elapsed));
            prop_assert!(granted <= burst + most + changes);
        }
    }

    /// Policies that replace one another grant what exact arithmetic does, less a millionth of a permit per
    /// step. Each policy counts for the time before the next replaces it.
    #[test]
    fn replaced_policies_match_the_model(
        policies in vec(policies(), 2..5),
        // No part of a permit began before the epoch.
        start in starts().prop_map(|start| start + 86_400_000_000_000),
        requests in vec((steps(), 0..12_u32, any::<bool>()), 1..80),
    ) {
        let mut policies = policies.iter().cycle();
        let mut policy = policies.next().unwrap();
        let mut now = Timestamp::from_nanos(start);
        let (mut state, mut naive) = (LimitState::default(), Naive::new(policy, now));
        for (step, permits, is_replaced) in requests {
            now = now.saturating_add(Duration::from_nanos(step));
            naive.advance(policy, now);
            if is_replaced && state != LimitState::default() {
                let from = policy;
                policy = policies.next().unwrap();
                state = state.change_policy(from, policy, now);
                naive.change_policy(policy, now);
            }
            let (after, outcome) = state.take(policy, now, permits);
            state = after;
            if permits > 0 && outcome.is_allowed() {
                prop_assert!(naive.bucket_holds(permits) && naive.day_allows(policy, permits));
                naive.spend(permits);
            }
            prop_assert!(naive.bucket_holds(outcome.burst_remaining()));
            if outcome.burst_remaining() < policy.burst().get() {
                prop_assert!(!naive.bucket_surely_holds(outcome.burst_remaining() + 1));
            }
            prop_assert_eq!(state.used_today(policy, now), naive.used);
        }
    }

    /// A change of policy that comes late, or on a clock that was set back, grants nothing, panics for no
    /// state, and keeps the permits and the count.
    #[test]
    fn a_policy_replaced_at_any_time_grants_nothing(
        first in policies(),
        second in policies(),
        word: u128,
        now: u64,
        changed: u64,
    ) {
        let (now, changed) = (Timestamp::from_nanos(now), Timestamp::from_nanos(changed));
        let _ = LimitState::from_bits(word).change_policy(&first, &second, now);
        let (state, granted) = LimitState::default().take(&first, now, 1);
        let after = state.change_policy(&first, &second, changed.min(now)).peek(&second, now, 0);
        prop_assert!(granted.is_allowed());
        let kept = granted.burst_remaining().min(second.burst().get());
        prop_assert_eq!(after.burst_remaining(), kept);
    }

    /// When the policy of a caller changes, whole permits are kept, up to the new burst, and so is the
    /// day's count. Where the new rate is faster by less than an eighth, the permit under way may be complete
    /// at once.
    #[test]
    fn a_changed_policy_keeps_permits_and_count(
        first in policies(),
        second in policies(),
        start in starts(),
        before in vec((steps(), 1..12_u32), 1..20),
    ) {
        let second = second.with_utc_offset_secs(first.utc_offset_secs()).unwrap();
        let mut now = Timestamp::from_nanos(start);
        let mut state = LimitState::default();
        for (step, permits) in before {
            now = now.saturating_add(Duration::from_nanos(step));
            state = state.take(&first, now, permits).0;
        }
        prop_assume!(state.peek(&first, now, 1).is_allowed());
        let (state, granted) = state.take(&first, now, 1);
        let used = state.used_today(&first, now);
        let after = state.peek(&second, now, 0);
        let kept = granted.burst_remaining().min(second.burst().get());
        let [old, new] =
            [first, second].map(|policy| policy.rate().permits_in(Duration::from_secs(86_400)));
        let is_slightly_faster = old < new && new * 8 < old * 9;
        let most = kept + u32::from(is_slightly_faster);
        prop_assert!((kept..=most).contains(&after.burst_remaining()));
        prop_assert_eq!(state.used_today(&second, now), used);
        let used = u32::try_from(used).unwrap();
        let left = second.daily().map(|daily| daily.get().saturating_sub(used));
        prop_assert_eq!(after.daily_remaining(), left);
    }

    #[test]
    fn try_take_spends_what_take_spends(
        policy in policies(),
        start in starts(),
        requests in vec((steps(), any::<bool>(), amounts()), 1..80),
    ) {
        let mut now = Timestamp::from_nanos(start);
        let (taken, tried) = (Meter::new(), Meter::new());
        for (step, is_forward, permits) in requests {
            let step = Duration::from_nanos(step);
            now = if is_forward { now.saturating_add(step) } else { now.saturating_sub(step) };
            let is_allowed = taken.take(&policy, now, permits).is_allowed();
            prop_assert_eq!(tried.try_take(&policy, now, permits), is_allowed);
            prop_assert_eq!(tried.state(), taken.state());
        }
    }

    #[test]
    fn a_saved_state_is_restored_to_the_bit(policy in policies(), start in starts(), n in 1..9_u32) {
        let (state, _) = LimitState::default().take(&policy, Timestamp::from_nanos(start), n);
        prop_assert_eq!(LimitState::from_bits(state.to_bits()), state);
    }
}
