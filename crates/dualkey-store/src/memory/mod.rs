mod audit;
mod nonces;
mod organization;
mod partners;
mod records;
mod shared_limits;
mod shared_state;
mod tokens;
mod usage;

use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::memory::records::Records;
pub use crate::memory::shared_limits::MemorySharedLimits;
use crate::{ChangeNotifier, Store, StoreError, StoreFuture};

/// A [`Store`] in memory, for tests, demonstrations, and servers that register their partners at start.
/// It is empty after a restart.
///
/// It holds up to 1,000,000 tokens, as many nonces, and 100,000 partners. Adding more is a [`StoreError`]. It keeps the
/// latest 100,000 entries of the audit trail.
///
/// ```
/// use std::sync::Arc;
/// use dualkey_limit::SystemClock;
/// use dualkey_scope::Catalogue;
/// use dualkey_store::{MemoryStore, NewPartner, PartnerStore, Registry};
/// use dualkey_token::Prefix;
///
/// # pollster::block_on(async {
/// # let catalogue = Catalogue::builder().scope("guests:read", "Guests - Read").build()?;
/// let store = Arc::new(MemoryStore::new());
/// let clock = Arc::new(SystemClock);
/// let registry = Registry::new(catalogue, Prefix::new("gw"), store.clone(), clock);
/// let partner = registry.register_partner(NewPartner::new("Zapier")).await?;
/// assert_eq!(store.partners().await?, [partner]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct MemoryStore {
    records: Mutex<Records>,
    changes: ChangeNotifier,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self { records: Mutex::default(), changes: ChangeNotifier::always_current() }
    }

    /// Locks the records. A poisoned lock is usable, because no code panics between two steps of a change.
    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn changes(&self) -> &ChangeNotifier {
        &self.changes
    }

    fn catch_up(&self) -> StoreFuture<'_, ()> {
        ready_ok(()) // each change was published before it was acknowledged
    }
}

/// Shows the number of records, and none of their contents.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records();
        f.debug_struct("MemoryStore")
            .field("partners", &records.partner_count())
            .field("tokens", &records.token_count())
            .finish_non_exhaustive()
    }
}

/// A future that is ready with this answer.
fn ready_ok<T: Send + 'static>(answer: T) -> StoreFuture<'static, T> {
    Box::pin(ready(Ok(answer)))
}

/// A future that is ready with this error.
fn ready_err<T: Send + 'static>(error: StoreError) -> StoreFuture<'static, T> {
    Box::pin(ready(Err(error)))
}
