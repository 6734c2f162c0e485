//! Threads that share one meter, which charges both limits or neither and never grants too many permits.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::num::NonZeroU32;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;

use dualkey_limit::{Clock, LimitPolicy, Meter, Rate, SystemClock, Timestamp};

fn policy(burst: u32, daily: u32) -> LimitPolicy {
    let number = |n| NonZeroU32::new(n).unwrap();
    LimitPolicy::new(Rate::per_day(number(1)), number(burst)).with_daily(number(daily)).unwrap()
}

/// Runs 10,000 rounds, each with its own meter, which all threads take from at once. Each meter grants
/// exactly `limit` permits.
fn check_grants(threads: usize, policy: LimitPolicy, limit: u32) {
    const ROUNDS: usize = 10_000;
    let now = Timestamp::from_secs(1_700_000_000);
    let meters: Vec<_> = (0..ROUNDS).map(|_| (Meter::new(), AtomicU32::new(0))).collect();
    let barrier = Barrier::new(threads);
    let arrived = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                barrier.wait();
                for (round, (meter, granted)) in meters.iter().enumerate() {
                    // Spin: a barrier would wake the threads one after the other.
                    arrived.fetch_add(1, Ordering::SeqCst);
                    while arrived.load(Ordering::SeqCst) < (round + 1) * threads {
                        thread::yield_now();
                    }
                    for _ in 0..limit {
                        if meter.take(&policy, now, 1).is_allowed() {
                            granted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    for (meter, granted) in &meters {
        assert_eq!(granted.load(Ordering::Relaxed), limit);
        let after = meter.peek(&policy, now, 0);
        assert_eq!(after.burst_remaining(), policy.burst().get() - limit);
        assert_eq!(after.daily_remaining(), Some(policy.daily().unwrap().get() - limit));
    }
}

#[test]
fn two_threads_never_exceed_the_burst() {
    check_grants(2, policy(10, 1_000), 10);
}

#[test]
fn eight_threads_never_exceed_the_burst() {
    check_grants(8, policy(10, 1_000), 10);
}

#[test]
fn eight_threads_never_exceed_the_quota_nor_charge_one_limit() {
    check_grants(8, policy(1_000, 10), 10);
}

#[test]
fn the_system_clock_never_runs_backwards_within_a_thread() {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = Timestamp::EPOCH;
                for _ in 0..2_000_000 {
                    let now = SystemClock.now();
                    assert!(now >= last);
                    last = now;
                }
            });
        }
    });
}

#[test]
fn the_system_clock_runs_evenly_between_threads() {
    let latest = std::sync::atomic::AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200_000 {
                    let seen = latest.load(Ordering::SeqCst);
                    let now = SystemClock.now().as_nanos();
                    assert!(now + 1_000_000 >= seen, "{} ns back", seen - now);
                    latest.fetch_max(now, Ordering::SeqCst);
                }
            });
        }
    });
    let wall = Timestamp::from(std::time::SystemTime::now());
    let difference = wall.as_nanos().abs_diff(SystemClock.now().as_nanos());
    assert!(difference < 1_000_000_000);
}
