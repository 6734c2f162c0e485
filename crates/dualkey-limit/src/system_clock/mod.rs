mod anchor;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use anchor::{Local, Shared, Source};

use crate::{Clock, Timestamp};

/// The system's wall clock, which never runs backwards within a thread.
///
/// Between threads it may run backwards by microseconds: each thread compares its clock with the wall clock
/// every 100 ms, and in between counts with the processor's counter, slowed by a 16,384th. The bucket stands
/// still for inversions of up to 100 ms. Where the counter is not invariant, the clock counts with the
/// monotonic clock of the system.
///
/// When the wall clock is set forwards, it follows within 100 ms. When the wall clock is set back, it
/// keeps its pace and is ahead until the wall clock has caught up or the process restarts, so that a
/// correction makes no caller wait.
///
/// The first reading in a process calibrates the counter, which blocks for up to 200 ms.
/// [`SystemClock::calibrate`] does so when a program starts.
///
/// ```
/// use dualkey_limit::{Clock, SystemClock};
///
/// let earlier = SystemClock.now();
/// assert!(SystemClock.now() >= earlier);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Calibrates the processor's counter, once per process. It blocks for up to 200 ms.
    ///
    /// ```
    /// use dualkey_limit::{Clock, SystemClock, Timestamp};
    ///
    /// SystemClock::calibrate();
    /// assert!(SystemClock.now() > Timestamp::EPOCH); // at once
    /// ```
    pub fn calibrate() {
        LazyLock::force(&SYSTEM);
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Timestamp {
        LOCAL.with(|local| Timestamp::from_nanos(SHARED.now(&*SYSTEM, local)))
    }
}

static SHARED: Shared = Shared::new();
static SYSTEM: LazyLock<System> =
    LazyLock::new(|| System { counter: quanta::Clock::new(), start: Instant::now() });
thread_local! {
    static LOCAL: Local = const { Local::new() };
}

struct System {
    counter: quanta::Clock,
    start: Instant,
}

impl Source for System {
    fn wall(&self) -> u64 {
        Timestamp::from(SystemTime::now()).as_nanos()
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    #[inline]
    fn count(&self) -> u64 {
        self.counter.raw()
    }
}
