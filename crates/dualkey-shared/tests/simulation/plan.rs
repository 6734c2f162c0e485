//! What a seed decides on before its simulation begins.

use std::num::NonZeroU32;

use dualkey_limit::{LimitPolicy, Rate, Timestamp};
use dualkey_shared::{OutagePolicies, OutagePolicy};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::clocks::Nanos;

pub(crate) const MILLI: Nanos = 1_000_000;
pub(crate) const SECOND: Nanos = 1_000 * MILLI;

/// 2023-11-15 00:00:00 UTC.
pub(crate) const MIDNIGHT: u64 = 1_700_006_400;

/// A fault that is built in, to show that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Processes spend a lease up to its end on the store's clock.
    NoMargin,
    /// Processes count a lease from the answer.
    TimeFromAnswer,
    /// The store refills the place of leased permits.
    RefillNotCapped,
    /// Processes report one count of used permits, of which the store takes the largest.
    OneHighestCount,
    /// The store runs calls for which no process waits any more.
    NoVoidTime,
}

/// The faults of a simulation: how likely each is, in thousandths of the calls, or how often it happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) lost: u32,
    pub(crate) slow: u32,
    pub(crate) duplicated: u32,
    pub(crate) given_up: u32,
    pub(crate) crashes: u32,
    pub(crate) process_clock_steps: u32,
    pub(crate) store_clock_steps: u32,
    /// The store is stopped, and goes on.
    pub(crate) stops: u32,
    pub(crate) empty_restarts: u32,
    /// The store forgets its last writes.
    pub(crate) forgotten_writes: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) base: Timestamp,
    pub(crate) duration: Nanos,
    pub(crate) processes: usize,
    /// One after another, each for `policy_time`.
    pub(crate) policies: Vec<LimitPolicy>,
    pub(crate) policy_time: Nanos,
    /// All processes together ask for this many times the rate.
    pub(crate) demand: f64,
    /// The share of processes that keep their lease until its last 60 µs.
    pub(crate) hoarders: f64,
    /// Whether all that is in the bucket is taken when a hoarder spends its lease.
    pub(crate) has_raids: bool,
    pub(crate) most_permits: u32,
    pub(crate) max_ppm: i64,
    pub(crate) deadline: Nanos,
    pub(crate) latency: Nanos,
    pub(crate) outages: OutagePolicies,
    pub(crate) faults: Faults,
    pub(crate) defect: Option<Defect>,
}

pub(crate) fn policy(a_second: u32, burst: u32) -> LimitPolicy {
    let number = |n: u32| NonZeroU32::new(n).expect("it is not zero");
    LimitPolicy::new(Rate::per_second(number(a_second)), number(burst))
}

impl Plan {
    /// Steady demand on clocks that agree, without faults.
    pub(crate) fn steady(policy: LimitPolicy, processes: usize, demand: f64, seed: u64) -> Self {
        Self {
            seed,
            base: Timestamp::from_secs(MIDNIGHT + 43_200),
            duration: 10 * SECOND,
            processes,
            policies: vec![policy],
            policy_time: SECOND,
            demand,
            hoarders: 0.0,
            has_raids: false,
            most_permits: 1,
            max_ppm: 0,
            deadline: 100 * MILLI,
            latency: MILLI,
            outages: OutagePolicies::default(),
            faults: Faults::default(),
            defect: None,
        }
    }

    /// Each third seed has few processes, some of which keep their leases to the last, beside a full bucket on
    /// clocks of different paces. The others have everything.
    pub(crate) fn random(seed: u64) -> Self {
        if seed.is_multiple_of(3) { Self::hoarding(seed) } else { Self::anything(seed) }
    }

