//! An operation is atomic when its future is dropped or when its timeout elapses.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dualkey_store::{DailyUsage, Page, PartnerId, Registry, UsageStore as _};

use crate::support::{Database, issue, on_both, tolerant_options};

on_both!(
    a_dropped_operation_takes_effect_wholly_or_not_at_all,
    a_timed_out_operation_takes_effect_wholly_or_not_at_all,
    an_operation_that_was_never_polled_has_no_effect,
    cancelled_usage_is_added_once_or_not_at_all,
);

async fn a_dropped_operation_takes_effect_wholly_or_not_at_all(database: Database) {
    let registry = database.registry().await.with_max_tokens_per_organization(1_000);
    for delay in 0..100 {
        let issuing = issue(&registry, "acme");
        let _late = tokio::time::timeout(Duration::from_micros(delay * 30), issuing).await;
    }
    assert_consistent(&database, &registry).await;
}

async fn a_timed_out_operation_takes_effect_wholly_or_not_at_all(database: Database) {
    let registry = database.registry().await.with_max_tokens_per_organization(1_000);
    for delay in 1..20 {
        let timeout = Duration::from_micros(delay * 500);
        // Opening a store has the same timeout, and fails if it is too short.
        if let Ok(store) = tolerant_options().with_timeout(timeout).connect(&database.address).await
        {
            let impatient = crate::support::registry(std::sync::Arc::new(store));
            for _ in 0..4 {
                let _late = issue(&impatient, "acme").await;
            }
        }
    }
    assert_consistent(&database, &registry).await;
}

/// Each token has its audit entry and its change, and no transaction is left open.
async fn assert_consistent(database: &Database, registry: &Registry) {
    issue(registry, "acme").await.unwrap(); // waits for the changes that have begun
    tokio::time::sleep(Duration::from_millis(300)).await;
    let tokens = registry.tokens(&"acme".into()).await.unwrap().len();
    let trail = registry.audit(Some(&"acme".into()), Page::first(u32::MAX)).await.unwrap();
    assert_eq!(trail.len(), tokens);
    assert_eq!(database.count("dualkey_changes").await, tokens);
    let revision = database.texts("select cast(revision as text) from dualkey_revision").await;
    assert_eq!(revision, [tokens.to_string()]);
    assert_no_open_transaction(database).await;
    issue(registry, "other").await.unwrap();
}

async fn an_operation_that_was_never_polled_has_no_effect(database: Database) {
    let registry = database.registry().await;
    drop(issue(&registry, "acme"));
    let mut polled = pin!(issue(&registry, "acme"));
    let pending = polled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(pending, Poll::Pending));
    polled.await.unwrap();
    assert_eq!(database.count("dualkey_tokens").await, 1);
}

async fn cancelled_usage_is_added_once_or_not_at_all(database: Database) {
    let store = database.open().await;
    let usage = [DailyUsage { partner: PartnerId::from_bytes([7; 16]), day: 7, permits: 1 }];
    let (mut added, mut attempts) = (0, 0);
    for delay in (0..50).chain([1_000_000]) {
        let adding = store.add_usage(&usage);
        let added_in_time = tokio::time::timeout(Duration::from_micros(delay * 40), adding).await;
        added += u64::from(added_in_time.is_ok_and(|added| added.is_ok()));
        attempts += 1;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let counted = store.usage(usage[0].partner, 7).await.unwrap();
    assert!((1..=attempts).contains(&added) && (added..=attempts).contains(&counted));
    assert_no_open_transaction(&database).await;
}

async fn assert_no_open_transaction(database: &Database) {
    if !database.is_sqlite() {
        let idle = "select state from pg_stat_activity
            where state like 'idle in transaction%' and datname = current_database()";
        assert_eq!(database.texts(idle).await, [""; 0]);
    }
}
