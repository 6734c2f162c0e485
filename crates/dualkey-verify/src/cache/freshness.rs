use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dualkey_limit::{Clock, Timestamp};

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
        let latest = confirmed_at.max(self.watermark);
        latest == Timestamp::MAX
            || self.now().saturating_duration_since(latest) <= self.max_staleness
    }
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

/// Counts the changes that were published, so that an answer from before a change is not cached as fresh.
///
/// Bump the version, then invalidate. Inserts re-check under the same lock, so no answer from before the
/// change is cached as fresh.
#[derive(Default)]
pub(crate) struct ChangeVersion(AtomicU64);

/// When a lookup in the store began.
#[derive(Clone, Copy)]
pub(crate) struct LookupStart {
    pub(crate) at: Timestamp,
    version: u64,
}

impl ChangeVersion {
    pub(crate) fn bump(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn start_lookup(&self, at: Timestamp) -> LookupStart {
        LookupStart { at, version: self.0.load(Ordering::SeqCst) }
    }

    /// Whether nothing has changed since the lookup began.
    pub(crate) fn is_current(&self, start: LookupStart) -> bool {
        self.0.load(Ordering::SeqCst) == start.version
    }
}
