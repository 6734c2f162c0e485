use std::sync::Arc;
use std::time::Duration;

use dualkey_store::{ChangeNotifier, Store, StoreFuture};
use tokio::time::{Instant, sleep};

use crate::error::SqlError;
use crate::feed::Feed;
use crate::migrate::migrate;
use crate::shared::Shared;
use crate::task::{AbortOnDrop, join_result, spawn};

/// Partners and tokens in a SQLite or PostgreSQL database.
///
/// A store belongs to the tokio runtime on which it was opened; its futures can be awaited on any
/// executor. Dropping the future of a change after its first poll does not cancel the change. Dropping
/// any other future cancels the operation.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dualkey_sql::SqlStore;
/// use dualkey_store::PartnerStore as _;
///
/// # let path = std::env::temp_dir().join(format!("dualkey-sql-store-{}.db", std::process::id()));
/// # let address = format!("sqlite:{}", path.display());
/// let store = SqlStore::connect(&address).await?; // "sqlite:gate.db"
/// assert!(store.partners().await?.is_empty()); // the tables exist already
/// assert!(SqlStore::connect("mysql://db.internal/app").await.is_err());
/// # std::fs::remove_file(path)?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct SqlStore {
    shared: Arc<Shared>,
    feed: Arc<Feed>,
    _feeding: AbortOnDrop,
}

/// The time for which opening a store is retried while other processes lock a new SQLite file.
const OPEN_RETRY_LIMIT: Duration = Duration::from_secs(30);

impl SqlStore {
    /// Migrates the tables, then starts the change feed.
    pub(crate) async fn open(shared: Shared) -> Result<Self, SqlError> {
        let shared = Arc::new(shared);
        shared.check_connection().await?;
        let began = Instant::now();
        while let Err(error) = migrate(&shared).await {
            if !error.is_busy() || began.elapsed() > OPEN_RETRY_LIMIT {
                return Err(error);
            }
            sleep(Duration::from_millis(10)).await;
        }
        let (feed, feeding) = Feed::start(&shared).await?;
        Ok(Self { shared, feed, _feeding: feeding })
    }

    /// Runs an operation that is cancelled when its future is dropped.
    pub(crate) fn query<T, F, O>(&self, operation: O) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
        O: FnOnce(Arc<Shared>) -> F + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let task = spawn(shared, operation);
            let _cancel = AbortOnDrop(task.abort_handle());
            join_result(task.await)
        })
    }

    /// Runs an operation that continues after its future is dropped, so that each committed change is
    /// published, and callers that give up do not add reads of the change log.
    pub(crate) fn execute<T, F, O>(&self, operation: O) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
        O: FnOnce(Arc<Shared>) -> F + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { join_result(spawn(shared, operation).await) })
    }
}

impl Store for SqlStore {
    fn changes(&self) -> &ChangeNotifier {
        &self.shared.changes
    }

    fn catch_up(&self) -> StoreFuture<'_, ()> {
        let (feed, called) = (Arc::clone(&self.feed), Instant::now());
        self.execute(async move |_shared| feed.catch_up(called).await)
    }
}
