use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::dialect::Dialect;
use crate::error::SqlError;
use crate::session::Session;
use crate::shared::Shared;
use crate::value::values;

/// Each script migrates the tables to the next version. A released script never changes.
const MIGRATIONS: [&str; 5] = [
    include_str!("../migrations/1.sql"),
    include_str!("../migrations/2.sql"),
    include_str!("../migrations/3.sql"),
    include_str!("../migrations/4.sql"),
    include_str!("../migrations/5.sql"),
];

const CREATE_VERSION_TABLE: &str =
    "create table {schema}dualkey_schema (version {int} not null primary key){strict}";
const SELECT_VERSION: &str =
    "select coalesce(max(version), 0) as version from {schema}dualkey_schema";
const INSERT_VERSION: &str = "insert into {schema}dualkey_schema (version) values ($1)";

/// Migrates the tables to the newest version that this program knows. If several processes start at
/// once, one of them migrates and the others wait.
pub(crate) async fn migrate(shared: &Shared) -> Result<(), SqlError> {
    let mut session = shared.acquire().await?;
    session.begin(begin(shared.pool.dialect())).await?;
    if !has_version_table(shared, &mut session).await? {
        session.run(&render(shared, CREATE_VERSION_TABLE)).await?;
    }
    let rows = session.fetch(sql(shared, SELECT_VERSION), values![]).await?;
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
            session.execute(sql(shared, INSERT_VERSION), values![version]).await?;
            tracing::info!(version, "the tables were migrated");
        }
    }
    session.end("commit").await
}

/// Begins a transaction that excludes other migrations.
const fn begin(dialect: Dialect) -> &'static str {
    match dialect {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => "begin immediate",
        // The key of the lock is "dualkey" in ASCII.
        #[cfg(feature = "postgres")]
        Dialect::Postgres => {
            "begin isolation level read committed read write; \
             select pg_advisory_xact_lock(28276558962320761)"
        }
    }
}

/// Whether the version table exists. `create table if not exists` cannot replace this check: without the
/// right to create tables, it fails even if the table exists.
async fn has_version_table(shared: &Shared, session: &mut Session) -> Result<bool, SqlError> {
    let rows = match shared.pool.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => {
            let query = "select 1 from sqlite_schema where name = 'dualkey_schema'";
            session.fetch(SqlStr::from_static(query), values![]).await?
        }
        #[cfg(feature = "postgres")]
        Dialect::Postgres => {
            let query = "select 1 where to_regclass($1) is not null";
            let table = render(shared, "{schema}dualkey_schema");
            session.fetch(SqlStr::from_static(query), values![&table]).await?
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
