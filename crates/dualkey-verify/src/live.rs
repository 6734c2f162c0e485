//! The verifiers of this process, by their stores.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use dualkey_store::Store;

use crate::cache::CredentialCache;

/// The address of a store, which the cache keeps alive, and the cache of a verifier on it.
static LIVE: Mutex<Vec<(usize, Weak<CredentialCache>)>> = Mutex::new(Vec::new());

/// Adds a verifier. The second one on a store is logged as a warning: each counts the limits on its own.
pub(crate) fn register(store: &Arc<dyn Store>, cache: &Arc<CredentialCache>) {
    let address = Arc::as_ptr(store).addr();
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    live.retain(|(_, cache)| cache.strong_count() > 0);
    if live.iter().filter(|(other, _)| *other == address).count() == 1 {
        tracing::warn!(
            "a second verifier on one store: each counts the limits of partners on its own, so \
             together they admit twice as much; clone the first one instead"
        );
    }
    live.push((address, Arc::downgrade(cache)));
}
