//! The file of a SQLite database is replaced while stores use it.

use std::error::Error as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dualkey_sql::SqlStore;
use dualkey_store::{IssuedToken, Registry, Store as _, StoreError, TokenStore as _};

use crate::support::events::Events;
use crate::support::recorder::Recorder;
use crate::support::{Database, issue, registry, tolerant_options};

/// A store on a database file, and an older copy of the file.
struct Replaced {
    database: Database,
    store: Arc<SqlStore>,
    registry: Registry,
    /// A token in both files.
    kept: IssuedToken,
    /// A token that is newer than the copy.
    lost: IssuedToken,
}

impl Replaced {
    async fn new() -> Self {
        let database = Database::sqlite();
        let store = Arc::new(tolerant_options().connect(&database.address).await.unwrap());
        let registry = registry(store.clone());
        let kept = issue(&registry, "acme").await.unwrap();
        let copy = database.folder.as_ref().unwrap().0.join("dualkey.dbcopy");
        database.run(&format!("vacuum into '{}'", copy.display())).await;
        let lost = issue(&registry, "acme").await.unwrap();
        store.catch_up().await.unwrap();
        Self { database, store, registry, kept, lost }
    }

    /// The path of the database file, followed by this.
    fn file(&self, ending: &str) -> PathBuf {
        self.database.folder.as_ref().unwrap().0.join(format!("dualkey.db{ending}"))
    }

    fn remove_log(&self) {
        fs::remove_file(self.file("-wal")).unwrap();
        fs::remove_file(self.file("-shm")).unwrap();
    }

    async fn is_stored(&self, token: &IssuedToken) -> Result<bool, StoreError> {
        let found = self.store.token_by_digest(&token.secret.digest()).await?;
        Ok(found.is_some())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_file_is_followed() {
    let this = Replaced::new().await;
    let recorder = Recorder::subscribed_to(&*this.store);
    this.remove_log();
    fs::rename(this.file("copy"), this.file("")).unwrap();
    recorder.received("all").await;
    assert!(this.is_stored(&this.kept).await.unwrap());
    assert!(!this.is_stored(&this.lost).await.unwrap(), "from the old file");

    recorder.clear();
    let other = this.database.registry().await;
    other.revoke_token(&"acme".into(), &this.kept.record.id).await.unwrap();
    recorder.received_token(&this.kept.secret.digest()).await;
    assert!(!this.is_stored(&this.kept).await.unwrap());
    let new = issue(&this.registry, "acme").await.unwrap();
    assert_eq!(other.tokens(&"acme".into()).await.unwrap(), [new.record]);
}

#[tokio::test] // one thread, so that the subscriber receives the events of the feed
async fn a_new_file_beside_the_log_of_the_old_one_is_refused() {
    let events = Events::default();
    let _subscriber = events.of_this_thread();
    let this = Replaced::new().await;
    fs::rename(this.file("copy"), this.file("")).unwrap();
    let refusal = this.is_stored(&this.lost).await.unwrap_err();
    let reason = refusal.source().unwrap().to_string();
    assert!(reason.contains("replaced") && reason.contains("-wal"), "{reason}");
    assert!(issue(&this.registry, "acme").await.is_err());
    assert!(this.store.catch_up().await.is_err());
    events.received(&reason).await;

    let recorder = Recorder::subscribed_to(&*this.store);
    this.remove_log();
    recorder.received("all").await;
    assert!(!this.is_stored(&this.lost).await.unwrap());
    assert!(this.is_stored(&this.kept).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_refused_until_it_is_back() {
    let this = Replaced::new().await;
    fs::rename(this.file(""), this.file("moved")).unwrap();
    let refusal = this.is_stored(&this.kept).await.unwrap_err();
    let reason = refusal.source().unwrap().to_string();
    assert!(reason.contains("No such file"), "{reason}");
    fs::rename(this.file("moved"), this.file("")).unwrap();
    assert!(this.is_stored(&this.lost).await.unwrap());
    let began = Instant::now();
    while this.store.catch_up().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "the feed is down");
    }
}
