use std::hash::Hash;
use std::sync::OnceLock;

use dashmap::DashMap;
use foldhash::fast::RandomState;

use super::map::{new_map, shrink};
use crate::LimitPolicy;

/// The policies of the keys that are not under the policy of their limiter.
///
/// Few limiters have such keys, so the map is created for the first of them.
pub(super) struct KeyPolicies<K>(OnceLock<DashMap<K, LimitPolicy, RandomState>>);

impl<K: Hash + Eq + Clone> KeyPolicies<K> {
    pub(super) const fn new() -> Self {
        Self(OnceLock::new())
    }

    pub(super) fn get(&self, key: &K) -> Option<LimitPolicy> {
        self.0.get()?.get(key).map(|policy| *policy)
    }

    pub(super) fn set(&self, key: &K, policy: &LimitPolicy, hasher: &RandomState) {
        let policies = self.0.get_or_init(|| new_map(hasher.clone()));
        if let Some(mut current) = policies.get_mut(key) {
            *current = *policy;
            return;
        }
        policies.insert(key.clone(), *policy);
    }

    #[inline]
    pub(super) fn remove(&self, key: &K) {
        if let Some(policies) = self.0.get() {
            policies.remove(key);
        }
    }

    pub(super) fn shrink(&self) {
        self.0.get().into_iter().for_each(shrink);
    }
}
