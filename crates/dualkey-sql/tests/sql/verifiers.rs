//! A verifier in another process refuses a revoked token.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dualkey_limit::{Clock as _, FakeClock, LimitPolicy, Rate, Timestamp};
use dualkey_scope::Requirement;
use dualkey_sql::SqlStore;
use dualkey_store::{NewPartner, Registry, Store as _};
use dualkey_verify::Verifier;
use http::HeaderMap;

use crate::support::{Database, issue, on_both, registry, wait_for_watermark};

on_both!(a_token_revoked_in_one_process_is_refused_in_another);

async fn a_token_revoked_in_one_process_is_refused_in_another(database: Database) {
    let (here, registry) = (open(&database).await, open(&database).await);
    let there = Verifier::new(registry.clone());
    let many = NonZeroU32::new(100_000).unwrap();
    let (name, api_key) = ("partner".into(), Some("key-number-1".parse().unwrap()));
    let policy = LimitPolicy::new(Rate::per_second(many), many);
    here.register_partner(NewPartner { name, policy, api_key }).await.unwrap();
    let token = issue(&here, "acme").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", "key-number-1".parse().unwrap());
    let bearer = format!("Bearer {}", token.secret.expose_secret());
    headers.insert("authorization", bearer.parse().unwrap());
    wait_for_watermark(&registry).await; // a later change notice would invalidate the cache entry
    there.verify(&headers, &Requirement::NONE).await.unwrap(); // cached from now on

    here.revoke_token(&"acme".into(), &token.record.id).await.unwrap();
    let acknowledged = Instant::now();
    let denial = loop {
        match there.verify(&headers, &Requirement::NONE).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(denial) => break denial,
        }
    };
    println!("refused {:?} after the revocation was acknowledged", acknowledged.elapsed());
    assert_eq!(denial.code(), "token_invalid");
    assert!(
        acknowledged.elapsed() < Duration::from_secs(1),
        "before the cache entry would be stale"
    );
}

/// A registry in 2023 on a store whose server has the current date.
#[tokio::test(flavor = "multi_thread")]
async fn the_watermark_is_a_time_of_the_registry_s_clock() {
    let database = Database::sqlite();
    let store = database.open().await;
    let clock = FakeClock::new(Timestamp::from_secs(1_700_000_000));
    let registry = registry(store.clone());
    let (catalogue, prefix) = (registry.catalogue().clone(), *registry.prefix());
    drop(registry);
    let registry = Registry::new(catalogue, prefix, store.clone(), Arc::new(clock.clone()));
    store.catch_up().await.unwrap();
    assert_eq!(registry.store().changes().watermark(), clock.now());
    clock.advance(Duration::from_secs(60));
    store.catch_up().await.unwrap();
    assert_eq!(registry.store().changes().watermark(), clock.now());
}

async fn open(database: &Database) -> Registry {
    registry(Arc::new(SqlStore::connect(&database.address).await.unwrap()))
}
