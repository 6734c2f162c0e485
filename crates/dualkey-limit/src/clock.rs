use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
