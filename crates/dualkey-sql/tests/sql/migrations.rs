//! The tables are migrated once, under concurrency, and keep their rows.

use std::env;
use std::process::{Command, Stdio};

use dualkey_limit::{LimitPolicy, Rate, Timestamp};
use dualkey_sql::{SqlError, SqlStore};
use dualkey_store::{
    DigestMethod, NewToken, OrganizationId, Page, PartnerId, RegistryError, TokenId,
};

use crate::support::{Database, issue, on_both, register, registry};

on_both!(
    a_database_of_the_first_version_keeps_its_rows,
    a_database_of_a_newer_version_is_refused,
    reopening_changes_nothing,
    names_that_older_versions_gave_twice_stay,
);

/// Set in the concurrent child processes.
const ADDRESS: &str = "DUALKEY_TEST_MIGRATES";

#[tokio::test(flavor = "multi_thread")]
async fn eight_concurrent_processes_create_one_sqlite_schema() {
    let name = "migrations::eight_concurrent_processes_create_one_sqlite_schema";
    race(name, Database::sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_concurrent_processes_create_one_postgres_schema() {
    let name = "migrations::eight_concurrent_processes_create_one_postgres_schema";
    race(name, Database::postgres).await;
}

async fn race(test: &str, new: impl Fn() -> Database) {
    if let Ok(address) = env::var(ADDRESS) {
        let store = SqlStore::connect(&address).await.unwrap();
        issue(&registry(std::sync::Arc::new(store)), "acme").await.unwrap();
        return;
    }
    for _ in 0..3 {
        let database = new();
        let start = || {
            let mut command = Command::new(env::current_exe().unwrap());
            command.args([test, "--exact"]).env(ADDRESS, &database.address);
            command.stdout(Stdio::null()).spawn().unwrap()
        };
        let racers = Vec::from_iter((0..8).map(|_| start()));
        for mut racer in racers {
            assert!(racer.wait().unwrap().success());
        }
        assert_eq!(database.count("dualkey_schema").await, 5);
        assert_eq!(database.count("dualkey_tokens").await, 8);
    }
}

async fn a_database_of_the_first_version_keeps_its_rows(database: Database) {
    database
        .run(match database.is_sqlite() {
            true => include_str!("first_schema/sqlite.sql"),
            false => include_str!("first_schema/postgres.sql"),
        })
        .await;
    let registry = database.registry().await;
    let time = |day: u64| Timestamp::from_secs(1_767_225_600 + (day - 1) * 86_400); // day of January 2026

    let [one, two] = registry.partners().await.unwrap().try_into().unwrap();
    assert_eq!((one.policy, one.enabled, one.created_at), (LimitPolicy::default(), true, time(1)));
    let number = |n| std::num::NonZeroU32::new(n).unwrap();
    let policy = LimitPolicy::new(Rate::per_minute(number(100)), number(7));
    assert_eq!(two.policy, policy.with_utc_offset_secs(-3_600).unwrap());
    assert!(!two.enabled);
    let id: PartnerId = "01890a5d-ac96-774b-bcce-b302099a8001".parse().unwrap();
    assert_eq!(registry.store().usage(id, 20_454).await.unwrap(), 17);

    let [never, used] = registry.tokens(&"acme".into()).await.unwrap().try_into().unwrap();
    assert_eq!(used.expires_at, Some(time(9)));
    assert_eq!((used.first_used_at, used.last_used_at), (Some(time(3)), Some(time(3))));
    assert_eq!(used.scopes, ["a:read", "b:read"]);
    assert_eq!((never.first_used_at, never.last_used_at), (None, None));
    assert_eq!((used.last_used_by, never.last_used_by), (None, None));
    assert_eq!(never.digest_method, DigestMethod::Unknown);
    let unpeppered = registry.unpeppered_tokens(Page::first(9)).await.unwrap();
    assert_eq!(unpeppered, [never, used], "older rows are listed, since they may have no pepper");
    let id: TokenId = "01890a5d-ac96-774b-bcce-b302099a9002".parse().unwrap();
    registry.revoke_token(&"acme".into(), &id).await.unwrap();
    register(&registry, "key-number-3").await;
    assert_eq!(database.count("dualkey_audit").await, 2);
}

async fn a_database_of_a_newer_version_is_refused(database: Database) {
    drop(database.open().await);
    database.run("insert into dualkey_schema values (6)").await;
    let refused = SqlStore::connect(&database.address).await.unwrap_err();
    assert!(matches!(refused, SqlError::SchemaTooNew { found: 6, known: 5 }), "{refused:?}");
    assert!(refused.to_string().contains("newer"), "{refused}");
}

async fn reopening_changes_nothing(database: Database) {
    let token = issue(&database.registry().await, "acme").await.unwrap();
    let again = database.registry().await;
    assert_eq!(again.tokens(&"acme".into()).await.unwrap(), [token.record]);
    let tables = match database.is_sqlite() {
        true => "select name from sqlite_schema where type = 'table' order by name",
        false => {
            "select tablename::text from pg_tables where schemaname = 'public' order by tablename"
        }
    };
    let ours = ["audit", "changes", "nonces", "partners", "revision", "schema", "tokens", "usage"];
    assert_eq!(database.texts(tables).await, ours.map(|table| format!("dualkey_{table}")));
}

async fn names_that_older_versions_gave_twice_stay(database: Database) {
    let registry = database.registry().await;
    let acme = OrganizationId::from("acme");
    let first = issue(&registry, "acme").await.unwrap().record.id;
    let second = issue(&registry, "acme").await.unwrap().record.id;
    database.run("update dualkey_tokens set name = 'same'").await;
    let names = async || {
        let tokens = registry.tokens(&acme).await.unwrap().into_iter();
        Vec::from_iter(tokens.map(|token| token.name))
    };
    let hour = std::time::Duration::from_hours(1);
    registry.rotate_token(&acme, &first, hour).await.unwrap();
    assert_eq!(names().await, ["same"; 3]);
    let token = NewToken::new("acme", "same", ["a:read"]);
    let refused = registry.issue_token(token).await;
    assert!(matches!(refused, Err(RegistryError::NameTaken)));
    registry.rename_token(&acme, &second, "other").await.unwrap();
    assert_eq!(names().await, ["same", "other", "same"]);
}
