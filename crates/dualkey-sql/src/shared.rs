use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::Clock;
use dualkey_store::ChangeNotifier;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::SqlError;
use crate::dialect::Dialect;
use crate::row::Row;
use crate::session::{Pool, Session};
use crate::statement::{Statement, Statements};
use crate::value::Value;

/// What a store's verbs and its change feed share.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) schema: Option<String>,
    pub(crate) changes: ChangeNotifier,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) deadline: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) runtime: Handle,
    statements: Statements,
    begin: String,
    /// Begins with a wake-up for the change feeds of other processes, where there is such a thing.
    commit_change: String,
    /// SQLite has one writer at a time, and lets the others guess when they may try again. Those of
    /// this process wait in a queue instead.
    turn: Option<Arc<Mutex<()>>>,
    /// What was last found to be wrong, and when.
    diagnosis: Mutex<Option<(Instant, String)>>,
}

const DIAGNOSIS_HOLDS: Duration = Duration::from_secs(1);

impl Shared {
    pub(crate) fn new(
        pool: Pool,
        schema: Option<String>,
        clock: Arc<dyn Clock>,
        deadline: Duration,
        poll_interval: Duration,
    ) -> Self {
        let (begin, commit_change, turn) = match pool.dialect() {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => {
                ("begin immediate".to_owned(), "commit".to_owned(), Some(Arc::default()))
            }
            #[cfg(feature = "postgres")]
            Dialect::Postgres => {
                let channel = crate::wake::CHANNEL;
                let schema = schema.as_deref().unwrap_or_default();
                (begin_in_postgres(deadline), format!("notify {channel}, '{schema}'; commit"), None)
            }
        };
        let statements = Statements::new(pool.dialect(), schema.as_deref());
        Self {
            pool,
            schema,
            changes: ChangeNotifier::default(),
            clock,
            deadline,
            poll_interval,
            runtime: Handle::current(),
            statements,
            begin,
            commit_change,
            turn,
            diagnosis: Mutex::default(),
        }
    }

    /// A connection, within most of the deadline: the rest is for finding out why there is none.
    pub(crate) async fn acquire(&self) -> Result<Session, SqlError> {
        let patience = patience(self.deadline);
        match timeout(patience, self.pool.acquire()).await {
            Ok(Err(SqlError::PoolTimedOut)) | Err(_) => {
                let diagnosis = timeout(self.deadline - patience, self.diagnose()).await;
                Err(diagnosis.unwrap_or(SqlError::Timeout(self.deadline)))
            }
            Ok(acquired) => acquired,
        }
    }

    /// Finds out once for all that ask at the same time.
    async fn diagnose(&self) -> SqlError {
        let mut known = self.diagnosis.lock().await;
        match &*known {
            Some((at, reason)) if at.elapsed() < DIAGNOSIS_HOLDS => {
                SqlError::Unreachable(reason.clone())
            }
            _ => {
                let found = self.pool.diagnose().await;
                *known = match &found {
                    SqlError::Unreachable(reason) => Some((Instant::now(), reason.clone())),
                    _ => None,
                };
                found
            }
        }
    }

    /// A transaction.
    pub(crate) async fn begin(&self) -> Result<Session, SqlError> {
        let turn = match &self.turn {
            Some(turn) => Some(Arc::clone(turn).lock_owned().await),
            None => None,
        };
        let mut session = self.acquire().await?;
        session.turn = turn;
        session.begin(&self.begin).await?;
        Ok(session)
    }

    pub(crate) async fn commit_change(&self, session: Session) -> Result<(), SqlError> {
        session.end(&self.commit_change).await
    }

    /// What one statement answers, outside of a transaction.
    pub(crate) async fn ask(
        &self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        let mut session = self.acquire().await?;
        self.fetch(&mut session, statement, values).await
    }

    pub(crate) async fn fetch(
        &self,
        session: &mut Session,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        session.fetch(self.statements.text(statement), values).await
    }

    pub(crate) async fn execute(
        &self,
        session: &mut Session,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        session.execute(self.statements.text(statement), values).await
    }

    /// Runs one statement that changes nothing that is announced, in a transaction of its own: so it
    /// is done, or it is not and never will be.
    pub(crate) async fn write(
        &self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<(), SqlError> {
        let mut session = self.begin().await?;
        self.execute(&mut session, statement, values).await?;
        session.end("commit").await
    }
}

/// For how long something is waited for, so that there is time left to say what was waited for.
pub(crate) fn patience(deadline: Duration) -> Duration {
    deadline / 4 * 3
}

/// The server ends what this process has given up, or forgotten because it stands still: the row that
/// counts revisions must not stay locked. Each statement sees what was committed before it, whatever
/// the server's default is.
#[cfg(feature = "postgres")]
fn begin_in_postgres(deadline: Duration) -> String {
    let millis = deadline.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "begin isolation level read committed read write; \
         set local statement_timeout = {millis}; \
         set local idle_in_transaction_session_timeout = {millis}"
    )
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("dialect", &self.pool.dialect())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
