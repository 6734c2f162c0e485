//! `Limiter` with both limits, compared with two governors and with other limiters. Governors are built
//! as in their documentation and, in further rows, with Dualkey's hasher. Each limiter reads its own
//! clock; Dualkey's is accelerated, since no policy allows the rate of this benchmark. Rows "at a given
//! time" read no clock.

use std::collections::HashMap;
use std::hash::{self, BuildHasher, Hash};
use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use dualkey_benches::{
    AcceleratedClock, Numbers, Report, Row, Samples, Work, ample_policy, interleave, is_measuring,
};
use dualkey_limit::{Clock as _, Limiter, Meter};
use foldhash::fast::RandomState;
use governor::clock::{Clock, DefaultClock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};
use limitador::limit::{Context, Limit};

const DUALKEY: &str = "dualkey_limit::Limiter, both limits";
const ONE: &str = "governor, one limit";
const TWO: &str = "two governors";
const TWO_FAST: &str = "two governors, with Dualkey's hasher";
const DUALKEY_GIVEN: &str = "dualkey_limit::Limiter, at a given time";
const TWO_GIVEN: &str = "two governors, at a given time";
const TWO_GIVEN_FAST: &str = "two governors, with Dualkey's hasher, at a given time";
const ROUNDS: usize = 1_001;
const KEYS: usize = 100_000;

fn main() {
    let report = Report::new("limiter");
    report.table("u64, hot", || keyed(1, |number| number as u64));
    report.table("u64, over 100,000 keys", || keyed(KEYS, |number| number as u64));
    report.table("[u8; 16], hot", || keyed(1, bytes));
    report.table("[u8; 16], over 100,000 keys", || keyed(KEYS, bytes));
    report.table("keyed peers, hot", keyed_peers);
    report.table("one caller, no key", one_caller);
}

fn bytes(number: usize) -> [u8; 16] {
    (number as u128).to_ne_bytes()
}

fn rate() -> Quota {
    Quota::per_second(NonZeroU32::new(1_000_000).expect("not zero")).allow_burst(NonZeroU32::MAX)
}

fn day() -> Quota {
    let per_permit = Duration::from_secs(86_400) / u32::MAX;
    Quota::with_period(per_permit).expect("not zero").allow_burst(NonZeroU32::MAX)
}

fn rows(samples: &Samples, names: &[&str]) -> Vec<Row> {
    let row = |name: &&str| Row::new(name).nanos(samples.nanos(name));
    names.iter().map(row).collect()
}

/// A keyed governor with a hasher `S` and a clock `C`.
type Governor<K, S, C> =
    RateLimiter<K, DashMapStateStore<K, S>, C, NoOpMiddleware<<C as Clock>::Instant>>;

fn governor<K, S, C>(quota: Quota) -> Governor<K, S, C>
where
    K: Hash + Eq + Clone,
    S: BuildHasher + Clone + Default,
    C: Clock + Default,
{
    RateLimiter::dashmap_with_clock_and_hasher(quota, C::default(), S::default())
}

/// A governor for the rate and one for the day. A request that the rate refuses is not charged to the
/// day.
struct TwoGovernors<K: Hash + Eq + Clone, S: BuildHasher + Clone, C: Clock> {
    rate: Governor<K, S, C>,
    day: Governor<K, S, C>,
}

impl<K, S, C> TwoGovernors<K, S, C>
where
    K: Hash + Eq + Clone,
    S: BuildHasher + Clone + Default,
    C: Clock + Default,
{
    fn new() -> Self {
        Self { rate: governor(rate()), day: governor(day()) }
    }

    #[inline]
    fn check(&self, key: &K) -> Result<(), NotUntil<C::Instant>> {
        self.rate.check_key(key).and_then(|()| self.day.check_key(key))
    }
}

