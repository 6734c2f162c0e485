use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::Timestamp;

/// When to sweep a map of states for those that can be dropped.
///
/// A sweep is due when the number of keys has doubled since the last one, so its cost per new key is
/// constant. A map at its bound is swept once a second.
pub(super) struct SweepSchedule {
    /// The number of keys at which the next sweep is due.
    due_at: AtomicUsize,
    /// When the last sweep began, in nanoseconds since the epoch.
    began_at: AtomicU64,
}

/// The shortest time between two sweeps.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Below this number of keys, only a map at its bound is swept: a sweep takes the lock of every shard.
const MIN_KEYS: usize = 1_024;

impl SweepSchedule {
    pub(super) const fn new() -> Self {
        Self { due_at: AtomicUsize::new(MIN_KEYS), began_at: AtomicU64::new(0) }
    }

    /// Whether the calling thread must sweep now. Of several threads, one gets `true`.
    pub(super) fn begin_if_due(&self, keys: usize, max_keys: usize, now: Timestamp) -> bool {
        let (last, relaxed) = (self.began_at.load(Ordering::Relaxed), Ordering::Relaxed);
        self.is_due_since(last, keys, max_keys, now)
            && self.began_at.compare_exchange(last, now.as_nanos(), relaxed, relaxed).is_ok()
    }

    pub(super) fn is_due(&self, keys: usize, max_keys: usize, now: Timestamp) -> bool {
        self.is_due_since(self.began_at.load(Ordering::Relaxed), keys, max_keys, now)
    }

    fn is_due_since(&self, last: u64, keys: usize, max_keys: usize, now: Timestamp) -> bool {
        (keys >= self.due_at.load(Ordering::Relaxed) || keys >= max_keys)
            && Duration::from_nanos(now.as_nanos().abs_diff(last)) >= SWEEP_INTERVAL
    }

    /// Schedules the next sweep, after one that left this number of keys.
    pub(super) fn finish(&self, keys: usize) {
        self.due_at.store(keys.saturating_mul(2).max(MIN_KEYS), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_due_when_the_keys_have_doubled_or_at_the_bound() {
        let (schedule, now) = (SweepSchedule::new(), Timestamp::from_secs(1_700_000_000));
        let later = |secs| now.saturating_add(Duration::from_secs(secs));
        assert!(!schedule.is_due(1_023, usize::MAX, now), "few keys");
        assert!(schedule.is_due(2, 2, now), "at the bound");
        assert!(schedule.begin_if_due(1_024, usize::MAX, now));
        schedule.finish(1_000);
        let almost = later(1).saturating_sub(Duration::from_nanos(1));
        assert!(!schedule.is_due(2_000, 2_000, almost), "once a second");
        assert!(!schedule.begin_if_due(1_999, usize::MAX, later(1)));
        assert!(schedule.begin_if_due(2_000, usize::MAX, later(1)));
        assert!(!schedule.begin_if_due(2_000, usize::MAX, later(1)), "another thread has begun");
        schedule.finish(3);
        assert!(schedule.is_due(1_024, usize::MAX, later(2)));
        assert!(!schedule.is_due(1_023, usize::MAX, later(2)));
    }
}
