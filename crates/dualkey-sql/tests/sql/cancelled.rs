//! Whoever stops waiting for an answer leaves nothing half done.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dualkey_store::{DailyUsage, Page, PartnerId, Registry, UsageStore as _};

use crate::support::{Database, issue, on_both, patient, registry};

on_both!(
    a_verb_that_is_dropped_is_done_wholly_or_not_at_all,
    a_verb_past_its_deadline_is_done_wholly_or_not_at_all,
    a_verb_that_was_never_polled_does_nothing,
    usage_that_is_given_up_is_added_once_or_not_at_all,
);

async fn a_verb_that_is_dropped_is_done_wholly_or_not_at_all(database: Database) {
    let registry = database.registry().await.with_max_tokens_per_organization(1_000);
    for delay in 0..100 {
        let issuing = issue(&registry, "acme");
        let _late = tokio::time::timeout(Duration::from_micros(delay * 30), issuing).await;
    }
    whole(&database, &registry).await;
}

async fn a_verb_past_its_deadline_is_done_wholly_or_not_at_all(database: Database) {
    let patient_one = database.registry().await.with_max_tokens_per_organization(1_000);
    for delay in 1..20 {
        let deadline = Duration::from_micros(delay * 500);
        // Opening keeps deadlines too: whoever has none that it can keep is not opened.
        if let Ok(store) = patient().with_timeout(deadline).connect(&database.address).await {
            let hasty = registry(std::sync::Arc::new(store));
            for _ in 0..4 {
                let _late = issue(&hasty, "acme").await;
            }
        }
    }
    whole(&database, &patient_one).await;
}

/// Each token has its entry in the trail and its change, and nothing holds a lock.
async fn whole(database: &Database, registry: &Registry) {
    issue(registry, "acme").await.unwrap(); // waits for all that was begun
    tokio::time::sleep(Duration::from_millis(300)).await;
    let tokens = registry.tokens(&"acme".into()).await.unwrap().len();
    let trail = registry.audit(Some(&"acme".into()), Page::first(u32::MAX)).await.unwrap();
    assert_eq!(trail.len(), tokens);
    assert_eq!(database.count("dualkey_changes").await, tokens);
    let revision = database.texts("select cast(revision as text) from dualkey_revision").await;
    assert_eq!(revision, [tokens.to_string()]);
    nobody_idles(database).await;
    issue(registry, "other").await.unwrap();
}

async fn a_verb_that_was_never_polled_does_nothing(database: Database) {
    let registry = database.registry().await;
    drop(issue(&registry, "acme"));
    let mut polled = pin!(issue(&registry, "acme"));
    let pending = polled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(pending, Poll::Pending));
    polled.await.unwrap();
    assert_eq!(database.count("dualkey_tokens").await, 1);
}

async fn usage_that_is_given_up_is_added_once_or_not_at_all(database: Database) {
    let store = database.open().await;
    let usage = [DailyUsage { partner: PartnerId::from_bytes([7; 16]), day: 7, permits: 1 }];
    let (mut added, mut asked) = (0, 0);
    for delay in (0..50).chain([1_000_000]) {
        let adding = store.add_usage(&usage);
        let added_in_time = tokio::time::timeout(Duration::from_micros(delay * 40), adding).await;
        added += u64::from(added_in_time.is_ok_and(|added| added.is_ok()));
        asked += 1;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let counted = store.usage(usage[0].partner, 7).await.unwrap();
    assert!((1..=asked).contains(&added) && (added..=asked).contains(&counted));
    nobody_idles(&database).await;
}

/// No connection was left in a transaction.
async fn nobody_idles(database: &Database) {
    if !database.is_sqlite() {
        let idle = "select state from pg_stat_activity
            where state like 'idle in transaction%' and datname = current_database()";
        assert_eq!(database.texts(idle).await, [""; 0]);
    }
}
