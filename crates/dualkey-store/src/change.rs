use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dualkey_limit::Timestamp;
use dualkey_token::TokenDigest;

use crate::ApiKey;

/// A change in a store, for caches: the cached entry, a negative one included, is out of date.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// The partner with this key was added or changed.
    Partner(ApiKey),
    /// The token with this digest was added, changed or removed.
    Token(TokenDigest),
    /// Anything may have changed: changes may have been missed.
    All,
}

/// A subscriber of a [`ChangeNotifier`].
pub trait ChangeListener: Send + Sync {
    /// Invalidates what the change is about. Called before the change is acknowledged; must not block.
    fn on_change(&self, change: &Change);
}

/// Publishes the changes of a store to the listeners in this process.
///
/// The watermark is the time up to which every change was published, those of other processes
/// included. It starts at the epoch, so that listeners must confirm what they cache; a store with a
/// change feed [advances](Self::advance_watermark) it.
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
    watermark: AtomicU64,
}

impl ChangeNotifier {
    /// A notifier of a store that only this process changes, so that no change is ever missed.
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

    /// The time up to which every change was published. What no change was published about is at this
    /// time as it was when it was read.
    #[must_use]
    pub fn watermark(&self) -> Timestamp {
        Timestamp::from_nanos(self.watermark.load(Ordering::SeqCst))
    }

    /// States that every change until this time was published. The watermark never moves back.
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
    pub fn subscribe(&self, listener: &Arc<impl ChangeListener + 'static>) {
        let listener: Weak<dyn ChangeListener> = Arc::downgrade(listener) as _;
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(listener);
    }

    /// Calls all listeners.
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
