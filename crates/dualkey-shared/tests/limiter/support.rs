//! Processes on one store, which fails or waits where a test wants it to.

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use dualkey_limit::{FakeClock, LimitPolicy, Rate, Timestamp};
use dualkey_shared::{OutagePolicies, PartnerLimits, SharedLimiter};
use dualkey_store::{
    MemorySharedLimits, PartnerId, SharedCall, SharedLimits, SharedLimitsError,
    SharedLimitsErrorKind, SharedLimitsFuture, SharedStanding, SharedTake, SharedTaken,
};
use futures_util::future::{join, join_all};
use pollster::block_on;

pub(crate) const ID: PartnerId = PartnerId::from_bytes([1; 16]);

pub(crate) struct World {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<Store>,
    pub(crate) policy: LimitPolicy,
}

#[derive(Debug)]
pub(crate) struct Store {
    limits: MemorySharedLimits,
    calls: AtomicU64,
    /// The calls that wait, while it is closed.
    gate: Mutex<Option<Vec<Waker>>>,
    is_down: AtomicBool,
    /// The permits of each call that adds usage, so far.
    usage: Mutex<Vec<u64>>,
}

impl World {
    pub(crate) fn new(a_second: u32, burst: u32) -> Self {
        let number = |n| NonZeroU32::new(n).expect("it is not zero");
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_700_000_000)));
        let store = Arc::new(Store {
            limits: MemorySharedLimits::new(clock.clone()),
            calls: AtomicU64::new(0),
            gate: Mutex::default(),
            is_down: AtomicBool::new(false),
            usage: Mutex::default(),
        });
        let policy = LimitPolicy::new(Rate::per_second(number(a_second)), number(burst));
        Self { clock, store, policy }
    }

    pub(crate) fn process(&self) -> (SharedLimiter, PartnerLimits) {
        let limiter = SharedLimiter::new(self.store.clone(), self.clock.clone());
        let partner = limiter.partner(ID);
        (limiter, partner)
    }

    /// The outcomes of callers that ask at the same time, before the store answers the first of them.
    pub(crate) fn take_together(
        &self,
        (limiter, partner): &(SharedLimiter, PartnerLimits),
        permits: &[u32],
    ) -> Vec<bool> {
        self.store.close();
        let takes = permits.iter().map(|&permits| limiter.take(partner, &self.policy, permits));
        let outcomes = join(join_all(takes), async { self.store.open() });
        block_on(outcomes)
            .0
            .into_iter()
            .map(|outcome| outcome.expect("the store answers").is_allowed())
            .collect()
    }

    /// A process with these policies while the store does not answer, for burst and day.
    pub(crate) fn process_with(&self, burst: &str, quota: &str) -> (SharedLimiter, PartnerLimits) {
        let policy = |text: &str| text.parse().expect("it is an outage policy");
        let outages = OutagePolicies { burst: policy(burst), quota: policy(quota) };
        let limiter = SharedLimiter::new(self.store.clone(), self.clock.clone());
        let limiter = limiter.with_outage_policies(outages);
        let partner = limiter.partner(ID);
        (limiter, partner)
    }

    /// How many callers in a row get a permit.
    pub(crate) fn drain(&self, (limiter, partner): &(SharedLimiter, PartnerLimits)) -> usize {
        let take = || block_on(limiter.take(partner, &self.policy, 1));
        (0..).take_while(|_| take().is_ok_and(|outcome| outcome.is_allowed())).count()
    }

    pub(crate) fn with_quota(mut self, quota: u32) -> Self {
        let quota = NonZeroU32::new(quota).expect("it is not zero");
        self.policy = self.policy.with_daily(quota).expect("it is representable");
        self
    }

    /// The permits of today that the store counts.
    pub(crate) fn used(&self) -> u64 {
        let standing = block_on(self.store.limits.peek(SharedCall::new(ID, &self.policy)));
        standing.expect("a store in memory answers").used()
    }

    pub(crate) fn leased(&self) -> u32 {
        let standing = block_on(self.store.limits.peek(SharedCall::new(ID, &self.policy)));
        standing.expect("a store in memory answers").outstanding
    }
}

impl Store {
    /// The calls that change something, so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// From now on, calls run, but their answers wait.
    pub(crate) fn close(&self) {
        *self.gate() = Some(Vec::new());
    }

    /// From now on, calls fail, or are answered again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    pub(crate) fn usage(&self) -> Vec<u64> {
        self.usage.lock().expect("no test panics with it").clone()
    }

    fn check_up(&self) -> Result<(), SharedLimitsError> {
        let is_down = self.is_down.load(Ordering::SeqCst);
        let error = || SharedLimitsError::new(SharedLimitsErrorKind::TimedOut, "down");
        if is_down { Err(error()) } else { Ok(()) }
    }

    /// The answers come.
    pub(crate) fn open(&self) {
        let waiting = self.gate().take();
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    fn gate(&self) -> MutexGuard<'_, Option<Vec<Waker>>> {
        self.gate.lock().expect("no test panics with it")
    }

    fn poll_open(&self, cx: &Context<'_>) -> Poll<()> {
        match &mut *self.gate() {
            None => Poll::Ready(()),
            Some(waiting) => {
                waiting.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl SharedLimits for Store {
    fn take<'a>(
        &'a self,
        call: SharedCall<'a>,
        take: &'a SharedTake,
    ) -> SharedLimitsFuture<'a, SharedTaken> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.check_up()?;
            let taken = self.limits.take(call, take).await;
            poll_fn(|cx| self.poll_open(cx)).await;
            self.check_up().and(taken)
        })
    }

    fn peek<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        self.limits.peek(call)
    }

    fn reset<'a>(&'a self, call: SharedCall<'a>) -> SharedLimitsFuture<'a, SharedStanding> {
        self.limits.reset(call)
    }

    fn add_usage<'a>(
        &'a self,
        call: SharedCall<'a>,
        day: i64,
        permits: u64,
    ) -> SharedLimitsFuture<'a, SharedStanding> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.check_up()?;
            self.usage.lock().expect("no test panics with it").push(permits);
            self.limits.add_usage(call, day, permits).await
        })
    }
}
