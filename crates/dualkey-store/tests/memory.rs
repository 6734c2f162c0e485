//! `MemoryStore` passes the checks that every store must pass.

use std::sync::Arc;

use dualkey_store::MemoryStore;
use dualkey_testing::conformance;

#[test]
fn the_memory_store_conforms() {
    pollster::block_on(conformance::check(|| async { Arc::new(MemoryStore::new()) as _ }));
}
