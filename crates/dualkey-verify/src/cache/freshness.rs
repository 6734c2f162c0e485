use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dualkey_limit::{Clock, Timestamp};

use crate::telemetry::Found;

/// The time of a request, read once and only when needed, and what is still fresh at that time.
pub(crate) struct RequestTime<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) now: OnceCell<Timestamp>,
    pub(crate) max_staleness: Duration,
    /// The time at which the store's change feed last confirmed everything that it did not announce.
    pub(crate) watermark: Timestamp,
}

impl RequestTime<'_> {
    #[inline]
    pub(crate) fn now(&self) -> Timestamp {
        *self.now.get_or_init(|| self.clock.now())
    }

    /// Whether an entry that was confirmed then, and not invalidated since, may be served.
    #[inline]
    pub(crate) fn is_fresh(&self, confirmed_at: Timestamp) -> bool {
        let is_fresh = |at| is_within(at, self.now(), self.max_staleness);
        self.watermark == Timestamp::MAX || is_fresh(self.watermark) || is_fresh(confirmed_at)
    }
}

/// Whether a time is at most this long ago. A time of more than 100 ms in the future is not: it comes from a
/// clock that was wrong. The clocks of two threads differ by microseconds.
#[inline]
pub(crate) fn is_within(at: Timestamp, now: Timestamp, age: Duration) -> bool {
    const MOST_AHEAD: Duration = Duration::from_millis(100);

    now.saturating_duration_since(at) <= age && at.saturating_duration_since(now) <= MOST_AHEAD
}

/// What the cache holds of a partner or a token.
pub(crate) enum CacheLookup<T> {
    /// An entry, confirmed within `max_staleness`.
    Fresh(T),
    /// An entry that has to be confirmed before it is served.
    Stale,
    /// The store was asked within `max_staleness` and has no such entry.
    NegativeHit,
    /// Nothing.
    Miss,
}

impl<T> CacheLookup<T> {
    /// The same without the entry, to be counted.
    #[inline]
    pub(crate) const fn found(&self) -> Found {
        match self {
            Self::Fresh(_) => Found::Hit,
            Self::Stale => Found::Stale,
            Self::NegativeHit => Found::NegativeHit,
            Self::Miss => Found::Miss,
        }
    }
}

/// When a lookup in the store began, and whether its answer is still current. Clones share the latter.
#[derive(Clone)]
pub(crate) struct LookupStart {
    pub(crate) at: Timestamp,
    is_outdated: Arc<AtomicBool>,
}

impl LookupStart {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self { at, is_outdated: Arc::default() }
    }

    /// Its key was changed since it began, or is looked up again. The answer serves the requests that wait
    /// for it, and is not cached as fresh.
    pub(crate) fn mark_outdated(&self) {
        self.is_outdated.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_current(&self) -> bool {
        !self.is_outdated.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use dualkey_limit::FakeClock;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const AGE: Duration = Duration::from_secs(5);
    const NANO: Duration = Duration::from_nanos(1);

    #[test]
    fn a_time_is_within_an_age_to_the_nanosecond() {
        let ahead = Duration::from_millis(100);
        for (at, expected) in [
            (NOW, true),
            (NOW.saturating_sub(AGE), true),
            (NOW.saturating_sub(AGE + NANO), false),
            (NOW.saturating_add(ahead), true),
            (NOW.saturating_add(ahead + NANO), false),
            (Timestamp::EPOCH, false),
            (Timestamp::MAX, false),
        ] {
            assert_eq!(is_within(at, NOW, AGE), expected, "{at:?}");
        }
    }

    #[test]
    fn an_entry_is_fresh_by_itself_or_by_the_watermark() {
        let clock = FakeClock::new(NOW);
        let (fresh, stale) = (NOW.saturating_sub(AGE), NOW.saturating_sub(AGE + NANO));
        for (watermark, confirmed_at, expected) in [
            (fresh, fresh, true),
            (fresh, stale, true),
            (stale, fresh, true),
            (stale, stale, false),
            (Timestamp::EPOCH, stale, false),
            (Timestamp::MAX, stale, true), // every change is announced at once
        ] {
            let now = OnceCell::new();
            let time = RequestTime { clock: &clock, now, max_staleness: AGE, watermark };
            assert_eq!(time.is_fresh(confirmed_at), expected, "{watermark:?}, {confirmed_at:?}");
        }
    }

    #[test]
    fn a_mark_reaches_every_clone_of_a_start() {
        let start = LookupStart::new(NOW);
        let clone = start.clone();
        assert!(clone.is_current());
        start.mark_outdated();
        assert!(!clone.is_current());
    }
}
