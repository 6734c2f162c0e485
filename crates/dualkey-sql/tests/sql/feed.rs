//! The change feed publishes the changes of other processes. In these tests, each store represents a
//! process, with its own pool and its own feed.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dualkey_sql::{SqlOptions, SqlStore};
use dualkey_store::{PartnerStore as _, Store as _, TokenId};
use dualkey_token::TokenDigest;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;

use crate::support::recorder::Recorder;
use crate::support::{
    Database, issue, on_both, register, registry, tolerant_options, wait_for_watermark,
};

on_both!(
    a_revocation_reaches_another_process_in_time,
    a_changed_partner_reaches_another_process,
    a_gap_in_the_log_is_published_as_any_change,
    the_log_retains_ten_thousand_changes,
    catching_up_publishes_what_another_store_committed,
    callers_of_catch_up_share_few_reads,
    an_exhausted_pool_does_not_stop_the_feed,
    a_revision_that_is_reached_again_differs,
);

async fn a_revocation_reaches_another_process_in_time(database: Database) {
    let (here, there) = (database.registry().await, database.registry().await);
    let recorder = Recorder::subscribed_to(&**there.store());
    let mut tokens: Vec<(TokenId, TokenDigest)> = Vec::new();
    for _ in 0..21 {
        let token = issue(&here, "acme").await.unwrap();
        tokens.push((token.record.id, token.secret.digest()));
    }
    wait_for_watermark(&there).await;
    recorder.clear();
    let mut latencies = Vec::new();
    for (round, (id, digest)) in (0..).zip(tokens) {
        tokio::time::sleep(Duration::from_millis(round * 17 % 50)).await;
        here.revoke_token(&"acme".into(), &id).await.unwrap();
        let acknowledged = Instant::now();
        let received = recorder.received_token(&digest).await;
        latencies.push(received.saturating_duration_since(acknowledged));
        if round % 7 == 6 {
            wait_for_watermark(&there).await;
        }
    }
    latencies.sort();
    println!("received after {:?} (median), {:?} (maximum)", latencies[10], latencies[20]);
    assert!(latencies[10] < Duration::from_millis(250), "{latencies:?}");
}

async fn a_changed_partner_reaches_another_process(database: Database) {
    let (here, there) = (database.registry().await, database.registry().await);
    let recorder = Recorder::subscribed_to(&**there.store());
    let partner = register(&here, "key-number-1").await;
    recorder.received("key-number-1").await;
    recorder.clear();
    here.set_enabled(&partner.api_key, false).await.unwrap();
    recorder.received("key-number-1").await;
}

async fn a_gap_in_the_log_is_published_as_any_change(database: Database) {
    let registry = database.registry().await;
    let recorder = Recorder::subscribed_to(&**registry.store());
    let token = issue(&registry, "acme").await.unwrap();
    wait_for_watermark(&registry).await;
    for cut in [
        "update dualkey_revision set revision = revision + 3",
        "update dualkey_revision set revision = 0; delete from dualkey_changes", // a restored backup
    ] {
        recorder.clear();
        database.run(cut).await;
        recorder.received("all").await;
    }
    recorder.clear();
    registry.revoke_token(&"acme".into(), &token.record.id).await.unwrap();
    wait_for_watermark(&registry).await;
    assert!(!recorder.contains("all"), "the feed continues from the new revision");
}

async fn the_log_retains_ten_thousand_changes(database: Database) {
    let registry = registry(open_without_polling(&database).await);
    let key = if database.is_sqlite() { "x''" } else { "''" };
    database.run(&log_of(9_900..20_000, key)).await;
    for _ in 0..40 {
        issue(&registry, "acme").await.unwrap();
    }
    let oldest = "select cast(min(revision) as text) from dualkey_changes";
    assert_eq!(database.texts(oldest).await, ["10033"], "pruned at revision 20,032");
}

