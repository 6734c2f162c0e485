//! The keyed limiter: its bound on keys, the states that it drops, and policies per key.
#![cfg(feature = "keyed")]
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dualkey_limit::{AtCapacity, LimitPolicy, LimitState, Limiter, Outcome, Rate, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

#[test]
fn each_key_has_a_bucket_of_its_own() {
    let limiter = Limiter::<String>::new(LimitPolicy::default());
    let (one, other) = ("one".to_owned(), "other".to_owned());
    assert!(limiter.take(&one, NOW, 10).is_allowed());
    assert!(!limiter.take(&one, NOW, 1).is_allowed());
    assert_eq!(limiter.take(&other, NOW, 1).burst_remaining(), 9);
    assert_eq!(limiter.len(), 2);
    assert!(!limiter.is_empty());
}

#[test]
fn peeks_and_unsatisfiable_takes_add_no_key() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default());
    assert!(limiter.peek(&1, NOW, 10).is_allowed());
    assert!(limiter.take(&1, NOW, 0).is_allowed());
    assert!(matches!(limiter.take(&1, NOW, 11), Outcome::Unsatisfiable(_)));
    assert!(limiter.is_empty());
}

#[test]
fn at_capacity_a_new_key_is_refused_and_known_keys_are_served() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default()).with_max_keys(2, AtCapacity::Refuse);
    assert!(limiter.take(&1, NOW, 1).is_allowed());
    assert!(limiter.take(&2, NOW, 1).is_allowed());
    let refused = limiter.take(&3, NOW, 1);
    assert!(matches!(refused, Outcome::BurstExceeded(_)));
    assert_eq!(limiter.peek(&3, NOW, 1), refused);
    // Once the day has ended, the other keys are as new.
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(6_400)));
    assert!(limiter.take(&1, NOW, 1).is_allowed());
    assert_eq!(limiter.len(), 2);
    assert!(limiter.take(&3, NOW.saturating_add(Duration::from_secs(6_400)), 1).is_allowed());
}

#[test]
fn at_capacity_new_keys_can_share_one_bucket() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default()).with_max_keys(1, AtCapacity::Share);
    assert!(limiter.take(&0, NOW, 1).is_allowed());
    let admitted = (1..100).filter(|key| limiter.take(key, NOW, 1).is_allowed()).count();
    assert_eq!(admitted, 10);
    assert_eq!(limiter.len(), 1);
    assert!(!limiter.peek(&100, NOW, 1).is_allowed());
}

#[test]
fn at_capacity_tenants_of_different_pace_share_without_starving() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default()).with_max_keys(1, AtCapacity::Share);
    assert!(limiter.take(&0, NOW, 1).is_allowed());
    let policies = [5, 6].map(|rate| LimitPolicy::new(Rate::per_second(number(rate)), number(10)));
    let take = |turn: u64| {
        let (key, now) = (1 + turn % 2, NOW.saturating_add(Duration::from_millis(turn * 10)));
        let policy = &policies[usize::try_from(turn % 2).unwrap()];
        limiter.take_with(&key, policy, now, 1).is_allowed()
    };
    let granted = (0..60_000).filter(|turn| take(*turn)).count();
    assert!((3_000..=3_610).contains(&granted), "{granted} in 600 s");
}

#[test]
fn at_capacity_a_key_without_a_use_today_waits_for_its_bucket() {
    let hourly = LimitPolicy::new(Rate::per_hour(number(1)), number(2));
    let limiter = Limiter::<u64>::new(hourly).with_max_keys(1, AtCapacity::Refuse);
    assert!(limiter.take(&1, NOW, 2).is_allowed()); // in the evening, 6,400 s before midnight
    let next_day = NOW.saturating_add(Duration::from_secs(6_500));
    let wait = limiter.take(&2, next_day, 1).retry_after();
    assert_eq!(wait, Some(Duration::from_secs(700)));
}

#[test]
fn at_capacity_a_peek_between_two_sweeps_refuses_as_a_take_does() {
    let fast = LimitPolicy::new(Rate::per_second(number(10)), number(1));
    let limiter = Limiter::<u64>::new(fast).with_max_keys(1, AtCapacity::Refuse);
    let day_end = NOW.saturating_add(Duration::from_millis(6_399_950));
    assert!(limiter.take(&1, day_end, 1).is_allowed());
    assert!(!limiter.take(&2, day_end, 1).is_allowed(), "the first sweep drops nothing");
    let later = day_end.saturating_add(Duration::from_millis(500)); // the first key is as new
    assert!(!limiter.peek(&2, later, 1).is_allowed());
    assert!(!limiter.take(&2, later, 1).is_allowed());
    let later = later.saturating_add(Duration::from_millis(500));
    assert!(limiter.peek(&2, later, 1).is_allowed());
    assert!(limiter.take(&2, later, 1).is_allowed());
}

