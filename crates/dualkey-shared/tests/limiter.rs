//! `SharedLimiter` on the exact model of the store, on a fake clock.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{FakeClock, LimitPolicy, Outcome, Rate, Timestamp};
use dualkey_shared::{PartnerLimits, SharedLimiter};
use dualkey_store::{MemorySharedLimits, PartnerId, SharedCall, SharedLimits as _};
use futures_util::future::join_all;
use pollster::block_on;

const ID: PartnerId = PartnerId::from_bytes([1; 16]);

struct World {
    clock: Arc<FakeClock>,
    store: Arc<MemorySharedLimits>,
    policy: LimitPolicy,
}

impl World {
    fn new(a_second: u32, burst: u32) -> Self {
        let number = |n| NonZeroU32::new(n).expect("it is not zero");
        let clock = Arc::new(FakeClock::new(Timestamp::from_secs(1_700_000_000)));
        let store = Arc::new(MemorySharedLimits::new(clock.clone()));
        let policy = LimitPolicy::new(Rate::per_second(number(a_second)), number(burst));
        Self { clock, store, policy }
    }

    fn process(&self) -> (SharedLimiter, PartnerLimits) {
        let limiter = SharedLimiter::new(self.store.clone(), self.clock.clone());
        let partner = limiter.partner(ID);
        (limiter, partner)
    }

    fn leased(&self) -> u32 {
        let standing = block_on(self.store.peek(SharedCall::new(ID, &self.policy)));
        standing.expect("a store in memory answers").outstanding
    }
}

#[test]
fn processes_share_one_bucket() {
    let world = World::new(5, 10);
    let processes = [world.process(), world.process()];
    let take = |n: usize| {
        let (limiter, partner) = &processes[n % 2];
        block_on(limiter.take(partner, &world.policy, 1)).unwrap()
    };
    assert!((0..10).all(|n| take(n).is_allowed()));
    assert_eq!(take(0).retry_after(), Some(Duration::from_millis(200)));
    world.clock.advance(Duration::from_millis(200));
    assert!(take(1).is_allowed());
    assert!(!take(0).is_allowed());
}

#[test]
fn concurrent_callers_get_their_own_answers_in_order() {
    let world = World::new(5, 10);
    let (limiter, partner) = world.process();
    let takes = [4, 4, 4, 1, 1, 1].map(|n| limiter.take(&partner, &world.policy, n));
    let granted = block_on(join_all(takes));
    let granted: Vec<_> =
        granted.into_iter().map(|outcome| outcome.unwrap().is_allowed()).collect();
    assert_eq!(granted, [true, true, false, true, true, false]);
}

#[test]
fn a_frequent_process_leases_and_gives_back_when_idle() {
    let world = World::new(1_000, 1_000);
    let (limiter, partner) = world.process();
    for _ in 0..300 {
        let outcome = block_on(limiter.take(&partner, &world.policy, 1)).unwrap();
        assert!(matches!(outcome, Outcome::Allowed(_)));
        world.clock.advance(Duration::from_millis(1));
    }
    assert!(world.leased() > 0);
    block_on(limiter.maintain());
    assert!(world.leased() > 0, "the lease is in use");
    world.clock.advance(Duration::from_millis(100));
    block_on(limiter.maintain());
    assert_eq!(world.leased(), 0);
}
