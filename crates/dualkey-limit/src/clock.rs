use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use crate::Timestamp;

/// A source of the current time. It is read once per request, for all decisions about the request.
///
/// ```
/// use dualkey_limit::{Clock, FakeClock, SystemClock, Timestamp};
///
/// fn seconds(clock: &dyn Clock) -> u64 {
///     clock.now().as_secs()
/// }
/// assert_eq!(seconds(&FakeClock::new(Timestamp::from_secs(7))), 7);
/// assert!(seconds(&SystemClock) > 1_700_000_000);
/// ```
pub trait Clock: Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The system's wall clock, which never runs backwards within a process.
///
/// It advances with the monotonic clock. When the wall clock is set forwards, it follows within 100 ms.
/// When the wall clock is set back, it keeps its pace and is ahead until the wall clock has caught up or
/// the process restarts. So no thread reads an earlier time than another thread read before, and a
/// correction makes no caller wait.
///
/// ```
/// use dualkey_limit::{Clock, SystemClock};
///
/// let earlier = SystemClock.now();
/// assert!(SystemClock.now() >= earlier);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The wall clock's time at `START`, in nanoseconds, by the latest comparison. It only grows.
static WALL_AT_START: AtomicU64 = AtomicU64::new(0);
/// When the two clocks were last compared, in nanoseconds since `START`.
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

/// A clock for tests, which moves only when the test moves it. Clones share one time.
///
/// ```
/// use std::time::Duration;
/// use dualkey_limit::{Clock, FakeClock, Timestamp};
///
/// let clock = FakeClock::new(Timestamp::from_secs(1));
/// let clone = clock.clone();
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clone.now(), Timestamp::from_secs(3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_nanos())))
    }

    /// Moves the clock to this time, forwards or backwards.
    ///
    /// ```
    /// use dualkey_limit::{Clock, FakeClock, Timestamp};
    ///
    /// let clock = FakeClock::new(Timestamp::from_secs(9));
    /// clock.set(Timestamp::EPOCH);
    /// assert_eq!(clock.now(), Timestamp::EPOCH);
    /// ```
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
