//! For any sequence of requests, times and changes of policy, from any saved word:
//!
//! - in every window at most `burst + rate × T` permits are granted, and on a day at most its quota, while
//!   no reading of the clock is more than 100 ms earlier than another before it;
//! - while the clock runs forwards and the policy stays the same, the answers are those of exact
//!   arithmetic, at most a nanosecond late;
//! - a refusal changes nothing, and ends after exactly `retry_after`;
//! - a changed policy keeps the permits, cut to the new burst, and the day's exact count;
//! - `Meter` and `Limiter` answer as `LimitState` does.
#![no_main]

#[expect(dead_code, reason = "the property tests call more of it")]
#[path = "../../crates/dualkey-limit/tests/support/mod.rs"]
mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use arbitrary::Arbitrary;
use dualkey_fuzz::Numbers;
use dualkey_limit::{LimitPolicy, LimitState, Limiter, Meter, Outcome, Rate, Timestamp};
use libfuzzer_sys::fuzz_target;
use support::Naive;

#[derive(Arbitrary, Debug)]
struct Input {
    start: u64,
    utc_offset_secs: i32,
    /// The saved state of a known caller.
    word: Option<u128>,
    policies: [Numbers; 3],
    requests: Vec<Request>,
}

#[derive(Arbitrary, Debug)]
struct Request {
    time: Time,
    policy: u8,
    permits: Permits,
    peek: bool,
}

#[derive(Arbitrary, Debug)]
enum Time {
    Same,
    Nanos(u16),
    Millis(u16),
    Hours(u8),
    /// The end of the last refusal, or a nanosecond earlier.
    Wait {
        early: bool,
    },
    Back(u32),
    At(u64),
}

#[derive(Arbitrary, Debug)]
enum Permits {
    One,
    Some(u8),
    Ready,
    Any(u32),
}

fuzz_target!(|input: Input| {
    let policies = input.policies.map(|numbers| {
        let utc_offset_secs = input.utc_offset_secs % 86_400;
        numbers.policy().with_utc_offset_secs(utc_offset_secs).expect("less than a day")
    });
    let start = Timestamp::from_nanos(input.start);
    let mut caller = Caller::new(policies[0], start, input.word);
    for request in input.requests.iter().take(64) {
        caller.advance_to(&request.time);
        caller.set_policy(policies[usize::from(request.policy) % 3]);
        caller.request(request);
    }
});

struct Caller {
    own_policy: LimitPolicy,
    policy: LimitPolicy,
    now: Timestamp,
    /// The latest time of all requests. A saved state may be ahead of every clock.
    latest: Timestamp,
    /// Nanoseconds in which the clock ran forwards.
    elapsed: u128,
    wait: Duration,
    state: LimitState,
    /// Whether no reading was more than 100 ms earlier than another before it.
    is_steady: bool,
    meter: Meter,
    /// Only for a new caller: a keyed limiter restores no state.
    limiter: Option<Limiter<&'static str>>,
    grants: Grants,
    /// The exact model, valid while time runs forwards under one policy.
    naive: Option<Naive>,
}

impl Caller {
    fn new(policy: LimitPolicy, now: Timestamp, word: Option<u128>) -> Self {
        let state = LimitState::from_bits(word.unwrap_or(0));
        let is_new = word.is_none();
        Self {
            own_policy: policy,
            policy,
            now,
            latest: if is_new { now } else { Timestamp::from_nanos(u64::MAX) },
            elapsed: 0,
            wait: Duration::ZERO,
            state,
            is_steady: is_new,
            meter: Meter::from(state),
            limiter: is_new.then(|| Limiter::new(policy)),
            // Days before the epoch are negative, where the day begins late.
            grants: Grants { day: i64::MIN, ..Grants::default() },
            naive: is_new.then(|| Naive::new(&policy, now)),
        }
    }

