//! The cost of a limit, compared with governor.
//!
//! Both sides enforce the same limits and read the same clock, which costs almost nothing. A step of
//! the clock is 10 ms, which refills exactly the permit that the step takes. So every permit is
//! allowed, from a bucket that stays half full however long the measurement runs.

use std::cell::Cell;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use dualkey_limit::{
    Clock as _, LimitPolicy, LimitState, Limiter, Meter, Rate, SystemClock, Timestamp,
};
use foldhash::fast::RandomState;
use governor::clock::{Clock as _, DefaultClock};
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter};

const fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}

const BURST: NonZeroU32 = number(10);
const HALF: NonZeroU32 = number(5);
const DAILY: NonZeroU32 = number(10_000_000);
/// In nanoseconds.
const STEP: u64 = 10_000_000;
const KEYS: u64 = 100_000;

fn policy() -> LimitPolicy {
    let rate = Rate::per_second(number(100));
    LimitPolicy::new(rate, BURST).with_daily(DAILY).expect("the numbers are small")
}

/// The rate and the burst.
fn quota() -> Quota {
    Quota::with_period(Duration::from_nanos(STEP)).expect("not zero").allow_burst(BURST)
}

/// The closest a second bucket comes to a daily quota.
fn daily() -> Quota {
    let per_permit = Duration::from_secs(86_400) / DAILY.get();
    Quota::with_period(per_permit).expect("not zero").allow_burst(DAILY)
}

/// The clock of both sides, for one thread.
#[derive(Clone)]
struct StepClock(Rc<Cell<u64>>);

impl StepClock {
    fn new() -> Self {
        Self(Rc::new(Cell::new(Timestamp::from_secs(1_700_000_000).as_nanos())))
    }

    fn step(&self, nanos: u64) -> Timestamp {
        self.0.set(self.0.get() + nanos);
        Timestamp::from_nanos(self.0.get())
    }
}

impl governor::clock::Clock for StepClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get().into()
    }
}

/// Keys in an order that defeats the prefetcher.
struct Keys(u64);

impl Keys {
    fn next(&mut self) -> u64 {
        self.0 = (self.0 + 61_803) % KEYS;
        self.0
    }
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Measures a call, each a step of the clock after the one before.
fn step<T>(
    group: &mut Group<'_>,
    name: &str,
    clock: &StepClock,
    nanos: u64,
    mut ask: impl FnMut(Timestamp) -> T,
) {
    group.bench_function(name, |b| b.iter(|| ask(clock.step(nanos))));
}

fn clocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    group.bench_function("clock/system", |b| b.iter(|| SystemClock.now()));
    let quanta = DefaultClock::default();
    group.bench_function("clock/governor", |b| b.iter(|| quanta.now()));
    group.finish();
}

fn one_caller(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    let (policy, clock) = (policy(), StepClock::new());
    let (half_full, _) = LimitState::default().take(&policy, clock.step(STEP), HALF.get());

    let mut state = half_full;
    step(&mut group, "state/allowed", &clock, STEP, |now| {
        let (after, outcome) = black_box(state).take(&policy, now, 1);
        state = after;
        outcome
    });
    assert!(state.peek(&policy, clock.step(STEP), HALF.get()).is_allowed());

    let meter = Meter::from(state);
    step(&mut group, "meter/allowed", &clock, STEP, |now| meter.take(&policy, now, 1));
    let now = clock.step(STEP);
    assert!(meter.take(&policy, now, HALF.get()).is_allowed());

    while meter.take(&policy, now, 1).is_allowed() {}
    step(&mut group, "meter/refused", &clock, 0, |now| meter.take(&policy, now, 1));
    group.finish();
}

fn one_caller_of_governor(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    let clock = StepClock::new();
    let limiter = RateLimiter::direct_with_clock(quota(), clock.clone());
    assert_eq!(limiter.check_n(HALF), Ok(Ok(())));
    step(&mut group, "governor/1-limiter/allowed", &clock, STEP, |_| limiter.check());
    clock.step(STEP);
    assert_eq!(limiter.check_n(HALF), Ok(Ok(())));

    while limiter.check().is_ok() {}
    step(&mut group, "governor/1-limiter/refused", &clock, 0, |_| limiter.check());

    let burst = RateLimiter::direct_with_clock(quota(), clock.clone());
    let day = RateLimiter::direct_with_clock(daily(), clock.clone());
    let both = || burst.check().and_then(|()| day.check());
    assert_eq!(burst.check_n(HALF), Ok(Ok(())));
    step(&mut group, "governor/2-limiters/allowed", &clock, STEP, |_| both());
    clock.step(STEP);
    assert_eq!((burst.check_n(HALF), day.check_n(HALF)), (Ok(Ok(())), Ok(Ok(()))));
    group.finish();
}

fn keyed(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    let (clock, mut keys) = (StepClock::new(), Keys(0));
    let limiter = Limiter::<u64>::new(policy());
    step(&mut group, "keyed/hot", &clock, STEP, |now| limiter.take(black_box(&1), now, 1));

    for _ in 0..KEYS {
        let _ = limiter.take(&keys.next(), clock.step(STEP / KEYS), HALF.get());
    }
    step(&mut group, "keyed/100000-keys", &clock, STEP / KEYS, |now| {
        limiter.take(&keys.next(), now, 1)
    });
    assert!(limiter.take(&keys.next(), clock.step(STEP), HALF.get()).is_allowed());
    group.finish();
}

/// Built as in governor's documentation.
fn keyed_governor(c: &mut Criterion) {
    keyed_governor_with::<std::hash::RandomState>(c, "keyed");
}

/// With the hasher of [`Limiter`].
fn keyed_governor_with_fast_hasher(c: &mut Criterion) {
    keyed_governor_with::<RandomState>(c, "keyed-fast-hasher");
}

fn keyed_governor_with<S: BuildHasher + Clone + Default>(c: &mut Criterion, how: &str) {
    let mut group = c.benchmark_group("limit");
    let (clock, mut keys) = (StepClock::new(), Keys(0));
    let keyed = |quota| {
        let hasher = S::default();
        RateLimiter::<u64, _, _, _>::dashmap_with_clock_and_hasher(quota, clock.clone(), hasher)
    };
    let (burst, day) = (keyed(quota()), keyed(daily()));
    let one = |key: &u64| burst.check_key(key);
    let both = |key: &u64| burst.check_key(key).and_then(|()| day.check_key(key));
    let name = |limiters: &str, which: &str| format!("governor/{limiters}/{how}/{which}");
    step(&mut group, &name("1-limiter", "hot"), &clock, STEP, |_| one(black_box(&1)));
    step(&mut group, &name("2-limiters", "hot"), &clock, STEP, |_| both(black_box(&1)));

    for _ in 0..KEYS {
        clock.step(STEP / KEYS);
        let key = keys.next();
        let _ = (burst.check_key_n(&key, HALF), day.check_key(&key));
    }
    let (small, which) = (STEP / KEYS, "100000-keys");
    step(&mut group, &name("1-limiter", which), &clock, small, |_| one(&keys.next()));
    step(&mut group, &name("2-limiters", which), &clock, small, |_| both(&keys.next()));
    clock.step(STEP);
    assert_eq!(burst.check_key_n(&keys.next(), HALF), Ok(Ok(())));
    group.finish();
}

criterion_group!(
    benches,
    clocks,
    one_caller,
    one_caller_of_governor,
    keyed,
    keyed_governor,
    keyed_governor_with_fast_hasher
);
criterion_main!(benches);
