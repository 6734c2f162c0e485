use std::time::Duration;

/// Why a database did not do what was asked: the source of a
/// [`StoreError`](dualkey_store::StoreError). It holds no secret, no digest and no password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The address of the database.
    #[error("the address of the database cannot be used: {0}")]
    InvalidAddress(&'static str),
    /// The name of the schema.
    #[error(
        "a schema's name has 1 to 63 letters, digits and underscores, does not begin with a digit, \
         and is for PostgreSQL only"
    )]
    InvalidSchema,
    /// A newer program was here.
    #[error(
        "the database has tables of version {found}, and this program knows those up to version \
         {known}: a newer one is needed"
    )]
    SchemaTooNew {
        /// The version of the tables.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// There is no connection to the database.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// The pool gave no connection in time, though the database takes more of them.
    #[error("all connections to the database are in use")]
    PoolTimedOut,
    /// The database was asked, and did not answer in time.
    #[error("the database did not answer within {0:?}")]
    Timeout(Duration),
    /// The database said no.
    #[error("the database refused: {message} (code {code})")]
    Database {
        /// SQLSTATE in PostgreSQL, the extended result code in SQLite.
        code: String,
        /// In the database's words.
        message: String,
    },
    /// A row is not as it was written: it was changed by hand, or by a newer program.
    #[error("a row cannot be read: its {0} makes no sense")]
    Decode(String),
    /// What was to be kept cannot be kept.
    #[error("this cannot be stored: {0}")]
    Encode(&'static str),
}

impl From<sqlx::Error> for SqlError {
    /// Of a database's error, only the message is taken: its details quote rows.
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Self::Database {
                code: error.code().unwrap_or_default().into_owned(),
                message: error.message().to_owned(),
            },
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::Decode(index.trim_matches('"').to_owned())
            }
            sqlx::Error::ColumnNotFound(column) => Self::Decode(column),
            sqlx::Error::Configuration(_) => Self::InvalidAddress("it is malformed"),
            sqlx::Error::PoolTimedOut => Self::PoolTimedOut,
            error => Self::Unreachable(error.to_string()),
        }
    }
}

impl SqlError {
    /// Whether SQLite was busy with another connection (`SQLITE_BUSY` and its extensions).
    pub(crate) fn is_busy(&self) -> bool {
        const BUSY: [&str; 4] = ["5", "261", "517", "773"];
        matches!(self, Self::Database { code, .. } if BUSY.contains(&code.as_str()))
    }
}
