use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dualkey_limit::Timestamp;
use dualkey_token::TokenDigest;

/// Something in a store is no longer what a cache may hold of it, its absence included.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// What is known under this partner key.
    Partner(String),
    /// What is known under this digest.
    Token(TokenDigest),
    /// Anything: changes may have been missed.
    All,
}

/// Who wants to know.
pub trait Listener: Send + Sync {
    /// Forgets what the change is about. Called before the change is acknowledged; must not block.
    fn changed(&self, change: &Change);
}

/// Tells listeners in this process of changes, before they are acknowledged.
///
/// By default they are complete until the epoch, that is never: a store with a feed says
/// [how far](Self::note_complete) it has read.
#[derive(Default)]
pub struct Changes {
    listeners: Mutex<Vec<Weak<dyn Listener>>>,
    complete_until: AtomicU64,
}

impl Changes {
    /// Changes that all happen in this process, so that listeners never miss one.
    #[must_use]
    pub fn complete() -> Self {
        Self { complete_until: AtomicU64::new(u64::MAX), ..Self::default() }
    }

    /// Until when listeners have heard of all changes, those of other processes included. What was not
    /// announced as changed is as it was at this time.
    #[must_use]
    pub fn complete_until(&self) -> Timestamp {
        Timestamp::from_nanos(self.complete_until.load(Ordering::SeqCst))
    }

    /// Notes that listeners have heard of all changes until then.
    pub fn note_complete(&self, until: Timestamp) {
        self.complete_until.fetch_max(until.as_nanos(), Ordering::SeqCst);
    }

    /// Tells this listener from now on, as long as it lives.
    pub fn subscribe(&self, listener: &Arc<impl Listener + 'static>) {
        let listener: Weak<dyn Listener> = Arc::downgrade(listener) as _;
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(listener);
    }

    /// Tells all listeners.
    pub fn publish(&self, change: &Change) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.changed(change);
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}
