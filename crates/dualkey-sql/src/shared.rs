use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey_store::ChangeNotifier;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::dialect::Dialect;
use crate::error::SqlError;
use crate::row::Row;
use crate::session::{Pool, Session};
use crate::statement::{Statement, Statements};
use crate::value::Value;

/// The state that a store's operations share with its change feed.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) schema: Option<String>,
    pub(crate) changes: ChangeNotifier,
    pub(crate) timeout: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) runtime: Handle,
    statements: Statements,
    /// The script that begins a transaction that may write.
    begin: String,
    /// The script that commits a change. In PostgreSQL, it also notifies the change feeds of other processes.
    commit_change: String,
    /// `None` for PostgreSQL. SQLite allows one writer at a time, and other writers poll for its lock. With
    /// this mutex, the writers of this process queue instead.
    write_permit: Option<Arc<Mutex<()>>>,
    /// The last reason why the database was unreachable, and when it was found.
    diagnosis: Mutex<Option<(Instant, String)>>,
}

/// The time for which a diagnosis is reused.
const DIAGNOSIS_TTL: Duration = Duration::from_secs(1);

impl Shared {
    pub(crate) fn new(
        pool: Pool,
        schema: Option<String>,
        timeout: Duration,
        poll_interval: Duration,
    ) -> Self {
        let (begin, commit_change, write_permit) = match pool.dialect() {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => {
                ("begin immediate".to_owned(), "commit".to_owned(), Some(Arc::default()))
            }
            #[cfg(feature = "postgres")]
            Dialect::Postgres => {
                use crate::postgres::{begin, notify_and_commit};

                (begin(timeout), notify_and_commit(schema.as_deref()), None)
            }
        };
        let statements = Statements::new(pool.dialect(), schema.as_deref());
        Self {
            pool,
            schema,
            changes: ChangeNotifier::default(),
            timeout,
            poll_interval,
            runtime: Handle::current(),
            statements,
            begin,
            commit_change,
            write_permit,
            diagnosis: Mutex::default(),
        }
    }

    /// Acquires a connection. Waits for three quarters of the timeout. The last quarter is for finding the
    /// cause of a failure.
    pub(crate) async fn acquire(&self) -> Result<Session, SqlError> {
        self.acquire_from(&self.pool).await
    }

    /// Acquires a connection from this pool, which has the options of the store's pool.
    pub(crate) async fn acquire_from(&self, pool: &Pool) -> Result<Session, SqlError> {
        let acquire_timeout = acquire_timeout(self.timeout);
        match timeout(acquire_timeout, pool.acquire()).await {
            Ok(Err(SqlError::PoolTimedOut)) | Err(_) => {
                let diagnosis = timeout(self.timeout - acquire_timeout, self.diagnose()).await;
                Err(diagnosis.unwrap_or(SqlError::Timeout(self.timeout)))
            }
            Ok(acquired) => acquired,
        }
    }

    /// Refuses a pooler that shares sessions of PostgreSQL between clients, and logs a connection in clear.
    pub(crate) async fn check_connection(&self) -> Result<(), SqlError> {
        match &self.pool {
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                drop(self.acquire().await?); // if there is no connection, its error names the cause
                let check = async {
                    crate::pooler::refuse_shared_sessions(pool).await?;
                    crate::encryption::warn_if_in_clear(pool).await
                };
                let checked = timeout(self.timeout, check).await;
                checked.unwrap_or(Err(SqlError::Timeout(self.timeout)))
            }
        }
    }

    /// Finds out why there is no connection. Concurrent callers share one diagnosis.
    async fn diagnose(&self) -> SqlError {
        let mut last = self.diagnosis.lock().await;
        match &*last {
            Some((at, reason)) if at.elapsed() < DIAGNOSIS_TTL => {
                SqlError::Unreachable(reason.clone())
            }
            _ => {
                let found = self.pool.diagnose().await;
                *last = match &found {
                    SqlError::Unreachable(reason) => Some((Instant::now(), reason.clone())),
                    _ => None,
                };
                found
            }
        }
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Session, SqlError> {
        let write_permit = match &self.write_permit {
            Some(mutex) => Some(Arc::clone(mutex).lock_owned().await),
            None => None,
        };
        let mut session = self.acquire().await?;
        session.write_permit = write_permit;
        session.begin(&self.begin).await?;
        Ok(session)
    }

    /// Commits a transaction, and notifies other processes of the change.
    pub(crate) async fn commit_change(&self, session: Session) -> Result<(), SqlError> {
        session.end(&self.commit_change).await
    }

    /// The rows of one statement, outside of a transaction.
    pub(crate) async fn query(
        &self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        let mut session = self.acquire().await?;
        self.fetch(&mut session, statement, values).await
    }

    /// The rows of one statement, within a session.
    pub(crate) async fn fetch(
        &self,
        session: &mut Session,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        session.fetch(self.statements.text(statement), values).await
    }

    /// The number of rows that one statement changed, within a session.
    pub(crate) async fn execute(
        &self,
        session: &mut Session,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        session.execute(self.statements.text(statement), values).await
    }

    /// Runs statements with the same arguments in one transaction, without publishing a change. If a timeout
    /// ends the transaction, the statements cannot take effect afterwards.
    pub(crate) async fn write(
        &self,
        statements: &[Statement],
        values: &[Value<'_>],
    ) -> Result<(), SqlError> {
        let mut session = self.begin().await?;
        for statement in statements {
            self.execute(&mut session, *statement, values).await?;
        }
        session.end("commit").await
    }
}

/// The part of a timeout that is spent waiting for a connection or a lock: three quarters. The rest is for
/// finding the cause of a failure.
pub(crate) fn acquire_timeout(timeout: Duration) -> Duration {
    timeout / 4 * 3
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("dialect", &self.pool.dialect())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
