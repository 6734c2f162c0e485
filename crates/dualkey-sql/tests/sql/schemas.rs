//! The tables can use a schema and a pool of the embedding program.

use std::sync::Arc;

use dualkey_sql::{SqlError, SqlOptions, SqlStore};
use dualkey_store::Registry;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::support::{Database, issue, registry, tolerant_options};

async fn in_schema(address: &str, schema: &str) -> Registry {
    registry(Arc::new(
        tolerant_options().with_schema(schema).unwrap().connect(address).await.unwrap(),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schemas_of_one_database_are_independent() {
    let database = Database::postgres();
    database.run("create schema one; create schema \"Two\"; create table dualkey_schema ()").await;
    // With an empty search path.
    let address = format!("{}&options=-csearch_path%3D", database.address);
    let one = in_schema(&address, "one").await;
    let two = in_schema(&address, "Two").await;
    let token = issue(&one, "acme").await.unwrap();
    assert_eq!(one.tokens(&"acme".into()).await.unwrap(), [token.record]);
    assert!(two.tokens(&"acme".into()).await.unwrap().is_empty());
    assert_eq!(database.count("one.dualkey_changes").await, 1);
    assert_eq!(database.count("\"Two\".dualkey_changes").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_schema_is_a_clear_error() {
    let database = Database::postgres();
    let options = SqlOptions::new().with_schema("missing").unwrap();
    let error = options.connect(&database.address).await.unwrap_err();
    assert!(error.to_string().contains("schema \"missing\" does not exist"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_schema_name_is_refused() {
    for name in ["", "1st", "my-schema", "a\"b", "a.b", "ä", &"a".repeat(64)] {
        let refused = SqlOptions::new().with_schema(name);
        assert!(matches!(refused, Err(SqlError::InvalidSchema)), "{name:?}");
    }
    let for_sqlite = SqlOptions::new().with_schema("access").unwrap();
    let refused = for_sqlite.connect(&Database::sqlite().address).await;
    assert!(matches!(refused, Err(SqlError::InvalidSchema)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_create_rights_can_use_existing_tables() {
    let database = Database::postgres();
    drop(database.open().await);
    database
        .run(
            "create role limited login; revoke create on schema public from public;
             grant select, insert, update, delete on all tables in schema public to limited",
        )
        .await;
    let address = database.address.replace("user=dualkey", "user=limited");
    let limited = registry(Arc::new(tolerant_options().connect(&address).await.unwrap()));
    issue(&limited, "acme").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_one_connection_is_enough() {
    let database = Database::postgres();
    let options: PgConnectOptions = database.address.parse().unwrap();
    // The isolation level of the embedding program has no effect.
    let options = options.options([("default_transaction_isolation", "serializable")]);
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let registry =
        registry(Arc::new(tolerant_options().from_postgres_pool(pool.clone()).await.unwrap()));
    let issuers = (0..8).map(|_| {
        let registry = registry.clone().with_max_tokens_per_organization(5);
        tokio::spawn(async move { issue(&registry, "acme").await.is_ok() })
    });
    let mut issued = 0;
    for issuer in Vec::from_iter(issuers) {
        issued += i32::from(issuer.await.unwrap());
    }
    assert_eq!(issued, 5);
    assert_eq!(sqlx::query("select 1").execute(&pool).await.unwrap().rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_nul_matches_no_row() {
    for database in [Database::sqlite(), Database::postgres()] {
        let store = SqlStore::connect(&database.address).await.unwrap();
        let registry = registry(Arc::new(store));
        assert!(registry.tokens(&"a\0".into()).await.unwrap().is_empty());
    }
}
