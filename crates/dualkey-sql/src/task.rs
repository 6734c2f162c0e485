//! Operations of a store run as tasks on its runtime.

use std::sync::Arc;

use dualkey_store::StoreError;
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tokio::time::timeout;

use crate::error::SqlError;
use crate::shared::Shared;

/// Runs an operation on the store's runtime, within the store's timeout.
pub(crate) fn spawn<T, F, O>(shared: Arc<Shared>, operation: O) -> JoinHandle<Result<T, SqlError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, SqlError>> + Send + 'static,
    O: FnOnce(Arc<Shared>) -> F + Send + 'static,
{
    let (runtime, limit) = (shared.runtime.clone(), shared.timeout);
    let timed = async move { timeout(limit, operation(shared)).await };
    runtime.spawn(async move { timed.await.unwrap_or(Err(SqlError::Timeout(limit))) })
}

/// Converts the result of a finished task to that of a storage operation.
pub(crate) fn join_result<T>(
    result: Result<Result<T, SqlError>, JoinError>,
) -> Result<T, StoreError> {
    let result = result.map_err(|_| StoreError::new("the runtime of the store has ended"))?;
    result.map_err(StoreError::new)
}

/// Aborts a task when it is dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
