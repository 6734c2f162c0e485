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

#[cfg(test)]
mod tests {
    use std::future::ready;

    use dualkey_limit::Timestamp;
    use pollster::block_on;

    use super::*;

    fn start() -> LookupStart {
        LookupStart::new(Timestamp::EPOCH)
    }

    fn held(singleflight: &Singleflight<usize>) -> usize {
        singleflight.lookups().by_key.len()
    }

    #[test]
    fn a_lookup_is_shared_by_each_of_its_keys_until_it_ends() {
        let (lookups, started) = (Singleflight::new(), start());
        let first = lookups.join_or_start(&[b"a", b"b"], &started, |_| true, ready(1));
        let second = lookups.join_or_start(&[b"a"], &start(), |_| true, ready(2));
        let other = lookups.join_or_start(&[b"c"], &start(), |_| true, ready(3));
        assert_eq!(held(&lookups), 3);
        let joined = lookups.join(b"b", |_| true).expect("it is in flight");
        assert!(lookups.join(b"d", |_| true).is_none());
        assert_eq!([first, second, joined].map(block_on), [1; 3]);
        assert!(started.is_current());
        assert_eq!(held(&lookups), 1, "what ended is removed");
        drop(other);
        assert_eq!(held(&lookups), 0, "and so is what is no longer awaited");
    }

    #[test]
    fn a_lookup_that_is_not_accepted_is_replaced() {
        let (lookups, [old, new]) = (Singleflight::new(), [start(), start()]);
        let first = lookups.join_or_start(&[b"a"], &old, |_| true, ready(1));
        assert!(lookups.join(b"a", |_| false).is_none());
        let second = lookups.join_or_start(&[b"a"], &new, |_| false, ready(2));
        assert!(!old.is_current() && new.is_current());
        assert_eq!(block_on(first), 1, "it serves those that wait for it");
        let joined = lookups.join(b"a", |_| true).expect("the end of the old one changes nothing");
        assert_eq!([second, joined].map(block_on), [2; 2]);
    }

    #[test]
    fn a_change_marks_the_lookups_of_its_key_or_all() {
        let (lookups, starts) = (Singleflight::new(), [start(), start(), start()]);
        let keys = [b"a", b"b", b"c"];
        let answers = [0, 1, 2]
            .map(|n| lookups.join_or_start(&[keys[n].as_slice()], &starts[n], |_| true, ready(n)));
        lookups.mark_outdated(b"b");
        assert_eq!([0, 1, 2].map(|n| starts[n].is_current()), [true, false, true]);
        assert!(lookups.join(b"b", |_| true).is_none());
        lookups.mark_all_outdated();
        assert_eq!([0, 1, 2].map(|n| starts[n].is_current()), [false; 3]);
        assert!(lookups.join(b"a", |_| true).is_none());
        assert_eq!(answers.map(block_on), [0, 1, 2]);
    }
}
