//! Processes on one store, which fails or waits where a test wants it to.

use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey_limit::{FakeClock, LimitPolicy, Rate, Timestamp};
use dualkey_shared::{OutagePolicies, PartnerLimits, SharedLimiter};
use dualkey_store::{PartnerId, SharedCall, SharedLimits as _};
use dualkey_testing::FaultyLimits;
use futures_util::future::{join, join_all};
use pollster::block_on;

pub(crate) const ID: PartnerId = PartnerId::from_bytes([1; 16]);

pub(crate) struct World {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<FaultyLimits>,
    pub(crate) policy: LimitPolicy,
}

impl World {
    pub(crate) fn new(a_second: u32, burst: u32) -> Self {
        let number = |n| NonZeroU32::new(n).expect("it is not zero");
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_700_000_000)));
        let store = Arc::new(FaultyLimits::new(clock.clone()));
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
        self.store.hold_answers();
        let takes = permits.iter().map(|&permits| limiter.take(partner, &self.policy, permits));
        let outcomes = join(join_all(takes), async { self.store.release_answers() });
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
        let standing = block_on(self.store.inner().peek(SharedCall::new(ID, &self.policy)));
        standing.expect("a store in memory answers").used()
    }

    pub(crate) fn leased(&self) -> u32 {
        let standing = block_on(self.store.inner().peek(SharedCall::new(ID, &self.policy)));
        standing.expect("a store in memory answers").outstanding
    }
}
