//! Counting from an anchor: a time, and the counter's value at that time.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "an anchor counts at most 100 ms, and other sums are of nanoseconds since the epoch"
)]

use std::cell::Cell;
use std::cmp;
use std::sync::atomic::{AtomicU64, Ordering};

/// The clocks of the system. The tests replace them.
pub(super) trait Source {
    /// The wall clock, in nanoseconds since the epoch.
    fn wall(&self) -> u64;
    /// The monotonic clock, in nanoseconds since some start.
    fn elapsed(&self) -> u64;
    /// The counter, in steps of a constant, unknown length.
    fn count(&self) -> u64;
}

const ANCHOR_NANOS: u64 = 100_000_000;
/// A reading of the counter that takes longer is too inexact for an anchor.
const MAX_GAP: u64 = 10_000;
/// A rate is measured over at least this time, and this many times the gaps of its two readings.
const MIN_MEASURED_NANOS: u64 = 1_000_000;
const MIN_PRECISION: u64 = 1 << 13;
/// Rates are fixed-point numbers with this many bits of fraction.
const RATE_BITS: u32 = 32;

/// What the threads of a process share.
pub(super) struct Shared {
    /// The wall clock's time at the start of the monotonic clock, by the latest comparison. It only grows.
    wall_at_start: AtomicU64,
    /// Nanoseconds per step of the counter, slowed by a hair, or zero while unknown.
    rate: AtomicU64,
}

/// What a thread counts from.
pub(super) struct Local {
    anchor: Cell<Anchor>,
    /// The reading of the counter since which the rate is measured.
    measured_since: Cell<Option<Reading>>,
    /// The latest time that this thread has read.
    last: Cell<u64>,
}

/// A value of the counter and its time.
#[derive(Clone, Copy)]
struct Anchor {
    count: u64,
    time: u64,
    /// The steps of the counter after which the anchor is renewed.
    lifetime: u64,
    rate: u64,
    /// The shared value when the anchor was set. Another value now sets all threads' clocks forwards.
    wall_at_start: u64,
}

/// A value of the counter, and the monotonic clock before and after.
#[derive(Clone, Copy)]
struct Reading {
    before: u64,
    count: u64,
    after: u64,
}

impl Shared {
    pub(super) const fn new() -> Self {
        Self { wall_at_start: AtomicU64::new(0), rate: AtomicU64::new(0) }
    }

    #[inline]
    pub(super) fn now(&self, source: &impl Source, local: &Local) -> u64 {
        let anchor = local.anchor.get();
        let passed = source.count().wrapping_sub(anchor.count);
        let is_valid = passed < anchor.lifetime
            && anchor.wall_at_start == self.wall_at_start.load(Ordering::Relaxed);
        let time = if is_valid {
            anchor.time + ((passed * anchor.rate) >> RATE_BITS)
        } else {
            self.renew_anchor(source, local)
        };
        let now = cmp::max(time, local.last.get());
        local.last.set(now);
        now
    }

    /// The order of the readings matters: a pause between two of them makes the time late, never early.
    #[cold]
    fn renew_anchor(&self, source: &impl Source, local: &Local) -> u64 {
        let wall = source.wall();
        let before = source.elapsed();
        let count = source.count();
        let after = source.elapsed();

        let compared = wall.saturating_sub(before);
        let known = self.wall_at_start.fetch_max(compared, Ordering::Relaxed);
        let wall_at_start = cmp::max(known, compared);
        let time = wall_at_start.saturating_add(before);
        let reading = Reading { before, count, after };
        if reading.gap() <= MAX_GAP {
            let rate = self.measure_rate(reading, local);
            let lifetime = (ANCHOR_NANOS << RATE_BITS).checked_div(rate).unwrap_or(0);
            local.anchor.set(Anchor { count, time, lifetime, rate, wall_at_start });
        }
        time
    }

    /// The rate since the thread's last measurement, or the known one if too little time has passed. A
    /// jump of the counter makes it unknown.
    fn measure_rate(&self, reading: Reading, local: &Local) -> u64 {
        let known = self.rate.load(Ordering::Relaxed);
        let rate = match local.measured_since.get() {
            Some(since) if since.count < reading.count => match since.rate_until(reading) {
                Some(rate) if known == 0 || rate.abs_diff(known) <= known >> 8 => rate,
                Some(_) => 0,
                None => return known,
            },
            _ => known,
        };
        local.measured_since.set(Some(reading));
        self.rate.store(rate, Ordering::Relaxed);
        rate
    }
}

impl Local {
    pub(super) const fn new() -> Self {
        let anchor = Anchor { count: 0, time: 0, lifetime: 0, rate: 0, wall_at_start: 0 };
        Self { anchor: Cell::new(anchor), measured_since: Cell::new(None), last: Cell::new(0) }
    }
}

impl Reading {
    const fn gap(self) -> u64 {
        self.after.saturating_sub(self.before)
    }

