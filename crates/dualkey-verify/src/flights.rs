use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An answer that everybody who asks the same waits for.
pub(crate) type Flight<T> = Shared<Answering<T>>;

type Begun<T> = HashMap<Box<[u8]>, WeakShared<Answering<T>>>;

/// The questions to a store that are under way. One that nobody waits for any more is given up.
pub(crate) struct Flights<T: Clone> {
    by_key: Mutex<Begun<T>>,
}

/// Ends a flight when its future is dropped, be it done or given up.
struct Landing<T: Clone> {
    flights: Arc<Flights<T>>,
    key: Box<[u8]>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { by_key: Mutex::default() })
    }

    /// The answer to this question, if it is asked already.
    pub(crate) fn join(&self, key: &[u8]) -> Option<Flight<T>> {
        self.by_key().get(key).and_then(WeakShared::upgrade)
    }

    /// The answer to this question, which is asked once.
    pub(crate) fn join_or_begin(
        self: &Arc<Self>,
        key: &[u8],
        answer: impl Future<Output = T> + Send + 'static,
    ) -> Flight<T> {
        let mut by_key = self.by_key();
        if let Some(flight) = by_key.get(key).and_then(WeakShared::upgrade) {
            return flight;
        }
        let landing = Landing { flights: Arc::clone(self), key: key.into() };
        let answering: Answering<T> = Box::pin(async move {
            let _landing = landing;
            answer.await
        });
        let flight = answering.shared();
        if let Some(begun) = flight.downgrade() {
            by_key.insert(key.into(), begun);
        }
        flight
    }
}

impl<T: Clone> Flights<T> {
    fn by_key(&self) -> MutexGuard<'_, Begun<T>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Drop for Landing<T> {
    fn drop(&mut self) {
        self.flights.by_key().remove(&self.key);
    }
}