    fn advance_to(&mut self, time: &Time) {
        let later = |time| self.now.saturating_add(time);
        let now = match *time {
            Time::Same => self.now,
            Time::Nanos(nanos) => later(Duration::from_nanos(nanos.into())),
            Time::Millis(millis) => later(Duration::from_millis(millis.into())),
            Time::Hours(hours) => later(Duration::from_secs(3_600 * u64::from(hours))),
            Time::Wait { early } => {
                later(self.wait.saturating_sub(Duration::from_nanos(early.into())))
            }
            Time::Back(nanos) => self.now.saturating_sub(Duration::from_nanos(nanos.into())),
            Time::At(nanos) => Timestamp::from_nanos(nanos),
        };
        if now < self.now {
            self.naive = None;
        }
        self.is_steady &= self.latest <= now.saturating_add(SKEW);
        self.elapsed += now.saturating_duration_since(self.now).as_nanos();
        (self.now, self.latest) = (now, self.latest.max(now));
    }

    fn set_policy(&mut self, policy: LimitPolicy) {
        if policy != self.policy {
            self.naive = None;
        }
        self.policy = policy;
    }

    fn request(&mut self, request: &Request) {
        let (policy, now) = (self.policy, self.now);
        let permits = match request.permits {
            Permits::One => 1,
            Permits::Some(permits) => permits.into(),
            Permits::Ready => self.state.peek(&policy, now, 0).burst_remaining(),
            Permits::Any(permits) => permits,
        };
        let (after, outcome) = self.state.take(&policy, now, permits);
        assert_eq!(self.meter.peek(&policy, now, permits), outcome);
        if request.peek {
            return;
        }
        assert_eq!(self.meter.take(&policy, now, permits), outcome);
        assert_eq!(self.meter.state(), after);
        if let Some(limiter) = &self.limiter {
            assert_eq!(limiter.take_with(&"caller", &policy, now, permits), outcome);
        }
        let before = std::mem::replace(&mut self.state, after);
        self.check_against_model(permits, &outcome);
        let granted = if outcome.is_allowed() { permits } else { 0 };
        self.grants.record(&policy, now, self.elapsed, granted, self.is_steady);
        if self.is_steady {
            assert_eq!(after.used_today(&policy, now), self.grants.used_today);
        }
        match outcome {
            Outcome::Allowed(_) if permits > 0 => {
                self.check_other_policy();
            }
            Outcome::Allowed(_) => assert_eq!(before, after),
            _ => self.check_refusal(before, permits, outcome),
        }
        self.wait = outcome.retry_after().unwrap_or_else(|| {
            let next = outcome.burst_remaining().saturating_add(1);
            self.state.peek(&policy, now, next).retry_after().unwrap_or_default()
        });
        if self.naive.is_none()
            && now == self.latest
            && outcome.burst_remaining() == policy.burst().get()
        {
            self.restart_model();
        }
    }

    /// At most what exact arithmetic allows, and that at most a nanosecond late.
    fn check_against_model(&mut self, permits: u32, outcome: &Outcome) {
        let policy = &self.policy;
        let (burst, daily) = (policy.burst().get(), policy.daily().map(u32::from));
        if let Outcome::Unsatisfiable(_) = outcome {
            assert!(permits > burst || daily.is_some_and(|daily| permits > daily));
        }
        let Some(naive) = &mut self.naive else { return };
        naive.advance(policy, self.now);
        match outcome {
            Outcome::Allowed(_) if permits == 0 => {}
            Outcome::Allowed(_) => {
                assert!(naive.bucket_holds(permits) && naive.day_allows(policy, permits));
                naive.spend(permits);
            }
            Outcome::BurstExceeded(refusal) => {
                assert!(!naive.bucket_holds(permits) || refusal.retry_after == A_NANOSECOND);
            }
            Outcome::QuotaExceeded(_) => assert!(!naive.day_allows(policy, permits)),
            _ => {}
        }
        let ready = outcome.burst_remaining();
        assert!(naive.bucket_holds(ready));
        let soon = self.now.saturating_add(A_NANOSECOND);
        let ready = self.state.peek(policy, soon, 0).burst_remaining();
        assert!(ready == burst || !naive.bucket_holds(ready + 1) || soon == self.now);
        let left = daily.map(|daily| u64::from(daily).saturating_sub(naive.used));
        assert_eq!(outcome.daily_remaining().map(u64::from), left);
    }