    fn hoarding(seed: u64) -> Self {
        let random = &mut SmallRng::seed_from_u64(seed);
        let rate = random.random_range(500..5_000);
        let policy = policy(rate, random.random_range(rate / 20..rate));
        Self {
            duration: 3 * SECOND,
            hoarders: [0.4, 1.0][random.random_range(0..2)],
            has_raids: true,
            max_ppm: 10_000,
            deadline: 200 * MILLI,
            latency: [MILLI / 10, MILLI, 90 * MILLI][random.random_range(0..3)],
            ..Self::steady(policy, random.random_range(1..6), random.random_range(0.2..3.0), seed)
        }
    }

    fn anything(seed: u64) -> Self {
        let random = &mut SmallRng::seed_from_u64(seed);
        let rate = [20, 100, 400, 2_000][random.random_range(0..4)];
        let rate = random.random_range(rate / 2..rate * 2);
        let burst = (rate / [20, 5, 1][random.random_range(0..3)]).max(4);
        let mut policies = vec![policy(rate, random.random_range(burst / 2..burst * 2))];
        let has_days = random.random_bool(0.4);
        if random.random_bool(0.2) {
            policies.push(policy((rate / 3).max(1), (burst / 3).max(1)));
        }
        if has_days {
            let quota =
                NonZeroU32::new(random.random_range(rate..rate * 4)).expect("it is not zero");
            policies = policies
                .iter()
                .map(|policy| policy.with_daily(quota).expect("it is representable"))
                .collect();
        }
        let processes = match random.random_range(0..100) {
            0 => 1_000,
            1..5 => 100,
            _ => random.random_range(3..=12),
        };
        let before = if has_days { random.random_range(0..3) } else { 43_200 };
        let steady = Self::steady(policies[0], processes, 0.0, seed);
        Self {
            base: Timestamp::from_secs(MIDNIGHT - before),
            duration: random.random_range(1_500..4_000) * MILLI,
            policies,
            policy_time: random.random_range(100..1_000) * MILLI,
            demand: [0.3, 1.0, 1.5, 3.0][random.random_range(0..4)],
            hoarders: [0.0, 0.3, 1.0][random.random_range(0..3)],
            has_raids: random.random_bool(0.5),
            most_permits: if random.random_bool(0.2) { (burst / 3).max(1) } else { 1 },
            max_ppm: if random.random_bool(0.7) { 10_000 } else { 0 },
            latency: [MILLI / 5, MILLI, 10 * MILLI][random.random_range(0..3)],
            outages: Self::random_outages(random),
            faults: Faults::random(random, has_days),
            ..steady
        }
    }

    fn random_outages(random: &mut SmallRng) -> OutagePolicies {
        let is_local = random.random_bool(0.3);
        let policy = if is_local { OutagePolicy::LOCAL } else { OutagePolicy::Refuse };
        OutagePolicies { burst: policy, quota: policy }
    }

    /// How many parts in a million a clock gains.
    pub(crate) fn pace(&self, random: &mut SmallRng) -> i64 {
        let extreme = if random.random() { self.max_ppm } else { -self.max_ppm };
        if random.random() { extreme } else { random.random_range(-self.max_ppm..=self.max_ppm) }
    }

    pub(crate) fn policy_at(&self, now: Nanos) -> LimitPolicy {
        let turn = usize::try_from(now / self.policy_time).expect("a simulation is short");
        self.policies[turn % self.policies.len()]
    }
}

impl Faults {
    /// Each seed has some kinds of faults.
    fn random(random: &mut SmallRng, has_days: bool) -> Self {
        let mut some = |likely: f64, most: u32| {
            if random.random_bool(likely) { random.random_range(1..=most) } else { 0 }
        };
        Self {
            lost: some(0.4, 100),
            slow: some(0.4, 100),
            duplicated: some(0.3, 300),
            given_up: some(0.3, 100),
            crashes: some(0.3, 10),
            process_clock_steps: some(0.3, 10),
            // A clock that goes back over midnight begins the next day again.
            store_clock_steps: if has_days { 0 } else { some(0.2, 3) },
            stops: some(0.2, 2),
            empty_restarts: some(0.1, 2),
            forgotten_writes: some(0.1, 2),
        }
    }
}
