//! The conformance suite of the ports, on both databases.

use std::sync::{Arc, Mutex};

use dualkey_store::Store;
use dualkey_testing::conformance;

use crate::support::Database;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    conforms(Database::sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    conforms(Database::postgres).await;
}

/// Runs each check on a new database.
async fn conforms(new: impl Fn() -> Database) {
    let databases = Mutex::new(Vec::new());
    conformance::check(|| {
        let database = new();
        async {
            let store = database.open().await;
            databases.lock().unwrap().push(database);
            store as Arc<dyn Store>
        }
    })
    .await;
}
