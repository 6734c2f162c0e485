//! Finds out whether a pooler gives one session of PostgreSQL to several clients in turns, as pgbouncer does
//! in transaction mode. Prepared statements and `LISTEN` belong to a session, and do not work there.

use std::hash::{BuildHasher as _, RandomState};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool, Row as _};

use crate::error::SqlError;

/// A pooler with many idle sessions can give each client the same one several times in a row.
const ROUNDS: usize = 4;

/// Sets a variable of the session to different values on two connections, and reads it again. On a shared
/// session, a connection reads another value than its own.
///
/// # Errors
///
/// [`SqlError::SharedSessions`], or the error of a connection.
pub(crate) async fn refuse_shared_sessions(pool: &PgPool) -> Result<(), SqlError> {
    let mut one = pool.acquire().await?;
    let mut other = pool.connect_options().connect().await?;
    let (first, second) = (random_text(), random_text());
    set_variable(&mut one, &first).await?;
    set_variable(&mut other, &second).await?;
    for _ in 0..ROUNDS {
        if variable(&mut one).await? != first || variable(&mut other).await? != second {
            return Err(SqlError::SharedSessions);
        }
    }
    Ok(other.close().await?)
}

/// Differs between the processes that open a store through one pooler at the same time.
fn random_text() -> String {
    RandomState::new().hash_one(0).to_string()
}

async fn set_variable(connection: &mut PgConnection, value: &str) -> Result<(), SqlError> {
    let query = format!("select set_config('dualkey.session', '{value}', false)");
    sqlx::raw_sql(AssertSqlSafe(query)).execute(connection).await?;
    Ok(())
}

/// The value of the variable, empty if it is not set on this connection. The query is not prepared, so that
/// it works through each pooler.
async fn variable(connection: &mut PgConnection) -> Result<String, SqlError> {
    let query = sqlx::raw_sql("select coalesce(current_setting('dualkey.session', true), '')");
    Ok(query.fetch_one(connection).await?.try_get(0)?)
}
