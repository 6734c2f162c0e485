//! The wall clock, mostly read from the processor's counter.
//!
//! Every 100 ms, a thread reads the wall clock, the monotonic clock and the counter, and sets an anchor: a
//! time, and the counter's value at that time. In between, the time is that of the anchor and what the
//! counter has counted since, at a rate that is measured between such readings.
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

/// How long a thread counts from one anchor.
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
    /// Nanoseconds per step of the counter, less a 16,384th, or zero while unknown.
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
