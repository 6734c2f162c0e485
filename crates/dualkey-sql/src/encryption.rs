//! A connection to PostgreSQL that crosses a network unencrypted is logged.

use sqlx::postgres::PgSslMode;
use sqlx::{PgPool, Row as _};

use crate::error::SqlError;

/// Logs a warning if a connection of the pool uses TCP without TLS, unless the address demands that.
pub(crate) async fn warn_if_in_clear(pool: &PgPool) -> Result<(), SqlError> {
    if matches!(pool.connect_options().get_ssl_mode(), PgSslMode::Disable) {
        return Ok(());
    }
    let mut connection = pool.acquire().await?;
    let query = sqlx::raw_sql(
        "select (client_addr is not null and not ssl)::text
         from pg_stat_activity join pg_stat_ssl using (pid) where pid = pg_backend_pid()",
    );
    let row = query.fetch_optional(&mut *connection).await?;
    let in_clear = row.map_or(Ok(String::new()), |row| row.try_get(0))?;
    if in_clear == "true" {
        tracing::warn!(
            "the connection to PostgreSQL is not encrypted: set sslmode=verify-full in its address, \
             or sslmode=disable to omit this warning"
        );
    }
    Ok(())
}
