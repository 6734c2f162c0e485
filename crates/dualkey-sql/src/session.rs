use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, SqlStr};
use tokio::sync::OwnedMutexGuard;

use crate::dialect::Dialect;
use crate::error::SqlError;
#[cfg(feature = "sqlite")]
use crate::file::FilePool;
use crate::row::Row;
use crate::value::Value;

/// A connection pool of either database.
pub(crate) enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(FilePool),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
}

enum Connection {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
}

/// A connection from the pool, with or without a transaction. If it is dropped within a transaction, the
/// connection is closed, so that the database rolls back.
pub(crate) struct Session {
    connection: Connection,
    is_in_transaction: bool,
    /// The last field, so that it is dropped after the connection.
    pub(crate) write_permit: Option<OwnedMutexGuard<()>>,
}

impl Pool {
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Dialect::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A pool of one connection with the same options, including those of the embedding program.
    pub(crate) fn of_one_connection(&self) -> Self {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => Self::Sqlite(file.of_one_connection()),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                let options = pool.options().clone().min_connections(0).max_connections(1);
                Self::Postgres(options.connect_lazy_with(pool.connect_options().as_ref().clone()))
            }
        }
    }

    pub(crate) async fn acquire(&self) -> Result<Session, SqlError> {
        let connection = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => Connection::Sqlite(file.current()?.acquire().await?),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        };
        Ok(Session { connection, is_in_transaction: false, write_permit: None })
    }

    /// Finds out why the pool provides no connection. The pool of sqlx retries until its timeout and then
    /// drops the cause.
    pub(crate) async fn diagnose(&self) -> SqlError {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => SqlError::PoolTimedOut,
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                use sqlx::ConnectOptions as _;

                let options = pool.connect_options();
                options.connect().await.map_or_else(Into::into, |_| SqlError::PoolTimedOut)
            }
        }
    }
}

impl Session {
    pub(crate) async fn fetch(
        &mut self,
        sql: SqlStr,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with(sql, crate::sqlite::arguments(values)?);
                let rows = query.fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => {
                if !crate::postgres::can_represent(values) {
                    return Ok(Vec::new());
                }
                let query = sqlx::query_with(sql, crate::postgres::arguments(values)?);
                let rows = query.fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs one statement. Returns the number of rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: SqlStr,
        values: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with(sql, crate::sqlite::arguments(values)?);
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => {
                let query = sqlx::query_with(sql, crate::postgres::arguments(values)?);
                Ok(query.execute(&mut **connection).await?.rows_affected())
            }
        }
    }

    /// Runs statements without arguments and without rows.
    pub(crate) async fn run(&mut self, script: &str) -> Result<(), SqlError> {
        let script = sqlx::raw_sql(AssertSqlSafe(script));
        match &mut self.connection {
            #[cfg(feature = "sqlite")]
            Connection::Sqlite(connection) => {
                script.execute(&mut **connection).await?;
            }
            #[cfg(feature = "postgres")]
            Connection::Postgres(connection) => {
                script.execute(&mut **connection).await?;
            }
        }
        Ok(())
    }

    /// Begins a transaction with this script.
    pub(crate) async fn begin(&mut self, script: &str) -> Result<(), SqlError> {
        self.is_in_transaction = true;
        self.run(script).await
    }

    /// Ends the transaction with this script, which contains `commit` or `rollback`.
    pub(crate) async fn end(mut self, script: &str) -> Result<(), SqlError> {
        self.run(script).await?;
        self.is_in_transaction = false;
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is_in_transaction {
            match &mut self.connection {
                #[cfg(feature = "sqlite")]
                Connection::Sqlite(connection) => connection.close_on_drop(),
                #[cfg(feature = "postgres")]
                Connection::Postgres(connection) => connection.close_on_drop(),
            }
        }
    }
}
