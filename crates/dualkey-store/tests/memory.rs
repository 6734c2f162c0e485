//! The store in memory keeps the contract of every store.

use std::sync::Arc;

use dualkey_store::MemoryStore;
use dualkey_testing::conformance;

#[test]
fn the_store_in_memory_conforms() {
    pollster::block_on(conformance::check(|| async { Arc::new(MemoryStore::new()) as _ }));
}