    /// A lower bound of the nanoseconds per step between two readings, or `None` if they are too close.
    fn rate_until(self, later: Self) -> Option<u64> {
        let nanos = later.before.saturating_sub(self.after);
        if nanos < (self.gap() + later.gap()).saturating_mul(MIN_PRECISION).max(MIN_MEASURED_NANOS)
        {
            return None;
        }
        let rate = (u128::from(nanos) << RATE_BITS) / u128::from(later.count - self.count);
        // The system may slow its monotonic clock by as much at any time.
        let slowed = rate - (rate >> 14);
        Some(u64::try_from(slowed).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const MILLI: u64 = 1_000_000;
    const START: u64 = 1_700_000_000_000_000_000;

    /// Clocks that agree, with a pause before each reading. The counter makes 3 steps in a nanosecond.
    struct World<'a> {
        now: Cell<u64>,
        wall_offset: Cell<i64>,
        pauses: Cell<&'a [u64]>,
    }

    impl<'a> World<'a> {
        fn new(pauses: &'a [u64]) -> Self {
            Self { now: Cell::new(0), wall_offset: Cell::new(0), pauses: Cell::new(pauses) }
        }

        fn read(&self) -> u64 {
            let pause = match self.pauses.get().split_first() {
                Some((pause, rest)) => {
                    self.pauses.set(rest);
                    *pause
                }
                None => 20,
            };
            self.now.set(self.now.get() + pause);
            self.now.get()
        }

        fn advance(&self, nanos: u64) {
            self.now.set(self.now.get() + nanos);
        }

        fn wall_now(&self) -> u64 {
            (START + self.now.get()).saturating_add_signed(self.wall_offset.get())
        }
    }

    impl Source for World<'_> {
        fn wall(&self) -> u64 {
            self.read();
            self.wall_now()
        }

        fn elapsed(&self) -> u64 {
            self.read()
        }

        fn count(&self) -> u64 {
            self.read() * 3 + 12_345
        }
    }

    /// A clock that has measured its rate.
    fn measured<'a>(pauses: &'a [u64]) -> (World<'a>, Shared, Local) {
        let (world, shared, local) = (World::new(&[]), Shared::new(), Local::new());
        for _ in 0..3 {
            shared.now(&world, &local);
            world.advance(200 * MILLI);
        }
        shared.now(&world, &local);
        assert!(local.anchor.get().rate > 0);
        world.pauses.set(pauses);
        (world, shared, local)
    }

    proptest! {
        #[test]
        fn a_pause_between_readings_never_sets_the_clock_ahead(
            pauses in vec(prop_oneof![3 => 0..200_u64, 1 => 0..400 * MILLI, 1 => 0..1_u64 << 40], 1..300),
        ) {
            let (world, shared, local) = (World::new(&pauses), Shared::new(), Local::new());
            let mut last = 0;
            while !world.pauses.get().is_empty() {
                let now = shared.now(&world, &local);
                prop_assert!(now <= world.wall_now(), "{} ns ahead", now - world.wall_now());
                prop_assert!(now >= last, "backwards within a thread");
                last = now;
            }
            let (first, second) = (shared.now(&world, &local), shared.now(&world, &Local::new()));
            prop_assert!(first <= world.wall_now() && second <= world.wall_now());
        }

        #[test]
        fn two_threads_differ_by_microseconds(
            steps in vec((any::<bool>(), 0..300 * MILLI), 1..100),
        ) {
            let (world, shared, one) = measured(&[]);
            let other = Local::new();
            for (is_one, step) in steps {
                world.advance(step);
                let now = shared.now(&world, if is_one { &one } else { &other });
                let late = world.wall_now() - now;
                prop_assert!(late < 30_000, "{late} ns late");
            }
        }

        #[test]
        fn no_counter_makes_a_thread_run_backwards(
            counts in vec(any::<u64>(), 1..100),
        ) {
            struct Jumping<'a>(World<'a>, Cell<u64>);
            impl Source for Jumping<'_> {
                fn wall(&self) -> u64 { self.0.wall() }
                fn elapsed(&self) -> u64 { self.0.elapsed() }
                fn count(&self) -> u64 { self.1.get() }
            }
            let (world, shared, local) = measured(&[]);
            let world = Jumping(world, Cell::new(0));
            let mut last = shared.now(&world, &local);
            for count in counts {
                world.1.set(count);
                world.0.advance(MILLI);
                let now = shared.now(&world, &local);
                prop_assert!(now >= last && now <= world.0.wall_now() + 100 * MILLI);
                last = now;
            }
        }
    }

    #[test]
    fn a_wall_clock_that_is_set_back_leaves_the_pace() {
        let (world, shared, local) = measured(&[]);
        let before = shared.now(&world, &local);
        world.wall_offset.set(-3_600_000 * MILLI as i64);
        for step in 1..=100 {
            world.advance(37 * MILLI);
            let passed = shared.now(&world, &local) - before;
            let expected = step * 37 * MILLI;
            assert!(passed.abs_diff(expected) < 30_000, "{passed} instead of {expected}");
        }
        // A thread that starts now agrees with the others.
        let (known, new) = (shared.now(&world, &local), shared.now(&world, &Local::new()));
        assert!(known.abs_diff(new) < 30_000);
    }

    #[test]
    fn a_wall_clock_that_is_set_forwards_is_followed_by_all() {
        let (world, shared, one) = measured(&[]);
        let other = Local::new();
        shared.now(&world, &other);
        world.wall_offset.set(3_600_000 * MILLI as i64);
        world.advance(101 * MILLI);
        let late = |local| {
            let now = shared.now(&world, local);
            world.wall_now() - now
        };
        assert!(late(&one) < 30_000);
        // The other thread's anchor still holds, but not for this time.
        assert!(late(&other) < 30_000);
    }
}
