use std::time::Duration;

/// An error of the database or of the connection to it. It is the source of a
/// [`StoreError`](dualkey_store::StoreError), and contains no secret, no digest and no password.
///
/// ```
/// use std::error::Error as _;
/// use dualkey_sql::SqlError;
/// use dualkey_store::StoreError;
///
/// let error = StoreError::new(SqlError::PoolTimedOut);
/// let source = error.source().expect("the cause, for operators");
/// assert_eq!(source.to_string(), "all connections to the database are in use");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The address of the database is malformed or not supported.
    #[error("invalid database address: {0}")]
    InvalidAddress(&'static str),
    /// The name of the schema is invalid, or the database is SQLite, which has no schemas.
    #[error(
        "a schema name must be 1 to 63 letters, digits and underscores, must not begin with a digit, \
         and requires PostgreSQL"
    )]
    InvalidSchema,
    /// The tables were migrated by a newer version of this program.
    #[error(
        "the tables have version {found}, but this program supports at most version {known}: use a \
         newer version of it"
    )]
    SchemaTooNew {
        /// The version of the tables.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The database cannot be reached.
    #[error("database unreachable: {0}")]
    Unreachable(String),
    /// The pool provided no connection in time, although the database accepts more of them.
    #[error("all connections to the database are in use")]
    PoolTimedOut,
    /// The database did not answer within [`SqlOptions::with_timeout`](crate::SqlOptions::with_timeout).
    #[error("the database did not answer within {0:?}")]
    Timeout(Duration),
    /// A pooler between this process and PostgreSQL gives one session to several clients in turns.
    #[error(
        "a connection pooler shares sessions of PostgreSQL between clients: set it to session mode \
         (pgbouncer: pool_mode = session), or use the address of the server itself"
    )]
    SharedSessions,
    /// The database returned an error.
    #[error("database error: {message} (code {code})")]
    Database {
        /// The SQLSTATE of PostgreSQL, or the extended result code of SQLite.
        code: String,
        /// The message of the database, without the details, which can quote rows.
        message: String,
    },
    /// A column contains a value that this program does not write. The row was changed by hand, or by a
    /// newer version of the program.
    #[error("invalid value in column {0}")]
    Decode(String),
    /// A value cannot be represented in the database.
    #[error("cannot encode a value: {0}")]
    Encode(&'static str),
}

impl From<sqlx::Error> for SqlError {
    /// Keeps only the code and the message of a database error, because its details can quote rows.
    fn from(error: sqlx::Error) -> Self {
        /// A prepared statement exists already, or does not exist, as it belongs to another session.
        const STATEMENT_OF_OTHER_SESSION: [&str; 2] = ["42P05", "26000"];

        match error {
            sqlx::Error::Database(error)
                if error
                    .code()
                    .is_some_and(|code| STATEMENT_OF_OTHER_SESSION.contains(&&*code)) =>
            {
                Self::SharedSessions
            }
            sqlx::Error::Database(error) => Self::Database {
                code: error.code().unwrap_or_default().into_owned(),
                message: error.message().to_owned(),
            },
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::Decode(index.trim_matches('"').to_owned())
            }
            sqlx::Error::ColumnNotFound(column) => Self::Decode(column),
            sqlx::Error::Configuration(_) => Self::InvalidAddress("malformed"),
            sqlx::Error::PoolTimedOut => Self::PoolTimedOut,
            error => Self::Unreachable(error.to_string()),
        }
    }
}

impl SqlError {
    /// Whether another connection locks the SQLite file (`SQLITE_BUSY` and its extended codes).
    pub(crate) fn is_busy(&self) -> bool {
        const BUSY: [&str; 4] = ["5", "261", "517", "773"];
        matches!(self, Self::Database { code, .. } if BUSY.contains(&code.as_str()))
    }
}