#[test]
fn without_room_for_any_key_no_wait_helps() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default()).with_max_keys(0, AtCapacity::Refuse);
    assert!(matches!(limiter.take(&1, NOW, 1), Outcome::Unsatisfiable(_)));
    assert!(matches!(limiter.peek(&1, NOW, 1), Outcome::Unsatisfiable(_)));
}

#[test]
fn a_keys_count_is_exact_under_every_burst() {
    let quota = LimitPolicy::new(Rate::per_second(number(1_000)), number(10));
    let quota = quota.with_daily(number(1_000)).unwrap();
    let huge = LimitPolicy::new(Rate::per_second(number(1_000)), number(4_000_000_000));
    let limiter = Limiter::<u64>::new(quota).with_max_keys(1, AtCapacity::Refuse);
    for _ in 0..1_000 {
        assert!(limiter.take_with(&1, &huge, NOW, 1).is_allowed());
    }
    let later = NOW.saturating_add(Duration::from_secs(60));
    assert!(matches!(limiter.take(&1, later, 1), Outcome::QuotaExceeded(_)));
    let next_day = NOW.saturating_add(Duration::from_secs(86_400));
    assert!(limiter.take(&2, next_day, 1).is_allowed()); // it replaces the first key
    assert_eq!(
        limiter.peek(&1, next_day.saturating_add(Duration::from_secs(86_400)), 0).daily_remaining(),
        Some(1_000)
    );
}

#[test]
fn a_keys_count_of_one_day_does_not_return_on_the_next() {
    let rate = Rate::per_second(number(1_000));
    let quota = LimitPolicy::new(rate, number(10)).with_daily(number(128)).unwrap();
    let huge = LimitPolicy::new(rate, number(4_000_000_000));
    let limiter = Limiter::<u64>::new(quota);
    let next_day = NOW.saturating_add(Duration::from_secs(86_400));
    for (now, permits) in [(NOW, 1_000), (next_day, 1), (next_day, 126)] {
        assert!(limiter.take_with(&1, &huge, now, permits).is_allowed());
    }
    assert_eq!(limiter.take(&1, next_day, 0).daily_remaining(), Some(1));
}

#[test]
fn at_capacity_only_fresh_keys_make_room() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default()).with_max_keys(2, AtCapacity::Refuse);
    assert!(limiter.take(&1, NOW, 1).is_allowed());
    assert!(limiter.take(&2, NOW, 1).is_allowed());
    let next_day = NOW.saturating_add(Duration::from_secs(86_400));
    assert!(limiter.take(&2, next_day, 1).is_allowed());
    assert!(limiter.take(&3, next_day, 1).is_allowed());
    assert_eq!(limiter.len(), 2);
    assert_eq!(limiter.peek(&2, next_day, 0).daily_remaining(), Some(9_999));
}

#[test]
fn at_capacity_a_wait_helps_after_a_clock_was_set_back() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default()).with_max_keys(1, AtCapacity::Refuse);
    let ahead = NOW.saturating_add(Duration::from_secs(10 * 86_400));
    assert!(limiter.take(&1, ahead, 1).is_allowed());
    let wait = limiter.take(&2, NOW, 1).retry_after().unwrap();
    assert!(wait <= Duration::from_secs(86_400));
    assert!(limiter.take(&2, NOW.saturating_add(wait), 1).is_allowed());
}

#[test]
fn a_key_is_fresh_under_its_own_policy_not_the_limiters() {
    let fast = LimitPolicy::new(Rate::per_second(number(1_000)), number(10));
    let slow = LimitPolicy::new(Rate::per_day(number(1)), number(10));
    let limiter = Limiter::<u64>::new(fast).with_max_keys(1, AtCapacity::Refuse);
    assert!(limiter.take_with(&1, &slow, NOW, 10).is_allowed());
    // A day later the bucket would be full under the fast policy; under the slow one it holds 1 permit.
    let later = NOW.saturating_add(Duration::from_secs(86_400));
    assert!(!limiter.take(&2, later, 1).is_allowed());
    assert_eq!(limiter.take_with(&1, &slow, later, 1).burst_remaining(), 0);
}

#[test]
fn a_keys_policy_can_change_while_it_is_live() {
    let limiter = Limiter::<u64>::new(LimitPolicy::default());
    assert!(limiter.take(&1, NOW, 3).is_allowed());
    let wider = LimitPolicy::new(Rate::per_second(number(5)), number(20));
    assert_eq!(limiter.take_with(&1, &wider, NOW, 1).burst_remaining(), 6);
    assert_eq!(limiter.take(&1, NOW, 1).burst_remaining(), 5);
}

