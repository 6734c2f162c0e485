use std::sync::Arc;
use std::time::Duration;

use dualkey_store::{ChangeNotifier, Store, StoreError, StoreFuture};
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout};

use crate::feed;
use crate::migrate::migrate;
use crate::shared::Shared;
use crate::{SqlError, SqlOptions};

/// Partners and tokens in a SQLite or PostgreSQL database.
///
/// It lives on the tokio runtime on which it was opened; its verbs can be awaited anywhere. A change
/// whose future is dropped after it was polled is carried out all the same; any other verb is given up.
#[derive(Debug)]
pub struct SqlStore {
    shared: Arc<Shared>,
    _feed: AbortOnDrop,
}

/// Several processes that open one new SQLite file at once may have to try again for so long.
const OPENING: Duration = Duration::from_secs(30);

impl SqlStore {
    /// Opens the database at this address: see [`SqlOptions::connect`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn connect(address: &str) -> Result<Self, SqlError> {
        SqlOptions::new().connect(address).await
    }

    /// Opens the SQLite database of this pool: see [`SqlOptions::from_sqlite_pool`].
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "sqlite")]
    pub async fn from_sqlite_pool(pool: sqlx::SqlitePool) -> Result<Self, SqlError> {
        SqlOptions::new().from_sqlite_pool(pool).await
    }

    /// Opens the PostgreSQL database of this pool: see [`SqlOptions::from_postgres_pool`].
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "postgres")]
    pub async fn from_postgres_pool(pool: sqlx::PgPool) -> Result<Self, SqlError> {
        SqlOptions::new().from_postgres_pool(pool).await
    }

    pub(crate) async fn open(shared: Shared) -> Result<Self, SqlError> {
        let shared = Arc::new(shared);
        let began = Instant::now();
        while let Err(error) = migrate(&shared).await {
            if !error.is_busy() || began.elapsed() > OPENING {
                return Err(error);
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(Self { _feed: feed::start(&shared).await?, shared })
    }

    /// Runs a verb, and gives it up when its answer is no longer waited for.
    pub(crate) fn ask<T, F, V>(&self, verb: V) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
        V: FnOnce(Arc<Shared>) -> F + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let task = start(shared, verb);
            let _giving_up = AbortOnDrop(task.abort_handle());
            answer(task.await)
        })
    }

    /// Runs a verb to its end, even if its answer is no longer waited for: so what is committed is
    /// announced.
    pub(crate) fn change<T, F, V>(&self, verb: V) -> StoreFuture<'static, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, SqlError>> + Send + 'static,
        V: FnOnce(Arc<Shared>) -> F + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { answer(start(shared, verb).await) })
    }
}

/// Runs a verb on the store's runtime, to the deadline at most.
fn start<T, F, V>(shared: Arc<Shared>, verb: V) -> JoinHandle<Result<T, SqlError>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, SqlError>> + Send + 'static,
    V: FnOnce(Arc<Shared>) -> F + Send + 'static,
{
    let (runtime, deadline) = (shared.runtime.clone(), shared.deadline);
    let timed = async move { timeout(deadline, verb(shared)).await };
    runtime.spawn(async move { timed.await.unwrap_or(Err(SqlError::Timeout(deadline))) })
}

fn answer<T>(ended: Result<Result<T, SqlError>, JoinError>) -> Result<T, StoreError> {
    let answer = ended.map_err(|_| StoreError::new("the runtime of the store has ended"))?;
    answer.map_err(StoreError::new)
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Store for SqlStore {
    fn changes(&self) -> &ChangeNotifier {
        &self.shared.changes
    }
}
