use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use dualkey_limit::Clock;
use dualkey_store::{
    MemorySharedLimits, SharedCall, SharedLimits, SharedLimitsError, SharedLimitsErrorKind,
    SharedLimitsFuture, SharedStanding, SharedTake, SharedTaken,
};

/// [`MemorySharedLimits`] that a test takes down, or whose answers it holds back, with a counter of their calls.
///
/// ```
/// use std::sync::Arc;
/// use dualkey_scope::Requirement;
/// use dualkey_testing::{FaultyLimits, Fixture};
/// use dualkey_verify::Verifier;
///
/// # pollster::block_on(async {
/// let fixture = Fixture::new();
/// let limits = Arc::new(FaultyLimits::new(Arc::new(fixture.clock.clone())));
/// let builder = Verifier::builder(fixture.registry.clone());
/// let verifier = builder.shared_limits(limits.clone()).build();
/// assert!(verifier.verify(&fixture.headers(), &Requirement::NONE).await.is_ok());
///
/// limits.set_down(true);
/// let denial = verifier.verify(&fixture.headers(), &Requirement::NONE).await.unwrap_err();
/// assert_eq!(denial.code(), "unavailable"); // as the default outage policy has it
/// assert_eq!(limits.calls(), 2);
/// # });
/// ```
#[derive(Debug)]
pub struct FaultyLimits {
    inner: MemorySharedLimits,
    is_down: AtomicBool,
    calls: AtomicUsize,
    /// The answers that wait, while they are held back.
    held: Mutex<Option<Vec<Waker>>>,
}

impl FaultyLimits {
    /// Limits of which nothing is spent, on this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: MemorySharedLimits::new(clock),
            is_down: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            held: Mutex::default(),
        }
    }

    /// Whether calls fail from now on: with [`Unreachable`](SharedLimitsErrorKind::Unreachable), and with
    /// [`TimedOut`](SharedLimitsErrorKind::TimedOut) where the answer was held.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// From now on, calls take effect, but their answers wait.
    pub fn hold_answers(&self) {
        self.waiting().get_or_insert_default();
    }

    /// Lets the answers go that wait, and those of later calls.
    pub fn release_answers(&self) {
        let waiting = self.waiting().take();
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    /// The number of calls, failed ones included.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The limits themselves, which answer a test at any time, and count no call.
    pub const fn inner(&self) -> &MemorySharedLimits {
        &self.inner
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        method: impl FnOnce(&'a MemorySharedLimits) -> SharedLimitsFuture<'a, T> + Send + 'a,
    ) -> SharedLimitsFuture<'a, T> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            self.check_up(SharedLimitsErrorKind::Unreachable)?;
            let answer = method(&self.inner).await;
            poll_fn(|cx| self.poll_released(cx)).await;
            self.check_up(SharedLimitsErrorKind::TimedOut)?;
            answer
        })
    }

    fn check_up(&self, kind: SharedLimitsErrorKind) -> Result<(), SharedLimitsError> {
        let is_down = self.is_down.load(Ordering::SeqCst);
        if is_down { Err(SharedLimitsError::new(kind, "the limits are down")) } else { Ok(()) }
    }

    fn poll_released(&self, cx: &Context<'_>) -> Poll<()> {
        match &mut *self.waiting() {
            None => Poll::Ready(()),
            Some(waiting) => {
                waiting.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Vec<Waker>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedLimits for FaultyLimits {
    fn take<'a>(
        &'a self,
        call: SharedCall<'a>,
        take: &'a SharedTake,
    ) -> SharedLimitsFuture<'a, SharedTaken> {
        self.call(move |limits| limits.take(call, take))
    }

    fn peek<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        self.call(move |limits| limits.peek(call))
    }

    fn reset<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        self.call(move |limits| limits.reset(call))
    }

    fn add_usage<'a>(
        &'a self,
        call: SharedCall<'a>,
        day: i64,
        permits: u64,
    ) -> SharedLimitsFuture<'a, SharedStanding> {
        self.call(move |limits| limits.add_usage(call, day, permits))
    }
}
