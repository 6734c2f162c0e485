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
    key: Box<[u8]>,
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
        accepts: impl Fn(LookupStart) -> bool,
    ) -> Option<InFlight<T>> {
        self.lookups().join(key, accepts)
    }

    /// The answer for this key: that of a lookup in flight whose start is accepted, or else of this one.
    pub(crate) fn join_or_start(
        self: &Arc<Self>,
        key: &[u8],
        start: LookupStart,
        accepts: impl Fn(LookupStart) -> bool,
        lookup: impl Future<Output = T> + Send + 'static,
    ) -> InFlight<T> {
        let mut lookups = self.lookups();
        if let Some(answer) = lookups.join(key, accepts) {
            return answer;
        }
        lookups.started += 1;
        let number = lookups.started;
        let remove = RemoveOnDrop { singleflight: Arc::clone(self), key: key.into(), number };
        let future: BoxFuture<T> = Box::pin(async move {
            let _remove = remove;
            lookup.await
        });
        let answer = future.shared();
        if let Some(weak) = answer.downgrade() {
            lookups.by_key.insert(key.into(), Lookup { number, start, answer: weak });
        }
        answer
    }
}

impl<T: Clone> Singleflight<T> {
    fn lookups(&self) -> MutexGuard<'_, Lookups<T>> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Lookups<T> {
    fn join(&self, key: &[u8], accepts: impl Fn(LookupStart) -> bool) -> Option<InFlight<T>> {
        self.by_key.get(key).filter(|lookup| accepts(lookup.start))?.answer.upgrade()
    }
}

impl<T: Clone> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        let mut lookups = self.singleflight.lookups();
        if lookups.by_key.get(&self.key).is_some_and(|lookup| lookup.number == self.number) {
            lookups.by_key.remove(&self.key);
        }
    }
}
