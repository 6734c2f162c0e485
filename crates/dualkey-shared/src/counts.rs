use std::sync::atomic::{AtomicU64, Ordering};

/// What a [`SharedLimiter`](crate::SharedLimiter) has counted since it was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedCounts {
    /// Calls that the store answered.
    pub answered: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Requests that this process decided on because the store did not answer. Those that the outage policy
    /// refused are among them.
    pub local: u64,
    /// Whether calls failed repeatedly, so that the store is called once a second.
    pub is_away: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    local: AtomicU64,
}

impl Counts {
    pub(crate) fn count_answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_local(&self) {
        self.local.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, is_away: bool) -> SharedCounts {
        let [answered, failed, local] =
            [&self.answered, &self.failed, &self.local].map(|count| count.load(Ordering::Relaxed));
        SharedCounts { answered, failed, local, is_away }
    }
}
