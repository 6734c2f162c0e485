//! Shared limits on the exact model.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dualkey_limit::FakeClock;
use dualkey_store::{
    MemorySharedLimits, SharedCall, SharedLimits, SharedLimitsError, SharedLimitsErrorKind,
    SharedLimitsFuture, SharedStanding, SharedTake, SharedTaken,
};

/// Limits that count their calls, and that can be away.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) inner: MemorySharedLimits,
    calls: AtomicUsize,
    is_away: AtomicBool,
}

impl Limits {
    pub(crate) fn new(clock: &FakeClock) -> Arc<Self> {
        let inner = MemorySharedLimits::new(Arc::new(clock.clone()));
        Arc::new(Self { inner, calls: AtomicUsize::new(0), is_away: AtomicBool::new(false) })
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce() -> SharedLimitsFuture<'a, T> + Send + 'a,
    ) -> SharedLimitsFuture<'a, T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.is_away.load(Ordering::Relaxed) {
            let error = SharedLimitsError::new(SharedLimitsErrorKind::Unreachable, "away");
            return Box::pin(std::future::ready(Err(error)));
        }
        call()
    }
}

impl SharedLimits for Limits {
    fn take<'a>(
        &'a self,
        call: SharedCall<'a>,
        take: &'a SharedTake,
    ) -> SharedLimitsFuture<'a, SharedTaken> {
        self.call(move || self.inner.take(call, take))
    }

    fn peek<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        self.call(move || self.inner.peek(call))
    }

    fn reset<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        self.call(move || self.inner.reset(call))
    }

    fn add_usage<'a>(
        &'a self,
        call: SharedCall<'a>,
        day: i64,
        permits: u64,
    ) -> SharedLimitsFuture<'a, SharedStanding> {
        self.call(move || self.inner.add_usage(call, day, permits))
    }
}
