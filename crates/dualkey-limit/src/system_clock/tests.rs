//! The clock between readings, on clocks that the tests move.
#![allow(clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;

use super::anchor::{Local, Shared, Source};

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

/// A world with another counter.
struct Counting<'a>(World<'a>, Cell<u64>);

impl Source for Counting<'_> {
    fn wall(&self) -> u64 {
        self.0.wall()
    }

    fn elapsed(&self) -> u64 {
        self.0.elapsed()
    }

    fn count(&self) -> u64 {
        self.1.get()
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
    let before = world.now.get();
    shared.now(&world, &local);
    assert_eq!(world.now.get() - before, 20, "one reading, that of the counter");
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
        let (world, shared, local) = measured(&[]);
        let world = Counting(world, Cell::new(0));
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

/// How late the clock is now.
fn late(world: &World<'_>, shared: &Shared, local: &Local) -> u64 {
    let now = shared.now(world, local);
    world.wall_now() - now
}

#[test]
fn a_steady_counter_is_all_that_is_read_for_100_ms() {
    let (world, shared, local) = measured(&[]);
    for _ in 0..20 {
        world.advance(101 * MILLI);
        shared.now(&world, &local);
        let before = world.now.get();
        world.advance(99 * MILLI);
        assert!(late(&world, &shared, &local) < 30_000);
        assert_eq!(world.now.get() - before, 99 * MILLI + 20, "one reading, that of the counter");
    }
}

#[test]
fn a_counter_that_stands_still_leaves_the_other_clocks() {
    let (world, shared, local) =
        (Counting(World::new(&[]), Cell::new(7)), Shared::new(), Local::new());
    for _ in 0..10 {
        world.0.advance(200 * MILLI);
        let now = shared.now(&world, &local);
        assert!(world.0.wall_now() - now < 30_000);
    }
}

#[test]
fn a_counter_that_jumped_ahead_does_not_slow_the_clock() {
    let (world, shared, local) = measured(&[]);
    let ahead = 50_000_000_000;
    let count = |world: &World<'_>| world.now.get() * 3 + ahead;
    let world = Counting(world, Cell::new(0));
    for _ in 0..20 {
        world.0.advance(37 * MILLI);
        world.1.set(count(&world.0));
        let now = shared.now(&world, &local);
        assert!(world.0.wall_now() - now < 30_000, "{} ns late", world.0.wall_now() - now);
    }
}

#[test]
fn a_counter_that_is_read_late_is_read_again() {
    let pauses = [20, 20, 20, 400_000, 20];
    let (world, shared, local) = measured(&pauses);
    world.advance(200 * MILLI);
    shared.now(&world, &local);
    assert!(late(&world, &shared, &local) < 30_000);
}

#[test]
fn a_rate_is_measured_over_a_millisecond_or_more() {
    // Between the readings of the clock itself, 60 ns pass.
    for (nanos, is_measured) in [(20_000, false), (MILLI - 61, false), (MILLI - 60, true)] {
        let (world, shared, local) = (World::new(&[]), Shared::new(), Local::new());
        shared.now(&world, &local);
        world.advance(nanos);
        shared.now(&world, &local);
        let before = world.now.get();
        assert!(late(&world, &shared, &local) < 30_000);
        assert_eq!(world.now.get() - before == 20, is_measured, "after {nanos} ns");
    }
}

#[test]
fn a_rate_is_measured_for_longer_where_readings_take_longer() {
    let slow = [20, 20, 20, 2_500, 2_500].repeat(2);
    for (millis, is_measured) in [(81, false), (82, true)] {
        let (world, shared, local) = (World::new(&slow), Shared::new(), Local::new());
        shared.now(&world, &local);
        world.advance(millis * MILLI);
        shared.now(&world, &local);
        let before = world.now.get();
        shared.now(&world, &local);
        assert_eq!(world.now.get() - before == 20, is_measured, "after {millis} ms");
    }
}