#[test]
fn a_key_back_under_the_limiters_policy_is_fresh_under_it() {
    let fast = LimitPolicy::new(Rate::per_second(number(1_000)), number(10));
    let slow = LimitPolicy::new(Rate::per_day(number(1)), number(10));
    let limiter = Limiter::<u64>::new(fast).with_max_keys(1, AtCapacity::Refuse);
    assert!(limiter.take_with(&1, &slow, NOW, 5).is_allowed());
    assert!(limiter.take(&1, NOW, 5).is_allowed());
    let later = NOW.saturating_add(Duration::from_secs(86_400));
    assert!(limiter.take(&2, later, 1).is_allowed());
    assert_eq!(limiter.len(), 1);
}

#[test]
fn a_peek_uses_the_policy_of_the_keys_last_take() {
    let wider = LimitPolicy::new(Rate::per_second(number(5)), number(20));
    let limiter = Limiter::<u64>::new(LimitPolicy::default());
    assert!(limiter.take_with(&1, &wider, NOW, 1).is_allowed());
    assert_eq!(limiter.peek(&1, NOW, 0).standing().policy(), &wider);
    assert!(limiter.take(&1, NOW, 1).is_allowed());
    assert_eq!(limiter.peek(&1, NOW, 0).standing().policy(), &LimitPolicy::default());
}

#[test]
fn debug_output_shows_settings_and_no_key() {
    let limiter =
        Limiter::<String>::new(LimitPolicy::default()).with_max_keys(7, AtCapacity::Share);
    assert!(limiter.take(&"guest@example.com".to_owned(), NOW, 1).is_allowed());
    let shown = format!("{limiter:?}");
    assert!(shown.contains("keys: 1, max_keys: 7, at_capacity: Share"), "{shown}");
    assert!(!shown.contains("guest"), "{shown}");
}

/// A key whose hash panics once the shared countdown is at zero.
#[derive(Clone)]
struct FragileKey(Arc<AtomicU32>);

impl Hash for FragileKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let left = self.0.fetch_sub(1, Ordering::Relaxed);
        assert_ne!(left, 0, "the countdown is over");
        state.write_u8(0);
    }
}

impl PartialEq for FragileKey {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for FragileKey {}

#[test]
fn a_panic_in_a_keys_hash_spends_nothing_and_holds_no_lock() {
    let slow = LimitPolicy::new(Rate::per_day(number(1)), number(10));
    let mut panics = 0;
    for hashes in 0..6 {
        let key = FragileKey(Arc::new(AtomicU32::new(hashes)));
        let limiter = Limiter::new(LimitPolicy::default()).with_max_keys(1, AtCapacity::Refuse);
        let take = || limiter.take_with(&key, &slow, NOW, 10);
        let panicked = catch_unwind(AssertUnwindSafe(take)).is_err();
        key.0.store(100, Ordering::Relaxed);
        assert_eq!(take().is_allowed(), panicked, "after {hashes} hashes");
        assert_eq!(limiter.len(), 1);
        panics += u32::from(panicked);
    }
    assert!((1..6).contains(&panics));
}

#[test]
fn many_threads_with_many_keys_stay_within_the_bound() {
    let limiter =
        Limiter::<u64>::new(LimitPolicy::default()).with_max_keys(100, AtCapacity::Refuse);
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| (0..1_000).filter(|k| limiter.take(k, NOW, 1).is_allowed()).count())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(limiter.len() <= 100);
    assert!(admitted <= 400);
}

proptest! {
    /// A limiter with room for half the keys answers as one state per key does, or refuses because it is
    /// at capacity. So dropping a state changed no answer.
    #[test]
    fn dropping_states_changes_no_answer(
        requests in vec((0..6_u64, 0..50_000_u64, 1..4_u32), 1..200),
    ) {
        let policy = LimitPolicy::default();
        let limiter = Limiter::<u64>::new(policy).with_max_keys(3, AtCapacity::Refuse);
        let mut states = [LimitState::default(); 6];
        let mut now = NOW;
        for (key, seconds, permits) in requests {
            now = now.saturating_add(Duration::from_secs(seconds));
            let state = &mut states[usize::try_from(key).unwrap()];
            let peeked = limiter.peek(&key, now, permits);
            let outcome = limiter.take(&key, now, permits);
            prop_assert_eq!(peeked, outcome);
            if state.is_fresh(&policy, now) && !outcome.is_allowed() {
                // At capacity. Waiting helps.
                prop_assert_eq!(limiter.len(), 3);
                let then = now.saturating_add(outcome.retry_after().unwrap());
                prop_assert!(limiter.peek(&key, then, permits).is_allowed());
                continue;
            }
            let (after, expected) = state.take(&policy, now, permits);
            *state = after;
            prop_assert_eq!(outcome, expected);
            prop_assert!(limiter.len() <= 3);
        }
    }
}
