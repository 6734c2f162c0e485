use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::SqlError;
use crate::dialect::Dialect;
use crate::session::Session;
use crate::shared::Shared;
use crate::value::values;

/// Each brings the tables to the next version. One that was released is never changed again.
const MIGRATIONS: [&str; 2] =
    [include_str!("../migrations/1.sql"), include_str!("../migrations/2.sql")];

const CREATE_VERSIONS: &str =
    "create table {schema}dualkey_schema (version {int} not null primary key){strict}";
const VERSION: &str = "select coalesce(max(version), 0) as version from {schema}dualkey_schema";
const NOTE_VERSION: &str = "insert into {schema}dualkey_schema (version) values ($1)";

/// Brings the tables to the version that this program knows. Several processes may do this at once:
/// one does, and the others find it done.
pub(crate) async fn migrate(shared: &Shared) -> Result<(), SqlError> {
    let mut session = shared.acquire().await?;
    session.begin(begin(shared.pool.dialect())).await?;
    if !has_versions(shared, &mut session).await? {
        session.run(&render(shared, CREATE_VERSIONS)).await?;
    }
    let rows = session.fetch(sql(shared, VERSION), values![]).await?;
    let found = rows.first().map_or(Ok(0), |row| row.int("version"))?;
    let known = version(MIGRATIONS.len());
    if found > known {
        session.end("rollback").await?;
        return Err(SqlError::SchemaTooNew { found, known });
    }
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        let version = version(index + 1);
        if version > found {
            session.run(&render(shared, migration)).await?;
            session.execute(sql(shared, NOTE_VERSION), values![version]).await?;
            tracing::info!(version, "the tables were brought to the next version");
        }
    }
    session.end("commit").await
}

/// With a lock that keeps out whoever else migrates.
const fn begin(dialect: Dialect) -> &'static str {
    match dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => "begin immediate",
        // The number is "dualkey" in ASCII.
        #[cfg(feature = "postgres")]
        Dialect::Postgres => {
            "begin isolation level read committed read write; \
             select pg_advisory_xact_lock(8390043843661231205)"
        }
    }
}

/// Asked, since a role that may not create tables may not even try to where there is one already.
async fn has_versions(shared: &Shared, session: &mut Session) -> Result<bool, SqlError> {
    let rows = match shared.pool.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            let question = "select 1 from sqlite_schema where name = 'dualkey_schema'";
            session.fetch(SqlStr::from_static(question), values![]).await?
        }
        #[cfg(feature = "postgres")]
        Dialect::Postgres => {
            let question = "select 1 where to_regclass($1) is not null";
            let table = render(shared, "{schema}dualkey_schema");
            session.fetch(SqlStr::from_static(question), values![&table]).await?
        }
    };
    Ok(!rows.is_empty())
}

fn version(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn sql(shared: &Shared, text: &str) -> SqlStr {
    AssertSqlSafe(render(shared, text)).into_sql_str()
}

fn render(shared: &Shared, text: &str) -> String {
    shared.pool.dialect().render(text, shared.schema.as_deref())
}
