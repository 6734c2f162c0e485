use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

use super::freshness::LookupStart;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An answer for which several requests wait.
pub(crate) type InFlight<T> = Shared<BoxFuture<T>>;

/// The lookups in the store that are in flight, by key: requests for the same key share one. A lookup for
/// which no request waits any more is dropped.
pub(crate) struct Singleflight<T: Clone> {
    lookups: Mutex<Lookups<T>>,
}

struct Lookups<T: Clone> {
    by_key: HashMap<Box<[u8]>, Lookup<T>>,
    started: u64,
}

struct Lookup<T: Clone> {
    /// Its number among all that were started.
    number: u64,
    start: LookupStart,
    answer: WeakShared<BoxFuture<T>>,
}

/// Removes a lookup when its future is dropped, whether it finished or not.
struct RemoveOnDrop<T: Clone> {
    singleflight: Arc<Singleflight<T>>,
    keys: Box<[Box<[u8]>]>,
    number: u64,
}

impl<T: Clone + Send + Sync + 'static> Singleflight<T> {
    pub(crate) fn new() -> Arc<Self> {
        let lookups = Lookups { by_key: HashMap::new(), started: 0 };
        Arc::new(Self { lookups: Mutex::new(lookups) })
    }

    /// The answer for this key, if a lookup is in flight whose start is accepted.
    pub(crate) fn join(
        &self,
        key: &[u8],
        accepts: impl Fn(&LookupStart) -> bool,
    ) -> Option<InFlight<T>> {
        self.lookups().join(key, accepts)
    }

    /// The answer for the first key: that of a lookup in flight whose start is accepted, or else of this one,
    /// which looks for all of the keys and makes earlier lookups of them outdated.
    pub(crate) fn join_or_start(
        self: &Arc<Self>,
        keys: &[&[u8]],
        start: &LookupStart,
        accepts: impl Fn(&LookupStart) -> bool,
        lookup: impl Future<Output = T> + Send + 'static,
    ) -> InFlight<T> {
        let mut lookups = self.lookups();
        let joined = keys.first().and_then(|key| lookups.join(key, accepts));
        if let Some(answer) = joined {
            return answer;
        }
        lookups.started += 1;
        let number = lookups.started;
        let owned = keys.iter().map(|key| Box::from(*key)).collect();
        let remove = RemoveOnDrop { singleflight: Arc::clone(self), keys: owned, number };
        let future: BoxFuture<T> = Box::pin(async move {
            let _remove = remove;
            lookup.await
        });
        let answer = future.shared();
        for key in keys {
            lookups.mark_outdated(key);
            if let Some(answer) = answer.downgrade() {
                let lookup = Lookup { number, start: start.clone(), answer };
                lookups.by_key.insert(Box::from(*key), lookup);
            }
        }
        answer
    }
}

impl<T: Clone> Singleflight<T> {
    /// What is in flight for this key serves only the requests that wait for it.
    pub(crate) fn mark_outdated(&self, key: &[u8]) {
        self.lookups().mark_outdated(key);
    }

    pub(crate) fn mark_all_outdated(&self) {
        self.lookups().by_key.drain().for_each(|(_, lookup)| lookup.start.mark_outdated());
    }

    fn lookups(&self) -> MutexGuard<'_, Lookups<T>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Lookups<T> {
    fn join(&self, key: &[u8], accepts: impl Fn(&LookupStart) -> bool) -> Option<InFlight<T>> {
        self.by_key.get(key).filter(|lookup| accepts(&lookup.start))?.answer.upgrade()
    }

    fn mark_outdated(&mut self, key: &[u8]) {
        if let Some(lookup) = self.by_key.remove(key) {
            lookup.start.mark_outdated();
        }
    }
}

impl<T: Clone> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        let mut lookups = self.singleflight.lookups();
        for key in &self.keys {
            if lookups.by_key.get(key).is_some_and(|lookup| lookup.number == self.number) {
                lookups.by_key.remove(key);
            }
        }
    }
}
