mod ports;

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::Poll;

use dualkey_store::{ChangeNotifier, MemoryStore, Store, StoreError, StoreFuture};

/// A [`MemoryStore`] with faults that a test switches on and off, and counters of its calls.
///
/// It does not publish its changes, as if another process had made them. A test
/// [publishes](ChangeNotifier::publish) the changes that a cache should receive.
///
/// ```
/// use dualkey_store::PartnerStore;
/// use dualkey_testing::{Fault, FaultyStore};
///
/// # pollster::block_on(async {
/// let store = FaultyStore::new();
/// assert!(store.partners().await.unwrap().is_empty());
/// store.set_fault(Fault::Error);
/// assert!(store.partners().await.is_err());
/// # });
/// ```
#[derive(Debug, Default)]
pub struct FaultyStore {
    inner: MemoryStore,
    changes: ChangeNotifier,
    fault: AtomicU8,
    partner_lookups: AtomicUsize,
    token_lookups: AtomicUsize,
    writes: AtomicUsize,
    rows_written: AtomicUsize,
}

/// What a [`FaultyStore`] does instead of answering at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No fault: every call is answered at once.
    None = 0,
    /// Every call fails.
    Error = 1,
    /// Every future is pending once, and ready when it is polled again.
    Delay = 2,
    /// Every future is pending forever.
    Hang = 3,
}

impl FaultyStore {
    /// An empty store without a fault.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with this fault.
    #[must_use]
    pub fn with_fault(fault: Fault) -> Self {
        Self { fault: AtomicU8::new(fault as u8), ..Self::default() }
    }

    /// Sets the fault for all calls from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// The number of lookups of a partner by key.
    ///
    /// ```
    /// use dualkey_store::PartnerStore;
    /// use dualkey_testing::FaultyStore;
    ///
    /// # pollster::block_on(async {
    /// let store = FaultyStore::new();
    /// store.partner_by_key(&"partner-key-1".parse().unwrap()).await.unwrap();
    /// assert_eq!((store.partner_lookups(), store.token_lookups()), (1, 0));
    /// # });
    /// ```
    pub fn partner_lookups(&self) -> usize {
        self.partner_lookups.load(Ordering::SeqCst)
    }

    /// The number of lookups of a token by digest.
    pub fn token_lookups(&self) -> usize {
        self.token_lookups.load(Ordering::SeqCst)
    }

    /// The number of batches of uses and of usage that were written.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    /// The number of rows in these batches.
    pub fn rows_written(&self) -> usize {
        self.rows_written.load(Ordering::SeqCst)
    }

    fn call<'a, T, F>(&'a self, method: F) -> StoreFuture<'a, T>
    where
        T: Send + 'a,
        F: FnOnce(&'a MemoryStore) -> StoreFuture<'a, T> + Send + 'a,
    {
        Box::pin(async move {
            match self.fault.load(Ordering::SeqCst) {
                fault if fault == Fault::Error as u8 => Err(StoreError::new("the store is down")),
                fault if fault == Fault::Hang as u8 => pending().await,
                fault if fault == Fault::Delay as u8 => {
                    let answer = method(&self.inner).await;
                    let mut is_first = true;
                    poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
                    })
                    .await;
                    answer
                }
                _ => method(&self.inner).await,
            }
        })
    }
}

impl Store for FaultyStore {
    fn changes(&self) -> &ChangeNotifier {
        &self.changes
    }
}

fn count(calls: &AtomicUsize) {
    calls.fetch_add(1, Ordering::SeqCst);
}
