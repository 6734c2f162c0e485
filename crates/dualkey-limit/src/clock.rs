use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use crate::Timestamp;

/// What time it is. One reading serves everything that one request decides.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The system's wall clock, which never runs backwards within a process.
///
/// It counts with the monotonic clock and follows the wall clock forwards, within 100 ms of a change.
/// A wall clock that is set back is not followed: time goes on at its pace, ahead of the wall clock,
/// until that has caught up or the process starts anew. So no thread sees an earlier time than
/// another saw before, and nobody waits until a correction has passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// What the wall clock showed at `START`, as far as is known: it only grows.
static WALL_AT_START: AtomicU64 = AtomicU64::new(0);
static COMPARED_AT: AtomicU64 = AtomicU64::new(0);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        const COMPARE_EVERY: u64 = 100_000_000;

        let elapsed = u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let compared = COMPARED_AT.load(Ordering::Relaxed);
        let known = WALL_AT_START.load(Ordering::Relaxed);
        if known == 0 || elapsed.saturating_sub(compared) >= COMPARE_EVERY {
            let wall = Timestamp::from(SystemTime::now()).as_nanos();
            WALL_AT_START.fetch_max(wall.saturating_sub(elapsed), Ordering::Relaxed);
            COMPARED_AT.fetch_max(elapsed, Ordering::Relaxed);
        }
        let wall_at_start = WALL_AT_START.load(Ordering::Relaxed);
        Timestamp::from_nanos(wall_at_start.saturating_add(elapsed))
    }
}

/// A clock that stands still until it is told otherwise, for tests. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_nanos())))
    }

    /// Moves the clock to this time, be it forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_nanos(), Ordering::SeqCst);
    }

    /// Moves the clock forwards.
    pub fn advance(&self, time: Duration) {
        self.set(self.now().saturating_add(time));
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}