/// The limiters of one table.
struct KeyedLimiters<K: Hash + Eq + Clone> {
    clock: AcceleratedClock,
    dualkey: Limiter<K>,
    one: Governor<K, hash::RandomState, DefaultClock>,
    two: TwoGovernors<K, hash::RandomState, DefaultClock>,
    two_fast: TwoGovernors<K, RandomState, DefaultClock>,
    dualkey_given: Limiter<K>,
    two_given: TwoGovernors<K, hash::RandomState, FakeRelativeClock>,
    two_given_fast: TwoGovernors<K, RandomState, FakeRelativeClock>,
}

impl<K: Hash + Eq + Clone> KeyedLimiters<K> {
    fn new() -> Self {
        Self {
            clock: AcceleratedClock::new(),
            dualkey: Limiter::new(ample_policy()),
            one: governor(rate()),
            two: TwoGovernors::new(),
            two_fast: TwoGovernors::new(),
            dualkey_given: Limiter::new(ample_policy()),
            two_given: TwoGovernors::new(),
            two_given_fast: TwoGovernors::new(),
        }
    }

    /// Takes a permit of this key from each limiter that reads a clock.
    fn assert_allowed(&self, key: &K) {
        assert!(self.dualkey.take(key, self.clock.now(), 1).is_allowed());
        assert!(self.one.check_key(key).is_ok());
        assert!(self.two.check(key).is_ok() && self.two_fast.check(key).is_ok());
    }

    /// Each work draws the same random keys, outside of the measured time.
    fn works<'a>(&'a self, keys: &'a [K]) -> Vec<Work<'a>> {
        let first = || vec![keys[0].clone(); 256];
        let mut now = self.clock.now();
        vec![
            Work::over(DUALKEY, first(), draw(keys), |key| {
                self.dualkey.take(key, self.clock.now(), 1)
            }),
            Work::over(ONE, first(), draw(keys), |key| self.one.check_key(key)),
            Work::over(TWO, first(), draw(keys), |key| self.two.check(key)),
            Work::over(TWO_FAST, first(), draw(keys), |key| self.two_fast.check(key)),
            Work::over(DUALKEY_GIVEN, first(), draw(keys), move |key| {
                now = now.saturating_add(Duration::from_micros(10));
                self.dualkey_given.take(key, now, 1)
            }),
            Work::over(TWO_GIVEN, first(), draw(keys), |key| self.two_given.check(key)),
            Work::over(TWO_GIVEN_FAST, first(), draw(keys), |key| self.two_given_fast.check(key)),
        ]
    }
}

/// Replaces a key by a random one, in the same order for each caller.
fn draw<K: Clone>(keys: &[K]) -> impl FnMut(&mut K) + use<'_, K> {
    let mut numbers = Numbers::from(5);
    move |key| key.clone_from(&keys[numbers.below(keys.len())])
}

fn keyed<K: Hash + Eq + Clone>(many: usize, key: impl Fn(usize) -> K) -> Vec<Row> {
    let many = if is_measuring() { many } else { 1 };
    let keys: Vec<K> = (0..many).map(key).collect();
    let limiters = KeyedLimiters::new();
    keys.iter().for_each(|key| limiters.assert_allowed(key));
    let samples = interleave(ROUNDS, limiters.works(&keys));
    limiters.assert_allowed(&keys[0]);
    keyed_rows(&samples, if many == 1 { 0.6 } else { 0.9 })
}

fn keyed_rows(samples: &Samples, most: f64) -> Vec<Row> {
    let against = |ours, theirs| {
        (Row::new(&format!("Dualkey against {theirs}")), samples.ratio(ours, theirs))
    };
    let unit = "× two governors";
    let mut rows =
        rows(samples, &[DUALKEY, ONE, TWO, TWO_FAST, DUALKEY_GIVEN, TWO_GIVEN, TWO_GIVEN_FAST]);
    let (row, ratio) = against(DUALKEY, TWO_FAST);
    rows.push(row.at_most(ratio, most, unit));
    for (row, ratio) in [
        against(DUALKEY, TWO),
        against(DUALKEY_GIVEN, TWO_GIVEN_FAST),
        against(DUALKEY_GIVEN, TWO_GIVEN),
    ] {
        rows.push(row.measured(ratio, unit));
    }
    rows
}

