use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dualkey_limit::{Clock, Timestamp};
use dualkey_token::TokenDigest;

use crate::ApiKey;

/// A change in a store, for caches. The cached entry is out of date, even if it records that nothing was
/// found.
///
/// ```
/// use dualkey_store::{ApiKey, Change};
///
/// let key = ApiKey::parse("partner-key-1")?;
/// let other = ApiKey::parse("partner-key-2")?;
/// let is_outdated = |change: &Change| match change {
///     Change::Partner(changed) => *changed == key,
///     Change::Token(_) => false,
///     _ => true, // anything may have changed
/// };
/// assert!(is_outdated(&Change::Partner(key.clone())) && is_outdated(&Change::All));
/// assert!(!is_outdated(&Change::Partner(other)));
/// # Ok::<(), dualkey_store::InvalidApiKey>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// The partner with this key was added or changed.
    Partner(ApiKey),
    /// The token with this digest was added, changed or removed.
    Token(TokenDigest),
    /// Anything may have changed, because changes may have been missed.
    All,
}

/// A subscriber of a [`ChangeNotifier`].
pub trait ChangeListener: Send + Sync {
    /// Invalidates the cached entry of what was changed. It is called before the change is acknowledged,
    /// and must not block.
    fn on_change(&self, change: &Change);
}

/// Publishes the changes of a store to the listeners in this process.
///
/// The watermark is the time up to which every change was published, those of other processes
/// included. It starts at the epoch, so that listeners confirm their entries by reading them again. A
/// store with a change feed [advances](Self::advance_watermark) it. It is a time of the clocks of the
/// registries on the store, so a store needs no clock.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use dualkey_store::{Change, ChangeListener, ChangeNotifier};
///
/// #[derive(Default)]
/// struct Log(Mutex<Vec<Change>>);
///
/// impl ChangeListener for Log {
///     fn on_change(&self, change: &Change) {
///         self.0.lock().unwrap().push(change.clone());
///     }
/// }
///
/// let changes = ChangeNotifier::default();
/// let log = Arc::new(Log::default());
/// changes.subscribe(&log);
/// changes.publish(&Change::All);
/// assert!(matches!(log.0.lock().unwrap()[..], [Change::All]));
/// ```
#[derive(Default)]
pub struct ChangeNotifier {
    listeners: Mutex<Vec<Weak<dyn ChangeListener>>>,
    clocks: Mutex<Vec<Weak<dyn Clock>>>,
    watermark: AtomicU64,
}

impl ChangeNotifier {
    /// A notifier for a store that only this process changes, so that no change is ever missed. Its
    /// watermark is [`Timestamp::MAX`].
    ///
    /// ```
    /// use dualkey_limit::Timestamp;
    /// use dualkey_store::ChangeNotifier;
    ///
    /// assert!(ChangeNotifier::always_current().watermark() > Timestamp::from_secs(1 << 33));
    /// assert_eq!(ChangeNotifier::default().watermark(), Timestamp::EPOCH);
    /// ```
    #[must_use]
    pub fn always_current() -> Self {
        Self { watermark: AtomicU64::new(u64::MAX), ..Self::default() }
    }

    /// The time up to which every change was published. A record that was read before this time, and about
    /// which no change was published since, is unchanged at this time.
    #[must_use]
    pub fn watermark(&self) -> Timestamp {
        Timestamp::from_nanos(self.watermark.load(Ordering::SeqCst))
    }

    /// Adds the clock of a registry on this store. It is removed when its last `Arc` is dropped.
    pub(crate) fn add_clock(&self, clock: &Arc<dyn Clock>) {
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        clocks.retain(|clock| clock.strong_count() > 0);
        clocks.push(Arc::downgrade(clock));
    }

    /// The current time of the registries on this store: the earliest if their clocks differ, so that no
    /// registry considers the watermark newer than it is. The epoch without a registry. A change feed takes
    /// it before a read, and advances the watermark to it afterwards.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use dualkey_limit::{FakeClock, Timestamp};
    /// use dualkey_store::{MemoryStore, Registry, Store};
    /// # use dualkey_scope::Catalogue;
    /// # use dualkey_token::Prefix;
    ///
    /// # let catalogue = || Catalogue::builder().scope("a:read", "A").build().unwrap();
    /// let store = Arc::new(MemoryStore::new());
    /// assert_eq!(store.changes().now(), Timestamp::EPOCH);
    /// let clock_at = |secs| Arc::new(FakeClock::new(Timestamp::from_secs(secs)));
    /// let ahead = Registry::new(catalogue(), Prefix::new("gw"), store.clone(), clock_at(7_200));
    /// assert_eq!(store.changes().now(), Timestamp::from_secs(7_200));
    /// let right = Registry::new(catalogue(), Prefix::new("gw"), store.clone(), clock_at(3_600));
    /// assert_eq!(store.changes().now(), Timestamp::from_secs(3_600));
    /// # drop((ahead, right));
    /// ```
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let clocks = clocks.iter().filter_map(Weak::upgrade);
        clocks.map(|clock| clock.now()).min().unwrap_or(Timestamp::EPOCH)
    }

    /// Records that every change up to this time was published. The watermark never moves back.
    ///
    /// ```
    /// use dualkey_limit::Timestamp;
    /// use dualkey_store::ChangeNotifier;
    ///
    /// let changes = ChangeNotifier::default();
    /// changes.advance_watermark(Timestamp::from_secs(9));
    /// changes.advance_watermark(Timestamp::from_secs(7));
    /// assert_eq!(changes.watermark(), Timestamp::from_secs(9));
    /// ```
    pub fn advance_watermark(&self, until: Timestamp) {
        self.watermark.fetch_max(until.as_nanos(), Ordering::SeqCst);
    }

    /// Adds a listener. It is removed when its last `Arc` is dropped.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use dualkey_store::{Change, ChangeListener, ChangeNotifier};
    ///
    /// #[derive(Clone, Default)]
    /// struct Counter(Arc<AtomicUsize>);
    ///
    /// impl ChangeListener for Counter {
    ///     fn on_change(&self, _: &Change) {
    ///         self.0.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// let (changes, counter) = (ChangeNotifier::default(), Counter::default());
    /// let listener = Arc::new(counter.clone());
    /// changes.subscribe(&listener);
    /// changes.publish(&Change::All);
    /// drop(listener);
    /// changes.publish(&Change::All); // no listener is left
    /// assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    /// ```
    pub fn subscribe(&self, listener: &Arc<impl ChangeListener + 'static>) {
        let listener: Weak<dyn ChangeListener> = Arc::downgrade(listener) as _;
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(listener);
    }

    /// Calls all listeners, one after the other.
    pub fn publish(&self, change: &Change) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.on_change(change);
        }
    }
}

impl fmt::Debug for ChangeNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeNotifier").finish_non_exhaustive()
    }
}
