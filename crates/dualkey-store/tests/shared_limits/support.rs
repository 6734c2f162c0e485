//! Shared limits on a clock that the test moves, and policies.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock, FakeClock, LimitPolicy, Rate, Timestamp};
use dualkey_store::{
    Lease, LeaseId, LeaseRequest, LeaseSettlement, MemorySharedLimits, PartnerId, SharedCall,
    SharedLimits, SharedStanding, SharedTake, SharedTaken, TakeRun,
};
use pollster::block_on;
use proptest::prelude::*;

pub(crate) const PARTNER: PartnerId = PartnerId::from_bytes([1; 16]);

/// Ten seconds before midnight.
pub(crate) const EVENING: Timestamp = Timestamp::from_secs(1_700_006_400 - 10);

pub(crate) struct Shared {
    pub(crate) limits: MemorySharedLimits,
    pub(crate) clock: FakeClock,
    pub(crate) policy: LimitPolicy,
}

impl Shared {
    pub(crate) fn new(policy: LimitPolicy, now: Timestamp) -> Self {
        let clock = FakeClock::new(now);
        Self { limits: MemorySharedLimits::new(Arc::new(clock.clone())), clock, policy }
    }

    pub(crate) fn micros(&self) -> u64 {
        self.clock.now().as_nanos() / 1_000
    }

    pub(crate) fn advance(&self, micros: u64) {
        self.clock.advance(Duration::from_micros(micros));
    }

    pub(crate) fn call<'a>(&'a self, known: Option<&'a SharedStanding>) -> SharedCall<'a> {
        SharedCall { known, ..SharedCall::new(PARTNER, &self.policy) }
    }

    pub(crate) fn step(&self, known: Option<&SharedStanding>, take: &SharedTake) -> SharedTaken {
        block_on(self.limits.take(self.call(known), take)).unwrap()
    }

    pub(crate) fn take(&self, permits: u32) -> bool {
        self.step(None, &SharedTake::permits(permits)).granted == [1]
    }

    /// Takes one permit for each of many callers, and returns how many got it.
    pub(crate) fn drain(&self) -> u32 {
        let runs = vec![TakeRun { permits: 1, count: u32::MAX }];
        self.step(None, &SharedTake { runs, ..SharedTake::default() }).granted[0]
    }

    pub(crate) fn lease(&self, id: u64, permits: u32) -> Option<Lease> {
        let lease = Some(LeaseRequest { id: LeaseId::from_bits(id), permits });
        self.step(None, &SharedTake { lease, ..SharedTake::default() }).lease
    }

    pub(crate) fn settle(&self, id: u64, keep: u32, give_back: u32) -> SharedStanding {
        let settlements = vec![LeaseSettlement { id: LeaseId::from_bits(id), keep, give_back }];
        self.step(None, &SharedTake { settlements, ..SharedTake::default() }).standing
    }

    pub(crate) fn peek(&self) -> SharedStanding {
        block_on(self.limits.peek(self.call(None))).unwrap()
    }
}

pub(crate) fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

pub(crate) fn per_second(rate: u32, burst: u32) -> LimitPolicy {
    LimitPolicy::new(Rate::per_second(number(rate)), number(burst))
}

/// Policies over their whole range.
pub(crate) fn policies() -> impl Strategy<Value = LimitPolicy> {
    let small = || prop_oneof![1..20_u32, 1..=1_000_000_u32].prop_map(number);
    let rate = prop_oneof![
        small().prop_map(Rate::per_second),
        small().prop_map(Rate::per_minute),
        small().prop_map(Rate::per_hour),
        small().prop_map(Rate::per_day),
    ];
    let burst = prop_oneof![1..20_u32, 1..100_000_u32, 1..=u32::MAX];
    let daily = prop_oneof![Just(None), (1..50_u32).prop_map(Some), (1..=u32::MAX).prop_map(Some)];
    let offset = prop_oneof![Just(0), -86_399..86_400_i32];
    (rate, burst, daily, offset).prop_filter_map("too large", |(rate, burst, daily, offset)| {
        let policy = LimitPolicy::new(rate, number(burst)).with_utc_offset_secs(offset).unwrap();
        match daily {
            Some(daily) => policy.with_daily(number(daily)).ok(),
            None => Some(policy),
        }
    })
}
