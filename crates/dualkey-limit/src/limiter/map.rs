use std::hash::Hash;

use dashmap::DashMap;
use foldhash::fast::RandomState;

/// Shards: a power of two, well above the number of threads.
const SHARDS: usize = 64;

pub(super) fn new_map<K: Hash + Eq, V>(hasher: RandomState) -> DashMap<K, V, RandomState> {
    DashMap::with_hasher_and_shard_amount(hasher, SHARDS)
}

/// Returns memory when less than a quarter of it is in use. A map that is fuller would soon grow again.
pub(super) fn shrink<K: Hash + Eq, V>(map: &DashMap<K, V, RandomState>) {
    if map.len() < map.capacity() / 4 {
        map.shrink_to_fit();
    }
}