    /// A permit that was nearly complete may come slightly early under a faster rate.
    fn check_other_policy(&self) {
        let (now, other) = (self.now, &self.own_policy);
        let ready = |policy| self.state.peek(policy, now, 0).burst_remaining();
        let (had, has, burst) = (ready(&self.policy), ready(other), other.burst().get());
        assert!(has == had.min(burst) || has == had.saturating_add(1).min(burst));
        let used = self.state.used_today(&self.policy, now);
        assert_eq!(self.state.used_today(other, now), used);
    }

    fn check_refusal(&mut self, before: LimitState, permits: u32, outcome: Outcome) {
        let (state, policy, now) = (self.state, &self.policy, self.now);
        assert_eq!(state.take(policy, now, permits), (state, outcome));
        assert_eq!(state.peek(policy, now, 0), before.peek(policy, now, 0));
        assert!(state == before || !self.is_steady);
        let Some(wait) = outcome.retry_after() else { return };
        let Ok(nanos) = u64::try_from(u128::from(now.as_nanos()) + wait.as_nanos()) else { return };
        let peek_at = |nanos| state.peek(policy, Timestamp::from_nanos(nanos), permits);
        assert!(peek_at(nanos).is_allowed());
        assert!(!peek_at(nanos - 1).is_allowed());
    }

    /// A full bucket is the same as a new one, so the model can restart.
    fn restart_model(&mut self) {
        let mut naive = Naive::new(&self.policy, self.now);
        naive.used = self.state.used_today(&self.policy, self.now);
        self.naive = Some(naive);
    }
}

/// All grants, counted over every window and every day.
#[derive(Default)]
struct Grants {
    takes: Vec<(LimitPolicy, u128, u32)>,
    day: i64,
    used_today: u64,
}

impl Grants {
    fn record(
        &mut self,
        policy: &LimitPolicy,
        now: Timestamp,
        elapsed: u128,
        permits: u32,
        is_steady: bool,
    ) {
        self.takes.push((*policy, elapsed, permits));
        if permits > 0 {
            self.check_windows(elapsed);
        }
        // The takes of a late thread count on the day that has begun.
        let day = policy.day(now);
        if day > self.day {
            self.used_today = 0;
        }
        if day > self.day || !is_steady {
            self.day = day;
        }
        self.used_today += u64::from(permits);
        if permits > 0
            && let Some(daily) = policy.daily()
        {
            assert!(self.used_today <= u64::from(daily.get()));
        }
    }

    /// A window with several policies counts with its largest burst and its fastest rate. Rates that differ
    /// by less than an eighth may count as the same, so each change may bring a part of a permit.
    fn check_windows(&self, now: u128) {
        let (mut granted, mut burst, mut rate) = (0, 0, Rate::per_day(NonZeroU32::MIN));
        let (mut changes, mut later) = (0, None);
        for (policy, then, permits) in self.takes.iter().rev() {
            granted += u128::from(*permits);
            burst = burst.max(policy.burst().get());
            if refill(policy.rate(), DAY) > refill(rate, DAY) {
                rate = policy.rate();
            }
            changes += u128::from(later.is_some_and(|later| later != policy.rate()));
            later = Some(policy.rate());
            assert!(granted <= u128::from(burst) + refill(rate, now - then) + changes);
        }
    }
}

const SKEW: Duration = Duration::from_millis(100);
const A_NANOSECOND: Duration = Duration::from_nanos(1);
const DAY: u128 = 86_400_000_000_000;

/// The whole permits that come in this number of nanoseconds.
fn refill(rate: Rate, nanos: u128) -> u128 {
    nanos * u128::from(rate.permits().get()) / rate.period().as_nanos()
}