async fn catching_up_publishes_what_another_store_committed(database: Database) {
    let here = database.registry().await;
    let there = open_without_polling(&database).await;
    let recorder = Recorder::subscribed_to(&*there);
    for _ in 0..3 {
        let token = issue(&here, "acme").await.unwrap();
        there.catch_up().await.unwrap();
        assert!(recorder.contains_token(&token.secret.digest()));
    }
}

async fn callers_of_catch_up_share_few_reads(database: Database) {
    let store = open_without_polling(&database).await;
    let began = Instant::now();
    for _ in 0..11 {
        store.catch_up().await.unwrap(); // some share a read that the feed begins when it starts
    }
    assert!(began.elapsed() >= Duration::from_secs(1), "at most 5 reads a second");
    let callers = (0..1_000).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.catch_up().await })
    });
    for caller in Vec::from_iter(callers) {
        caller.await.unwrap().unwrap(); // 1,000 separate reads would exceed the timeout
    }
}

async fn an_exhausted_pool_does_not_stop_the_feed(database: Database) {
    let here = database.registry().await;
    let options = SqlOptions::new();
    let (there, _held): (SqlStore, Box<dyn Any + Send>) = if database.is_sqlite() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect(&database.address).await;
        let pool = pool.unwrap();
        let store = options.from_sqlite_pool(pool.clone()).await.unwrap();
        (store, Box::new(pool.acquire().await.unwrap()))
    } else {
        let pool = PgPoolOptions::new().max_connections(1).connect(&database.address).await;
        let pool = pool.unwrap();
        let store = options.from_postgres_pool(pool.clone()).await.unwrap();
        (store, Box::new(pool.acquire().await.unwrap()))
    };
    assert!(there.partners().await.is_err(), "the pool has no connection left");
    let recorder = Recorder::subscribed_to(&there);
    register(&here, "key-number-1").await;
    recorder.received("key-number-1").await;
    there.catch_up().await.unwrap();
}

async fn a_revision_that_is_reached_again_differs(database: Database) {
    const TABLES: [&str; 3] = ["dualkey_tokens", "dualkey_revision", "dualkey_changes"];

    let here = database.registry().await;
    let there = open_without_polling(&database).await;
    let old = issue(&here, "acme").await.unwrap();
    let backup =
        TABLES.map(|table| format!("create table {table}_backup as select * from {table};"));
    database.run(&backup.concat()).await;
    for lost in [1, 2] {
        for _ in 0..lost {
            issue(&here, "acme").await.unwrap();
        }
        there.catch_up().await.unwrap();
        let restore = TABLES.map(|table| {
            format!("delete from {table}; insert into {table} select * from {table}_backup;")
        });
        database.run(&format!("begin; {} commit", restore.concat())).await;
        let recorder = Recorder::subscribed_to(&*there);
        let new = issue(&here, "acme").await.unwrap(); // the same revision if one change was lost
        here.revoke_token(&"acme".into(), &new.record.id).await.unwrap();
        if lost == 1 {
            here.revoke_token(&"acme".into(), &old.record.id).await.unwrap();
        }
        there.catch_up().await.unwrap();
        assert!(recorder.contains("all"), "{lost} changes were lost");
    }
}

async fn open_without_polling(database: &Database) -> Arc<SqlStore> {
    let options = tolerant_options().with_poll_interval(Duration::from_secs(3_600));
    Arc::new(options.connect(&database.address).await.unwrap())
}

fn log_of(revisions: std::ops::Range<i64>, key: &str) -> String {
    let last = revisions.end - 1;
    let rows = revisions.map(|revision| format!("({revision}, 'token', {key})"));
    let rows = Vec::from_iter(rows).join(",");
    format!(
        "insert into dualkey_changes (revision, kind, key) values {rows};
         update dualkey_revision set revision = {last}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_store_leaves_no_connection() {
    let database = Database::postgres();
    let connections = "select application_name from pg_stat_activity
        where application_name = 'dualkey' and datname = current_database()";
    let store = database.open().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!database.texts(connections).await.is_empty());
    drop(store);
    let began = Instant::now();
    while !database.texts(connections).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "a connection is left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
