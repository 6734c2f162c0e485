use std::fmt;
use std::time::Duration;

use crate::error::SqlError;

/// The options with which a [`SqlStore`](crate::SqlStore) is opened.
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
    pub(crate) schema: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) poll_interval: Option<Duration>,
}

impl SqlOptions {
    /// The default options: a timeout of 1 s, and the schema `public` in PostgreSQL.
    #[must_use]
    pub fn new() -> Self {
        Self { schema: None, timeout: Duration::from_secs(1), poll_interval: None }
    }

    /// The schema that contains the tables, in a PostgreSQL database. Default: `public`. The schema must
    /// exist. The statements do not depend on the `search_path`.
    ///
    /// ```
    /// use dualkey_sql::{SqlError, SqlOptions};
    ///
    /// assert!(SqlOptions::new().with_schema("access").is_ok());
    /// let refused = SqlOptions::new().with_schema("my-schema");
    /// assert!(matches!(refused, Err(SqlError::InvalidSchema)));
    /// ```
    ///
    /// # Errors
    ///
    /// [`SqlError::InvalidSchema`] if the name does not consist of 1 to 63 ASCII letters, digits and
    /// underscores, or if it begins with a digit.
    pub fn with_schema(self, name: &str) -> Result<Self, SqlError> {
        let is_word_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_valid = (1..=63).contains(&name.len())
            && name.bytes().all(is_word_byte)
            && !name.starts_with(|first: char| first.is_ascii_digit());
        if !is_valid {
            return Err(SqlError::InvalidSchema);
        }
        Ok(Self { schema: Some(name.to_owned()), ..self })
    }

    /// The time after which an operation fails, with [`SqlError::Timeout`] or with an error that names the
    /// cause of the delay. Default: 1 s.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", feature = "postgres"))]
    /// # #[tokio::main]
    /// # async fn main() {
    /// use std::net::TcpListener;
    /// use std::time::Duration;
    /// use dualkey_sql::SqlOptions;
    ///
    /// let options = SqlOptions::new().with_timeout(Duration::from_secs(30));
    /// # let path = std::env::temp_dir().join(format!("dualkey-sql-late-{}.db", std::process::id()));
    /// # let address = format!("sqlite:{}", path.display());
    /// assert!(options.connect(&address).await.is_ok());
    /// # std::fs::remove_file(path).ok();
    ///
    /// let silent = TcpListener::bind("127.0.0.1:0").unwrap(); // a server that never answers
    /// let address = format!("postgres://me@{}/api", silent.local_addr().unwrap());
    /// let options = SqlOptions::new().with_timeout(Duration::from_millis(50));
    /// assert!(options.connect(&address).await.is_err());
    /// # }
    /// # #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The interval at which the change feed reads the change log. Default: 200 ms in SQLite, and 1 s in
    /// PostgreSQL, which also notifies the feed of each change. The minimum is 1 ms.
    #[must_use]
    pub fn with_poll_interval(self, interval: Duration) -> Self {
        Self { poll_interval: Some(interval.max(Duration::from_millis(1))), ..self }
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
            .field("timeout", &self.timeout)
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}
