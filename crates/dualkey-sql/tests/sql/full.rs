//! A full disk causes a clear error and no damage, and the store works again after space is freed.

use std::error::Error as _;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use dualkey_store::{Registry, RegistryError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

use crate::support::{Database, issue, registry, tolerant_options};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_at_its_maximum_size_is_a_clear_error() {
    let database = Database::sqlite();
    let pool = pool_with_pages(&database, "60");
    let store = registry(Arc::new(tolerant_options().from_sqlite_pool(pool).await.unwrap()));
    fill(&store).await;
    assert!(store.tokens(&"acme".into()).await.is_ok(), "reads still succeed");
    assert_eq!(database.texts("pragma integrity_check").await, ["ok"]);

    let pool = pool_with_pages(&database, "6000");
    let store = registry(Arc::new(tolerant_options().from_sqlite_pool(pool).await.unwrap()));
    issue(&store, "other").await.unwrap();
}

fn pool_with_pages(database: &Database, pages: &'static str) -> SqlitePool {
    let options: SqliteConnectOptions = database.address.parse().unwrap();
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let options = options.pragma("max_page_count", pages);
    SqlitePoolOptions::new().max_connections(2).connect_lazy_with(options)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_a_clear_error_until_space_is_freed() {
    let database = Database::sqlite();
    let folder = database.folder.as_ref().unwrap().0.clone();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(&folder);
    let is_mounted = mount.status().is_ok_and(|status| status.success());
    assert!(
        is_mounted,
        "cannot mount a disk to fill: run this as root, or under `unshare --map-root-user --mount`"
    );
    let _unmount = Unmount(folder.clone());
    fs::write(folder.join("filler"), vec![1; 2 << 20]).unwrap();
    let store = database.registry().await;
    fill(&store).await;
    assert!(store.tokens(&"acme".into()).await.is_ok(), "reads still succeed");

    fs::remove_file(folder.join("filler")).unwrap();
    issue(&store, "other").await.unwrap();
    assert_eq!(database.texts("pragma integrity_check").await, ["ok"]);
    let tokens = database.count("dualkey_tokens").await;
    assert_eq!(database.count("dualkey_audit").await, tokens);
}

/// Issues tokens until the disk is full.
async fn fill(registry: &Registry) {
    let registry = registry.clone().with_max_tokens_per_organization(1_000_000);
    let error = loop {
        if let Err(error) = issue(&registry, "acme").await {
            break error;
        }
    };
    let RegistryError::Store(error) = error else { panic!("{error:?}") };
    let reason = error.source().unwrap().to_string();
    assert!(reason.contains("database or disk is full"), "{reason}");
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
