//! Stores and feeds recover when a server is killed under load and started again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dualkey_sql::SqlStore;
use dualkey_store::{Registry, TokenId};
use dualkey_testing::postgres::Server;

use crate::support::recorder::Recorder;
use crate::support::{Database, issue, registry, wait_for_watermark};

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_survives_a_server_that_is_killed_under_load() {
    let server = Server::start();
    let database = Database { address: server.new_database(), folder: None };
    let (here, there) = (open(&database).await, open(&database).await);
    let recorder = Recorder::subscribed_to(&**there.store());
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let load = tokio::spawn(load(here.clone(), Arc::clone(&acknowledged)));
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(1_100)).await; // longer than the timeout
        tokio::task::block_in_place(|| server.start_again());
        recovers(&acknowledged, &there).await;
    }
    load.abort();
    let _aborted = load.await;
    all_are_stored(&acknowledged, &there).await;

    recorder.clear();
    let token = issue(&here, "other").await.unwrap();
    let acknowledged = Instant::now();
    let received = recorder.received_token(&token.secret.digest()).await;
    println!("received after {:?}", received.saturating_duration_since(acknowledged));
}

/// With the default timeout of one second.
async fn open(database: &Database) -> Registry {
    let store = SqlStore::connect(&database.address).await.unwrap();
    registry(Arc::new(store)).with_max_tokens_per_organization(1_000_000)
}

/// Issues tokens without a pause, and records those that were acknowledged.
async fn load(registry: Registry, acknowledged: Arc<Mutex<Vec<TokenId>>>) {
    loop {
        let began = Instant::now();
        match issue(&registry, "acme").await {
            Ok(token) => acknowledged.lock().unwrap().push(token.record.id),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        assert!(began.elapsed() < Duration::from_secs(3), "the timeout is one second");
    }
}

async fn recovers(acknowledged: &Mutex<Vec<TokenId>>, there: &Registry) {
    let before = acknowledged.lock().unwrap().len();
    let began = Instant::now();
    while acknowledged.lock().unwrap().len() == before {
        assert!(began.elapsed() < Duration::from_secs(30), "the store does not recover");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("the store recovered after {:?}", began.elapsed());
    wait_for_watermark(there).await;
    println!("the feed recovered after {:?}", began.elapsed());
}

async fn all_are_stored(acknowledged: &Mutex<Vec<TokenId>>, there: &Registry) {
    let acknowledged = std::mem::take(&mut *acknowledged.lock().unwrap());
    let last = acknowledged.last().unwrap();
    let stored = there.store().token(&"acme".into(), last).await.unwrap();
    assert!(stored.is_some(), "the token that was acknowledged last is stored");
    let listed = there.tokens(&"acme".into()).await.unwrap();
    assert!(acknowledged.iter().all(|id| listed.iter().any(|token| token.id == *id)));
}
