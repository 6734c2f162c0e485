//! `MemoryStore` and `MemorySharedLimits` pass the checks that every store, and all shared limits, must pass.

use std::sync::Arc;

use dualkey_limit::{FakeClock, Timestamp};
use dualkey_store::{MemorySharedLimits, MemoryStore};
use dualkey_testing::conformance;

#[test]
fn the_memory_store_conforms() {
    pollster::block_on(conformance::check(|| async { Arc::new(MemoryStore::new()) as _ }));
}

#[test]
fn shared_limits_in_memory_conform() {
    let clock = FakeClock::new(Timestamp::from_secs(1_700_000_000));
    let limits = Arc::new(MemorySharedLimits::new(Arc::new(clock.clone())));
    let check = conformance::check_shared_limits(limits, async |time| clock.advance(time));
    pollster::block_on(check);
}
