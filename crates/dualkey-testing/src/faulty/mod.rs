mod limits;
mod ports;

use std::fmt;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

pub use limits::FaultyLimits;

use dualkey_store::{
    Change, ChangeListener, ChangeNotifier, MemoryStore, Store, StoreError, StoreFuture,
};

/// A [`MemoryStore`] with faults that a test switches on and off, and counters of its calls.
///
/// It does not publish its changes, as if another process had made them.
/// [`catch_up`](Store::catch_up) publishes all changes so far, and a test can
/// [publish](ChangeNotifier::publish) the changes that a cache should receive.
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
#[derive(Debug)]
pub struct FaultyStore {
    inner: MemoryStore,
    changes: ChangeNotifier,
    unpublished: Arc<Unpublished>,
    fault: AtomicU8,
    catch_ups: AtomicUsize,
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
    /// Only [`catch_up`](Store::catch_up) fails.
    CatchUp = 4,
}

impl FaultyStore {
    /// An empty store without a fault.
    #[must_use]
    pub fn new() -> Self {
        Self::with_fault(Fault::None)
    }

    /// An empty store with this fault.
    #[must_use]
    pub fn with_fault(fault: Fault) -> Self {
        let (inner, unpublished) = (MemoryStore::new(), Arc::default());
        inner.changes().subscribe(&unpublished);
        Self {
            inner,
            changes: ChangeNotifier::default(),
            unpublished,
            fault: AtomicU8::new(fault as u8),
            catch_ups: AtomicUsize::new(0),
            partner_lookups: AtomicUsize::new(0),
            token_lookups: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            rows_written: AtomicUsize::new(0),
        }
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

    /// The number of calls of [`catch_up`](Store::catch_up).
    ///
    /// ```
    /// use dualkey_store::Store;
    /// use dualkey_testing::{Fault, FaultyStore};
    ///
    /// # pollster::block_on(async {
    /// let store = FaultyStore::new();
    /// assert!(store.catch_up().await.is_ok());
    /// store.set_fault(Fault::Error);
    /// assert!(store.catch_up().await.is_err());
    /// assert_eq!(store.catch_ups(), 2);
    /// # });
    /// ```
    pub fn catch_ups(&self) -> usize {
        self.catch_ups.load(Ordering::SeqCst)
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

    fn catch_up(&self) -> StoreFuture<'_, ()> {
        count(&self.catch_ups);
        self.call(|_| {
            Box::pin(async {
                if self.fault.load(Ordering::SeqCst) == Fault::CatchUp as u8 {
                    return Err(StoreError::new("the change feed does not read"));
                }
                self.unpublished.take().iter().for_each(|change| self.changes.publish(change));
                Ok(())
            })
        })
    }
}

impl Default for FaultyStore {
    fn default() -> Self {
        Self::new()
    }
}

/// The changes that the store did not publish yet.
#[derive(Default)]
struct Unpublished(Mutex<Vec<Change>>);

impl Unpublished {
    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Without the keys of partners.
impl fmt::Debug for Unpublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpublished").finish_non_exhaustive()
    }
}

impl ChangeListener for Unpublished {
    fn on_change(&self, change: &Change) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change.clone());
    }
}

fn count(calls: &AtomicUsize) {
    calls.fetch_add(1, Ordering::SeqCst);
}
