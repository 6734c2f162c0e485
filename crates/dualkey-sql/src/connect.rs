//! Opens a store from an address, or from a pool of the embedding program.

use std::time::Duration;

use crate::address::Address;
use crate::error::SqlError;
#[cfg(feature = "sqlite")]
use crate::file::FilePool;
use crate::options::SqlOptions;
use crate::session::Pool;
use crate::shared::{Shared, acquire_timeout};
use crate::store::SqlStore;

/// SQLite does not notify other processes of changes, so the feed finds them only by polling.
#[cfg(feature = "sqlite")]
const SQLITE_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// PostgreSQL notifies the feed of changes. Polling finds those whose notification was lost.
#[cfg(feature = "postgres")]
const POSTGRES_POLL_INTERVAL: Duration = Duration::from_secs(1);

impl SqlOptions {
    /// Opens the database at this address: `sqlite:` and a path, or `postgres://…`, in the syntax of
    /// [sqlx].
    ///
    /// A missing SQLite file is created, readable for its owner only. Its connections use
    /// `journal_mode = wal` and `synchronous = full`, so that acknowledged changes survive a crash of the
    /// process and of the machine.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), dualkey_sql::SqlError> {
    /// use dualkey_sql::{SqlError, SqlOptions};
    ///
    /// # let path = std::env::temp_dir().join(format!("dualkey-sql-open-{}.db", std::process::id()));
    /// # let address = format!("sqlite:{}", path.display());
    /// let store = SqlOptions::new().connect(&address).await; // "sqlite:gate.db"
    /// assert!(store.is_ok());
    /// let refused = SqlOptions::new().connect("sqlite::memory:").await;
    /// assert!(matches!(refused, Err(SqlError::InvalidAddress(_)))); // nothing would be stored
    /// # std::fs::remove_file(path).ok();
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    ///
    /// [sqlx]: https://docs.rs/sqlx
    ///
    /// # Errors
    ///
    /// - [`SqlError::InvalidAddress`] if the address is not an [`Address`], or if this build does not support
    ///   its database.
    /// - [`SqlError::InvalidSchema`] if a schema is set for SQLite.
    /// - [`SqlError::SharedSessions`] if a pooler in transaction or statement mode is in front of PostgreSQL.
    /// - [`SqlError::SchemaTooNew`] if the tables were migrated by a newer version of this program.
    /// - Another [`SqlError`] if the database is unreachable, too slow, or returns an error.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a tokio runtime.
    pub async fn connect(self, address: &str) -> Result<SqlStore, SqlError> {
        let address = Address::parse(address)?;
        let address = address.expose_secret();
        match address.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                self.refuse_schema()?;
                let pool = crate::sqlite::open(address, acquire_timeout(self.timeout))?;
                self.from_sqlite_pool(pool).await
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                let pool = crate::postgres::open(address, acquire_timeout(self.timeout))?;
                self.from_postgres_pool(pool).await
            }
            _ => Err(SqlError::InvalidAddress("this build does not support such a database")),
        }
    }

    /// Opens the SQLite database of this pool. One more connection with its options, which is not from the
    /// pool, reads changes. The pool decides how durable writes are:
    /// [`connect`](Self::connect) sets `journal_mode = wal`, `synchronous = full` and a
    /// `busy_timeout`.
    ///
    /// # Errors
    ///
    /// The same as for [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// If it is polled outside of a tokio runtime.
    #[cfg(feature = "sqlite")]
    pub async fn from_sqlite_pool(self, pool: sqlx::SqlitePool) -> Result<SqlStore, SqlError> {
        self.refuse_schema()?;
        self.open(Pool::Sqlite(FilePool::new(pool)), None, SQLITE_POLL_INTERVAL).await
    }

    /// Opens the PostgreSQL database of this pool. Two more connections with its options, which are not
    /// from the pool, listen for changes and read them.
    ///
    /// # Errors
    ///
    /// The same as for [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// If it is polled outside of a tokio runtime.
    #[cfg(feature = "postgres")]
    pub async fn from_postgres_pool(self, pool: sqlx::PgPool) -> Result<SqlStore, SqlError> {
        let schema = self.schema.clone().unwrap_or_else(|| "public".to_owned());
        self.open(Pool::Postgres(pool), Some(schema), POSTGRES_POLL_INTERVAL).await
    }

    #[cfg(feature = "sqlite")]
    const fn refuse_schema(&self) -> Result<(), SqlError> {
        if self.schema.is_some() { Err(SqlError::InvalidSchema) } else { Ok(()) }
    }

    async fn open(
        self,
        pool: Pool,
        schema: Option<String>,
        default_poll_interval: Duration,
    ) -> Result<SqlStore, SqlError> {
        let poll_interval = self.poll_interval.unwrap_or(default_poll_interval);
        SqlStore::open(Shared::new(pool, schema, self.timeout, poll_interval)).await
    }
}

impl SqlStore {
    /// Opens the database at this address with the default options: see [`SqlOptions::connect`].
    ///
    /// # Errors
    ///
    /// The same as for [`SqlOptions::connect`].
    ///
    /// # Panics
    ///
    /// If it is polled outside of a tokio runtime.
    pub async fn connect(address: &str) -> Result<Self, SqlError> {
        SqlOptions::new().connect(address).await
    }

    /// Opens the SQLite database of this pool with the default options: see
    /// [`SqlOptions::from_sqlite_pool`].
    ///
    /// # Errors
    ///
    /// The same as for [`SqlOptions::connect`].
    ///
    /// # Panics
    ///
    /// If it is polled outside of a tokio runtime.
    #[cfg(feature = "sqlite")]
    pub async fn from_sqlite_pool(pool: sqlx::SqlitePool) -> Result<Self, SqlError> {
        SqlOptions::new().from_sqlite_pool(pool).await
    }

    /// Opens the PostgreSQL database of this pool with the default options: see
    /// [`SqlOptions::from_postgres_pool`].
    ///
    /// # Errors
    ///
    /// The same as for [`SqlOptions::connect`].
    ///
    /// # Panics
    ///
    /// If it is polled outside of a tokio runtime.
    #[cfg(feature = "postgres")]
    pub async fn from_postgres_pool(pool: sqlx::PgPool) -> Result<Self, SqlError> {
        SqlOptions::new().from_postgres_pool(pool).await
    }
}
