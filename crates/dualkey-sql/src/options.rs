use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dualkey_limit::{Clock, SystemClock};

use crate::session::Pool;
use crate::shared::{Shared, patience};
use crate::{SqlError, SqlStore};

/// How a [`SqlStore`] is opened.
///
/// ```no_run
/// # async fn open() -> Result<(), dualkey_sql::SqlError> {
/// # #[cfg(feature = "postgres")] {
/// use std::time::Duration;
/// use dualkey_sql::SqlOptions;
///
/// let options = SqlOptions::new().with_schema("access")?.with_timeout(Duration::from_millis(500));
/// let store = options.connect("postgres://app@db.internal/app").await?;
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqlOptions {
    schema: Option<String>,
    deadline: Duration,
    poll_interval: Option<Duration>,
    clock: Arc<dyn Clock>,
}

impl SqlOptions {
    /// A deadline of one second, PostgreSQL's schema `public`, and the system's clock.
    #[must_use]
    pub fn new() -> Self {
        let (deadline, clock) = (Duration::from_secs(1), Arc::new(SystemClock));
        Self { schema: None, deadline, poll_interval: None, clock }
    }

    /// Keeps the tables in this schema of a PostgreSQL database, which exists. No statement relies on
    /// the `search_path`.
    ///
    /// # Errors
    ///
    /// The name is not 1 to 63 letters, digits and underscores, or begins with a digit.
    pub fn with_schema(self, name: &str) -> Result<Self, SqlError> {
        let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_valid = (1..=63).contains(&name.len())
            && name.bytes().all(is_of_word)
            && !name.starts_with(|first: char| first.is_ascii_digit());
        if !is_valid {
            return Err(SqlError::InvalidSchema);
        }
        Ok(Self { schema: Some(name.to_owned()), ..self })
    }

    /// Has each verb fail that is not done after this time; one second if not said.
    #[must_use]
    pub fn with_timeout(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Looks so often for what other processes changed. If not said, 200 ms in SQLite, and one second
    /// in PostgreSQL, which also says at once when something changed.
    #[must_use]
    pub fn with_poll_interval(self, interval: Duration) -> Self {
        Self { poll_interval: Some(interval.max(Duration::from_millis(1))), ..self }
    }

    /// Tells by this clock until when all changes are known: the one that the registry has.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Opens the database at this address: `sqlite:` and a path, or `postgres://…`, as [sqlx] takes
    /// them.
    ///
    /// A file of SQLite is made if it is missing, readable for its owner only. It is written so that
    /// what was acknowledged is there after a crash, of the machine too.
    ///
    /// [sqlx]: https://docs.rs/sqlx
    ///
    /// # Errors
    ///
    /// The address is malformed, or of a database that this build does not support; the database
    /// cannot be reached, refuses, or has tables of a newer version.
    pub async fn connect(self, address: &str) -> Result<SqlStore, SqlError> {
        match address.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                self.refuse_schema()?;
                let pool = crate::sqlite::open(address, patience(self.deadline))?;
                self.from_sqlite_pool(pool).await
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                let pool = crate::postgres::open(address, patience(self.deadline))?;
                self.from_postgres_pool(pool).await
            }
            _ => Err(SqlError::InvalidAddress("this program was built for no such database")),
        }
    }

    /// Opens the SQLite database of this pool. What its connections promise is up to whoever made
    /// them: `journal_mode = wal`, `synchronous = full` and a `busy_timeout` are what
    /// [`connect`](Self::connect) sets.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    #[cfg(feature = "sqlite")]
    pub async fn from_sqlite_pool(self, pool: sqlx::SqlitePool) -> Result<SqlStore, SqlError> {
        self.refuse_schema()?;
        self.open(Pool::Sqlite(pool), None, Duration::from_millis(200)).await
    }

    /// Opens the PostgreSQL database of this pool. One more connection, outside of the pool, listens
    /// for changes.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    #[cfg(feature = "postgres")]
    pub async fn from_postgres_pool(self, pool: sqlx::PgPool) -> Result<SqlStore, SqlError> {
        let schema = self.schema.clone().unwrap_or_else(|| "public".to_owned());
        self.open(Pool::Postgres(pool), Some(schema), Duration::from_secs(1)).await
    }

    #[cfg(feature = "sqlite")]
    const fn refuse_schema(&self) -> Result<(), SqlError> {
        if self.schema.is_some() { Err(SqlError::InvalidSchema) } else { Ok(()) }
    }

    async fn open(
        self,
        pool: Pool,
        schema: Option<String>,
        poll_interval: Duration,
    ) -> Result<SqlStore, SqlError> {
        let poll_interval = self.poll_interval.unwrap_or(poll_interval);
        SqlStore::open(Shared::new(pool, schema, self.clock, self.deadline, poll_interval)).await
    }
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SqlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlOptions")
            .field("schema", &self.schema)
            .field("deadline", &self.deadline)
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}
