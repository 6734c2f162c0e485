use std::num::NonZeroU32;
use std::sync::Arc;

use dualkey_limit::{LimitPolicy, Rate};
use dualkey_store::{
    Lease, LeaseId, LeaseRequest, LeaseSettlement, PartnerId, SharedCall, SharedLimits,
    SharedStanding, SharedTake, SharedTaken,
};

/// A partner of which the limits hold no state.
pub(super) struct SharedSetup {
    pub(super) limits: Arc<dyn SharedLimits>,
    pub(super) partner: PartnerId,
    /// Noon on the store's clock, so that no check runs over midnight.
    utc_offset_secs: i32,
}

impl SharedSetup {
    pub(super) async fn new(limits: Arc<dyn SharedLimits>, partner: u8) -> Self {
        let partner = PartnerId::from_bytes([partner; 16]);
        let policy = LimitPolicy::default();
        let standing = limits.peek(SharedCall::new(partner, &policy)).await.expect("a standing");
        let seconds = i32::try_from(standing.at.as_secs() % 86_400).expect("less than a day");
        Self { limits, partner, utc_offset_secs: 43_200 - seconds }
    }

    /// A policy under which next to nothing comes during a check: 1 a day.
    pub(super) fn slow(&self, burst: u32) -> LimitPolicy {
        self.policy(Rate::per_day(NonZeroU32::MIN), burst)
    }

    pub(super) fn policy(&self, rate: Rate, burst: u32) -> LimitPolicy {
        let policy = LimitPolicy::new(rate, number(burst));
        policy.with_utc_offset_secs(self.utc_offset_secs).expect("less than 24 hours")
    }

    pub(super) fn call<'a>(&self, policy: &'a LimitPolicy) -> SharedCall<'a> {
        SharedCall::new(self.partner, policy)
    }

    pub(super) async fn step(&self, policy: &LimitPolicy, take: &SharedTake) -> SharedTaken {
        self.limits.take(self.call(policy), take).await.expect("an answer")
    }

    pub(super) async fn take(&self, policy: &LimitPolicy, permits: u32) -> bool {
        self.step(policy, &SharedTake::permits(permits)).await.granted == [1]
    }

    pub(super) async fn lease(&self, policy: &LimitPolicy, id: u64, permits: u32) -> Option<Lease> {
        let lease = Some(LeaseRequest { id: LeaseId::from_bits(id), permits });
        self.step(policy, &SharedTake { lease, ..SharedTake::default() }).await.lease
    }

    pub(super) async fn settle(
        &self,
        policy: &LimitPolicy,
        id: u64,
        keep: u32,
        give_back: u32,
    ) -> SharedStanding {
        let settlements = vec![LeaseSettlement { id: LeaseId::from_bits(id), keep, give_back }];
        self.step(policy, &SharedTake { settlements, ..SharedTake::default() }).await.standing
    }

    pub(super) async fn peek(&self, policy: &LimitPolicy) -> SharedStanding {
        self.limits.peek(self.call(policy)).await.expect("a standing")
    }
}

pub(super) fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}