/// limitador is called as in its own benchmark, with a prepared context; both limits are fixed windows.
/// throttlecrab is called as in its documentation; it has one limit and no lock.
fn keyed_peers() -> Vec<Row> {
    const LIMITADOR: &str = "limitador in memory, two limits";
    const THROTTLECRAB: &str = "throttlecrab, one limit, by one thread";

    let (limiter, clock) = (Limiter::<String>::new(ample_policy()), AcceleratedClock::new());
    let key = "partner-00000000".to_owned();

    let limitador = limitador::RateLimiter::new(1_000);
    for seconds in [1, 86_400] {
        let caller = "caller".try_into().expect("a name is an expression");
        let limit = Limit::new("api", 1_000_000_000_000, seconds, Vec::new(), vec![caller]);
        limitador.add_limit(limit);
    }
    let context: Context<'_> = HashMap::from([("caller".to_owned(), key.clone())]).into();
    let namespace = "api".to_owned();
    let ask = || limitador.check_rate_limited_and_update(&namespace.clone().into(), &context, 1);
    assert!(ask().is_ok_and(|answer| !answer.limited));

    let mut crab = throttlecrab::RateLimiter::new(throttlecrab::AdaptiveStore::new());
    let works = vec![
        Work::new(DUALKEY, || limiter.take(black_box(&key), clock.now(), 1)),
        Work::new(THROTTLECRAB, || {
            let now = SystemTime::now();
            crab.rate_limit(black_box(&key), 1_000_000_000, 1_000_000_000, 1, 1, now).is_ok()
        }),
        Work::new(LIMITADOR, || ask().is_ok()),
    ];
    rows(&interleave(ROUNDS, works), &[DUALKEY, THROTTLECRAB, LIMITADOR])
}

fn one_caller() -> Vec<Row> {
    const METER: &str = "dualkey_limit::Meter, both limits";
    const CLOCK: &str = "part of this: the system's clock";
    const QUANTA: &str = "governor's clock, read once";
    const LEAKY: &str = "leaky-bucket, one limit";
    const RATELIMIT: &str = "ratelimit, one limit";

    let (meter, policy, clock) = (Meter::new(), ample_policy(), AcceleratedClock::new());
    let (one, burst, daily) =
        (RateLimiter::direct(rate()), RateLimiter::direct(rate()), RateLimiter::direct(day()));
    let (quanta, many) = (DefaultClock::default(), 1_000_000_000);
    let leaky = leaky_bucket::RateLimiter::builder().max(many).initial(many).refill(many).build();
    let ratelimit = ratelimit::Ratelimiter::builder(1_000_000_000)
        .initial_available(1_000_000_000)
        .build()
        .expect("a billion is a rate");
    assert!(leaky.try_acquire(1) && ratelimit.try_wait().is_ok());
    let works = vec![
        Work::new(CLOCK, || clock.now()),
        Work::new(QUANTA, || quanta.now()),
        Work::new(METER, || meter.take(black_box(&policy), clock.now(), 1)),
        Work::new(ONE, || one.check()),
        Work::new(TWO, || burst.check().and_then(|()| daily.check())),
        Work::new(LEAKY, || leaky.try_acquire(1)),
        Work::new(RATELIMIT, || ratelimit.try_wait().is_ok()),
    ];
    let samples = interleave(ROUNDS, works);
    assert!(leaky.try_acquire(1) && ratelimit.try_wait().is_ok());
    rows(&samples, &[METER, CLOCK, ONE, TWO, QUANTA, LEAKY, RATELIMIT])
}
