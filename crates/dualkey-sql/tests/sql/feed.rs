//! Processes on one database hear of one another's changes. A process is a store here: each has its
//! own pool and its own feed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dualkey_limit::{Clock as _, SystemClock};
use dualkey_store::{Change, ChangeListener, Registry, Store, TokenId};
use dualkey_testing::postgres::Server;

use crate::support::{Database, issue, on_both, patient, register, registry};

on_both!(
    a_revocation_is_heard_elsewhere_in_time,
    a_partner_that_changes_is_heard_of_elsewhere,
    a_gap_in_the_log_is_heard_as_any_change,
    the_log_reaches_back_ten_thousand_changes,
);

#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(String, Instant)>>);

impl ChangeListener for Heard {
    fn on_change(&self, change: &Change) {
        let what = match change {
            Change::Partner(api_key) => api_key.to_string(),
            Change::Token(digest) => format!("{:?}", digest.as_bytes()),
            _ => "all".to_owned(),
        };
        self.0.lock().unwrap().push((what, Instant::now()));
    }
}

impl Heard {
    fn from(store: &dyn Store) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        store.changes().subscribe(&heard);
        heard
    }

    /// When it heard of this, since it was last asked to forget.
    async fn of(&self, what: &str) -> Instant {
        let began = Instant::now();
        loop {
            let heard = self.0.lock().unwrap().iter().find(|(heard, _)| heard == what).cloned();
            match heard {
                Some((_, at)) => return at,
                None => assert!(began.elapsed() < Duration::from_secs(30), "{what} is not heard"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn forget(&self) {
        self.0.lock().unwrap().clear();
    }
}

async fn a_revocation_is_heard_elsewhere_in_time(database: Database) {
    let (here, there) = (database.registry().await, database.registry().await);
    let heard = Heard::from(&**there.store());
    let mut latencies = Vec::new();
    for round in 0..21 {
        let token = issue(&here, "acme").await.unwrap();
        let digest = format!("{:?}", token.secret.digest().as_bytes());
        heard.of(&digest).await;
        heard.forget();
        tokio::time::sleep(Duration::from_millis(round * 17 % 50)).await;
        here.revoke_token(&"acme".into(), &token.record.id).await.unwrap();
        let acknowledged = Instant::now();
        let at = heard.of(&digest).await;
        latencies.push(at.saturating_duration_since(acknowledged));
        is_complete_after(&there, SystemClock.now()).await;
    }
    latencies.sort();
    println!("heard after {:?} in the median, {:?} at most", latencies[10], latencies[20]);
    assert!(latencies[10] < Duration::from_millis(250), "{latencies:?}");
}

/// Waits until all changes until then are known.
async fn is_complete_after(registry: &Registry, time: dualkey_limit::Timestamp) {
    let began = Instant::now();
    while registry.store().changes().watermark() < time {
        assert!(began.elapsed() < Duration::from_secs(30), "the feed stands still");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(registry.store().changes().watermark() <= SystemClock.now());
}

async fn a_partner_that_changes_is_heard_of_elsewhere(database: Database) {
    let (here, there) = (database.registry().await, database.registry().await);
    let heard = Heard::from(&**there.store());
    let partner = register(&here, "key-number-1").await;
    heard.of("key-number-1").await;
    heard.forget();
    here.set_enabled(&partner.api_key, false).await.unwrap();
    heard.of("key-number-1").await;
}

async fn a_gap_in_the_log_is_heard_as_any_change(database: Database) {
    let registry = database.registry().await;
    let heard = Heard::from(&**registry.store());
    let token = issue(&registry, "acme").await.unwrap();
    is_complete_after(&registry, SystemClock.now()).await;
    for cut in [
        "update dualkey_revision set revision = revision + 3",
        "update dualkey_revision set revision = 0; delete from dualkey_changes", // a backup
    ] {
        heard.forget();
        database.run(cut).await;
        heard.of("all").await;
    }
    heard.forget();
    registry.revoke_token(&"acme".into(), &token.record.id).await.unwrap();
    is_complete_after(&registry, SystemClock.now()).await;
    let heard = heard.0.lock().unwrap();
    assert!(heard.iter().all(|(what, _)| what != "all"), "the feed goes on from there");
}

async fn the_log_reaches_back_ten_thousand_changes(database: Database) {
    let store = patient().with_poll_interval(Duration::from_secs(3_600));
    let registry = registry(Arc::new(store.connect(&database.address).await.unwrap()));
    let key = if database.is_sqlite() { "x''" } else { "''" };
    database.run(&log_of(9_900..20_000, key)).await;
    for _ in 0..40 {
        issue(&registry, "acme").await.unwrap();
    }
    let oldest = "select cast(min(revision) as text) from dualkey_changes";
    assert_eq!(database.texts(oldest).await, ["10033"], "forgotten at revision 20,032");
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
async fn a_store_that_is_dropped_leaves_no_connection() {
    let database = Database::postgres();
    let ours = "select application_name from pg_stat_activity
        where application_name = 'gate' and datname = current_database()";
    let store = database.open().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!database.texts(ours).await.is_empty());
    drop(store);
    let began = Instant::now();
    while !database.texts(ours).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "a connection is left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_survives_a_server_that_is_killed_under_load() {
    let server = Server::start();
    let database = Database { address: server.new_database(), folder: None };
    let (here, there) = (impatient(&database).await, impatient(&database).await);
    let heard = Heard::from(&**there.store());
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let load = tokio::spawn(load(here.clone(), Arc::clone(&acknowledged)));
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        tokio::task::block_in_place(|| server.start_again());
        let before = acknowledged.lock().unwrap().len();
        let began = Instant::now();
        while acknowledged.lock().unwrap().len() == before {
            assert!(began.elapsed() < Duration::from_secs(30), "the store does not recover");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("the store recovered after {:?}", began.elapsed());
        is_complete_after(&there, SystemClock.now()).await;
        println!("the feed recovered after {:?}", began.elapsed());
    }
    load.abort();
    let _aborted = load.await;
    let id = acknowledged.lock().unwrap().pop().unwrap();
    let stored = there.store().token(&"acme".into(), &id).await.unwrap();
    assert!(stored.is_some(), "what was acknowledged last is there");
    let listed = there.tokens(&"acme".into()).await.unwrap();
    let is_listed = |id: &TokenId| listed.iter().any(|token| token.id == *id);
    assert!(acknowledged.lock().unwrap().iter().all(is_listed));

    heard.forget();
    let token = issue(&here, "other").await.unwrap();
    let acknowledged = Instant::now();
    let at = heard.of(&format!("{:?}", token.secret.digest().as_bytes())).await;
    println!("heard {:?} later", at.saturating_duration_since(acknowledged));
}

async fn impatient(database: &Database) -> Registry {
    let store = dualkey_sql::SqlStore::connect(&database.address).await.unwrap();
    registry(Arc::new(store)).with_max_tokens_per_organization(1_000_000)
}

async fn load(registry: Registry, acknowledged: Arc<Mutex<Vec<TokenId>>>) {
    loop {
        let began = Instant::now();
        match issue(&registry, "acme").await {
            Ok(token) => acknowledged.lock().unwrap().push(token.record.id),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        assert!(began.elapsed() < Duration::from_secs(3), "the deadline is one second");
    }
}
