//! An unavailable, locked or invalid database causes an error, which names the cause within the timeout.

use std::error::Error as _;
use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dualkey_sql::SqlStore;
use dualkey_store::{PartnerStore as _, RegistryError};
use dualkey_testing::postgres::Server;
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::support::{Database, Folder, issue, registry};

/// The timeout of one second, plus the delays of a busy machine.
const LIMIT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_address_is_an_error_within_the_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap(); // accepts connections and never answers
    let folder = Folder::new();
    fs::write(folder.0.join("text"), "not a database, although it is as long as the header of one")
        .unwrap();
    let folder_name = folder.0.display();
    for (address, reason) in [
        ("postgres://app:hunter2@127.0.0.1:1/app".into(), "refused"),
        ("postgres://app:hunter2@localhost/app?host=/nowhere".into(), "No such file"),
        (format!("postgres://app:hunter2@{}/app", silent.local_addr().unwrap()), "answer"),
        ("postgres://app:hunter2@127.0.0.1:port/app".into(), "malformed"),
        ("mysql://app:hunter2@127.0.0.1/app".into(), "begins with sqlite: or postgres://"),
        ("hunter2".into(), "begins with sqlite: or postgres://"),
        ("sqlite::memory:".into(), "MemoryStore"),
        (format!("sqlite:{folder_name}/missing/gate.db"), "No such file"),
        (format!("sqlite:{folder_name}"), "unable to open"),
        (format!("sqlite:{folder_name}/text"), "not a database"),
    ] {
        let began = Instant::now();
        let error = SqlStore::connect(&address).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{address}: {error}");
        assert!(began.elapsed() < LIMIT, "{address}: {:?}", began.elapsed());
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_an_error_within_the_timeout() {
    let server = Server::start();
    let store = Arc::new(SqlStore::connect(&server.new_database()).await.unwrap());
    let registry = registry(store.clone());
    issue(&registry, "acme").await.unwrap();
    server.kill();
    let operations = (0..32).map(|_| {
        let (store, registry) = (store.clone(), registry.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            let read = store.partner_by_key(&"key-number-1".parse().unwrap()).await.unwrap_err();
            let after_read = began.elapsed();
            let RegistryError::Store(write) = issue(&registry, "acme").await.unwrap_err() else {
                panic!("expected an error of the store");
            };
            assert!(after_read < LIMIT && began.elapsed() < LIMIT * 2);
            [read, write].map(|error| error.source().unwrap().to_string())
        })
    });
    for operation in Vec::from_iter(operations) {
        for reason in operation.await.unwrap() {
            let is_clear = ["refused", "closed", "reset", "terminat", "eof", "shutdown"];
            assert!(is_clear.iter().any(|word| reason.contains(word)), "{reason}");
        }
    }
    tokio::task::block_in_place(|| server.start_again());
    issue(&registry, "acme").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_an_error_within_the_timeout() {
    let database = Database::postgres();
    let registry = registry(Arc::new(SqlStore::connect(&database.address).await.unwrap()));
    let mut other = PgConnection::connect(&database.address).await.unwrap();
    other.execute("begin; update dualkey_revision set revision = revision + 1").await.unwrap();
    let began = Instant::now();
    assert!(issue(&registry, "acme").await.is_err());
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    assert!(registry.tokens(&"acme".into()).await.unwrap().is_empty(), "reads still succeed");
    other.execute("rollback").await.unwrap();
    issue(&registry, "acme").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_an_error_within_the_timeout() {
    let database = Database::sqlite();
    let registry = registry(Arc::new(SqlStore::connect(&database.address).await.unwrap()));
    let mut other = SqliteConnection::connect(&database.address).await.unwrap();
    other.execute("begin immediate").await.unwrap();
    let began = Instant::now();
    let RegistryError::Store(error) = issue(&registry, "acme").await.unwrap_err() else {
        panic!("expected an error of the store");
    };
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    let reason = error.source().unwrap().to_string();
    assert!(reason.contains("database is locked"), "{reason}");
    assert!(registry.tokens(&"acme".into()).await.unwrap().is_empty(), "reads still succeed");
    other.execute("rollback").await.unwrap();
    issue(&registry, "acme").await.unwrap();
}
