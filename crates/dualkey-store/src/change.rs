use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dualkey_limit::Timestamp;
use dualkey_token::TokenDigest;

use crate::ApiKey;

/// Something in a store is no longer what a cache may hold of it, its absence included.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// What is known under this partner key.
    Partner(ApiKey),
    /// What is known under this digest.
    Token(TokenDigest),
    /// Anything: changes may have been missed.
    All,
}

/// Who wants to know.
pub trait ChangeListener: Send + Sync {
    /// Forgets what the change is about. Called before the change is acknowledged; must not block.
    fn on_change(&self, change: &Change);
}

/// Tells listeners in this process of changes, before they are acknowledged.
///
/// By default they are complete until the epoch, that is never: a store with a feed says
/// [how far](Self::advance_watermark) it has read.
#[derive(Default)]
pub struct ChangeNotifier {
    listeners: Mutex<Vec<Weak<dyn ChangeListener>>>,
    watermark: AtomicU64,
}

impl ChangeNotifier {
    /// Changes that all happen in this process, so that listeners never miss one.
    #[must_use]
    pub fn always_current() -> Self {
        Self { watermark: AtomicU64::new(u64::MAX), ..Self::default() }
    }

    /// Until when listeners have heard of all changes, those of other processes included. What was not
    /// announced as changed is as it was at this time.
    #[must_use]
    pub fn watermark(&self) -> Timestamp {
        Timestamp::from_nanos(self.watermark.load(Ordering::SeqCst))
    }

    /// Notes that listeners have heard of all changes until then.
    pub fn advance_watermark(&self, until: Timestamp) {
        self.watermark.fetch_max(until.as_nanos(), Ordering::SeqCst);
    }

    /// Tells this listener from now on, as long as it lives.
    pub fn subscribe(&self, listener: &Arc<impl ChangeListener + 'static>) {
        let listener: Weak<dyn ChangeListener> = Arc::downgrade(listener) as _;
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(listener);
    }

    /// Tells all listeners.
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
