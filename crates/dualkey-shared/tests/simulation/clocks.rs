//! The clocks of the store and of the processes, each of which has its own pace and is set at times.

use dualkey_limit::Timestamp;

/// True time since the beginning of a simulation, in nanoseconds. Only the simulation knows it.
pub(crate) type Nanos = u64;

/// The time since the beginning on a clock that gains this many parts in a million.
fn at_pace(now: Nanos, ppm: i64) -> i128 {
    let now = i128::from(now);
    now + now * i128::from(ppm) / 1_000_000
}

/// The wall clock of the store, and the time for which it brings permits: a clock that was set back brings none
/// until it has caught up, or the store takes its state as written now.
#[derive(Debug)]
pub(crate) struct StoreClock {
    base: u64,
    ppm: i64,
    offset_micros: i64,
    latest: u64,
    effective: u64,
}

impl StoreClock {
    pub(crate) fn new(base: Timestamp, ppm: i64) -> Self {
        let base = base.as_nanos() / 1_000;
        Self { base, ppm, offset_micros: 0, latest: base, effective: 0 }
    }

    /// Microseconds since the Unix epoch.
    pub(crate) fn wall(&self, now: Nanos) -> u64 {
        let since = at_pace(now, self.ppm) / 1_000 + i128::from(self.offset_micros);
        u64::try_from(i128::from(self.base) + since).expect("the clock shows a time after 1970")
    }

    pub(crate) fn set(&mut self, now: Nanos, by_micros: i64) {
        self.effective(now);
        self.offset_micros += by_micros;
        self.effective(now);
    }

    /// The microseconds for which the bucket has refilled.
    pub(crate) fn effective(&mut self, now: Nanos) -> u64 {
        let wall = self.wall(now);
        self.effective += wall.saturating_sub(self.latest);
        self.latest = self.latest.max(wall);
        self.effective
    }

    /// The store decided as of this time. If the clock was set back, time goes on from there.
    pub(crate) fn decided(&mut self, at: Timestamp) {
        self.latest = self.latest.min(at.as_nanos() / 1_000);
    }
}

/// The clock of a process, as `SystemClock`: it follows the wall clock, and keeps its pace where that is set
/// back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessClock {
    base: u64,
    ppm: i64,
    offset_nanos: i64,
    latest: u64,
    read_at: i128,
}

impl ProcessClock {
    pub(crate) fn new(base: Timestamp, ppm: i64, offset_nanos: i64) -> Self {
        Self { base: base.as_nanos(), ppm, offset_nanos, latest: 0, read_at: 0 }
    }

    /// Monotonic microseconds.
    pub(crate) fn monotonic(&self, now: Nanos) -> i64 {
        i64::try_from(at_pace(now, self.ppm) / 1_000).expect("a simulation is short")
    }

    /// The true time at which this many nanoseconds of the clock have passed.
    pub(crate) fn after(&self, now: Nanos, nanos: u64) -> Nanos {
        let true_nanos = i128::from(nanos) * 1_000_000 / i128::from(1_000_000 + self.ppm);
        now + u64::try_from(true_nanos).expect("a simulation is short")
    }

    pub(crate) fn set(&mut self, by_nanos: i64) {
        self.offset_nanos += by_nanos;
    }

    pub(crate) fn now(&mut self, now: Nanos) -> Timestamp {
        let monotonic = at_pace(now, self.ppm);
        let wall = i128::from(self.base) + i128::from(self.offset_nanos) + monotonic;
        let paced = i128::from(self.latest) + monotonic - self.read_at;
        let latest = if self.latest == 0 { wall } else { wall.max(paced) };
        (self.latest, self.read_at) = (u64::try_from(latest).expect("it is after 1970"), monotonic);
        Timestamp::from_nanos(self.latest)
    }
}
